//! Every reason of Apple's table ("Handling notification responses from APNs", November 2026), and what follows.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;

use crate::send::Reason;
use crate::send::http::Answer;
use crate::send::verdict::Verdict;

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    reason: String,
    /// With 410: Unix milliseconds when Apple last knew the token to be invalid.
    timestamp: Option<u64>,
}

pub(super) fn is_expired_provider_token(answer: &Answer) -> bool {
    answer.status == StatusCode::FORBIDDEN && body(answer).reason == "ExpiredProviderToken"
}

/// Of any answer but 200.
pub(super) fn verdict(answer: &Answer, after: Option<Duration>) -> Verdict {
    let Body { reason, timestamp } = body(answer);
    match (answer.status.as_u16(), reason.as_str()) {
        (_, "Unregistered" | "ExpiredToken") | (410, _) => Verdict::TokenGone { at: timestamp },
        (_, "BadDeviceToken") => Verdict::TokenGone { at: None },
        (_, "PayloadTooLarge") | (413, _) => Verdict::TooLarge,
        // The device's own limit; the provider is well.
        (_, "TooManyRequests") => Verdict::later(Reason::new("TooManyRequests"), after),
        (_, "TooManyProviderTokenUpdates") | (429, _) => Verdict::unwell(or(&reason, "too many requests"), after),
        // A token that cannot belong to this application. Not "gone": a wrong topic in the settings would delete every token.
        (_, "DeviceTokenNotForTopic") => Verdict::failed("DeviceTokenNotForTopic"),
        (
            _,
            "BadCertificate"
            | "BadCertificateEnvironment"
            | "ExpiredProviderToken"
            | "Forbidden"
            | "InvalidProviderToken"
            | "MissingProviderToken"
            | "UnrelatedKeyIdInToken"
            | "BadEnvironmentKeyIdInToken"
            | "BadEnvironmentKeyInToken"
            | "BadTopic"
            | "MissingTopic"
            | "TopicDisallowed",
        )
        | (403, _) => Verdict::AppBroken(or(&reason, "forbidden")),
        // An idle connection that Apple closed under the request.
        (_, "IdleTimeout" | "InternalServerError" | "ServiceUnavailable" | "Shutdown") | (500.., _) => {
            Verdict::unwell(or(&reason, "server error"), after)
        }
        // BadCollapseId, BadExpirationDate, BadMessageId, BadPriority, DuplicateHeaders, InvalidPushType, MissingDeviceToken, PayloadEmpty,
        // BadPath, MethodNotAllowed, and what Apple may add.
        _ => Verdict::Failed(or(&reason, "refused")),
    }
}

fn body(answer: &Answer) -> Body {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn or(reason: &str, otherwise: &'static str) -> Reason {
    if reason.is_empty() { Reason::new(otherwise) } else { Reason::foreign(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Verdict {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: hyper::HeaderMap::new(),
            body: body.to_owned().into(),
        };
        verdict(&answer, None)
    }

    fn reason(status: u16, reason: &str) -> Verdict {
        of(status, &format!(r#"{{"reason":"{reason}"}}"#))
    }

    #[test]
    fn the_table() {
        for (status, word) in [
            (400, "BadCollapseId"),
            (400, "BadExpirationDate"),
            (400, "BadMessageId"),
            (400, "BadPriority"),
            (400, "DeviceTokenNotForTopic"),
            (400, "DuplicateHeaders"),
            (400, "InvalidPushType"),
            (400, "MissingDeviceToken"),
            (400, "PayloadEmpty"),
            (404, "BadPath"),
            (405, "MethodNotAllowed"),
        ] {
            assert_eq!(reason(status, word), Verdict::Failed(Reason::foreign(word)), "{word}");
        }
        for (status, word) in [
            (400, "BadTopic"),
            (400, "MissingTopic"),
            (400, "TopicDisallowed"),
            (403, "BadCertificate"),
            (403, "BadCertificateEnvironment"),
            (403, "BadEnvironmentKeyIdInToken"),
            (403, "ExpiredProviderToken"),
            (403, "Forbidden"),
            (403, "InvalidProviderToken"),
            (403, "MissingProviderToken"),
            (403, "UnrelatedKeyIdInToken"),
        ] {
            assert_eq!(reason(status, word), Verdict::AppBroken(Reason::foreign(word)), "{word}");
        }
        for (status, word) in [
            (400, "IdleTimeout"),
            (429, "TooManyProviderTokenUpdates"),
            (500, "InternalServerError"),
            (503, "ServiceUnavailable"),
            (503, "Shutdown"),
        ] {
            assert_eq!(reason(status, word), Verdict::unwell(Reason::foreign(word), None), "{word}");
        }
        assert_eq!(reason(429, "TooManyRequests"), Verdict::later(Reason::new("TooManyRequests"), None));
        assert_eq!(reason(413, "PayloadTooLarge"), Verdict::TooLarge);
        assert_eq!(reason(400, "BadDeviceToken"), Verdict::TokenGone { at: None });
    }

    #[test]
    fn a_token_that_is_gone_says_since_when() {
        for word in ["Unregistered", "ExpiredToken"] {
            let gone = of(410, &format!(r#"{{"reason":"{word}","timestamp":1700000000123}}"#));
            assert_eq!(gone, Verdict::TokenGone { at: Some(1_700_000_000_123) });
        }
    }

    #[test]
    fn answers_that_are_not_apples() {
        assert_eq!(of(502, "<html>"), Verdict::unwell(Reason::new("server error"), None));
        assert_eq!(of(400, ""), Verdict::failed("refused"));
        assert_eq!(of(302, ""), Verdict::failed("refused"));
    }
}
