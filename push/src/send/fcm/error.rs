//! What Google's errors mean: the HTTP status says little, `FcmError.errorCode` in the details says it (reference page "FcmError").
//!
//! A 404 is a dead device only with `UNREGISTERED`; without it the project or the URL is wrong, and no token may be deleted for that.

use bytes::Bytes;
use hyper::StatusCode;
use serde::Deserialize;

use crate::send::Reason;

/// What follows from an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    TokenGone,
    Failed(Reason),
    TooLarge,
    /// The access token is refused.
    Unauthenticated,
    AppBroken(Reason),
    /// The project sends too much.
    Quota(Reason),
    /// This device gets too much.
    DeviceQuota(Reason),
    Unwell(Reason),
}

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    error: Error,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Error {
    status: String,
    message: String,
    details: Vec<Detail>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Detail {
    #[serde(rename = "@type")]
    kind: String,
    error_code: String,
    field_violations: Vec<Violation>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Violation {
    field: String,
}

pub(super) fn meaning(status: StatusCode, body: &Bytes) -> Meaning {
    let Body { error } = serde_json::from_slice(body).unwrap_or_default();
    let code = error.details.iter().find(|detail| detail.kind.ends_with("firebase.fcm.v1.FcmError"));
    match code.map_or("", |detail| detail.error_code.as_str()) {
        "UNREGISTERED" => Meaning::TokenGone,
        "INVALID_ARGUMENT" => invalid(&error),
        // The token belongs to another project; not "gone", for a wrong account in the settings would delete every token.
        "SENDER_ID_MISMATCH" => Meaning::Failed(Reason::new("SENDER_ID_MISMATCH")),
        "QUOTA_EXCEEDED" if error.message.to_ascii_lowercase().contains("device") => {
            Meaning::DeviceQuota(Reason::new("QUOTA_EXCEEDED"))
        }
        "QUOTA_EXCEEDED" => Meaning::Quota(Reason::new("QUOTA_EXCEEDED")),
        "UNAVAILABLE" => Meaning::Unwell(Reason::new("UNAVAILABLE")),
        "INTERNAL" => Meaning::Unwell(Reason::new("INTERNAL")),
        // The project's own key for Apple or for Web Push is refused: concerns such devices, not the project.
        "THIRD_PARTY_AUTH_ERROR" => Meaning::Failed(Reason::new("THIRD_PARTY_AUTH_ERROR")),
        _ => by_status(status, &error),
    }
}

fn by_status(status: StatusCode, error: &Error) -> Meaning {
    let word = match error.status.as_str() {
        "" => Reason::with(format!("HTTP {}", status.as_u16())),
        word => Reason::foreign(word),
    };
    match status.as_u16() {
        400 => invalid(error),
        401 => Meaning::Unauthenticated,
        // Google's own 404 is of this device or of the project; of which, it does not say. Any other comes from a wrong URL.
        404 if !error.status.is_empty() => Meaning::Failed(word),
        403 | 404 => Meaning::AppBroken(word),
        413 => Meaning::TooLarge,
        429 => Meaning::Quota(word),
        500.. => Meaning::Unwell(word),
        _ => Meaning::Failed(word),
    }
}

/// Google calls a malformed token an invalid argument too, and names the field, in the details or at least in words.
fn invalid(error: &Error) -> Meaning {
    let names_token = |field: &str| matches!(field, "message.token" | "message.fid");
    let in_details = error.details.iter().flat_map(|detail| &detail.field_violations).any(|v| names_token(&v.field));
    if in_details || error.message.contains("not a valid FCM registration token") {
        return Meaning::TokenGone;
    }
    if error.message.to_ascii_lowercase().contains("too big") {
        return Meaning::TooLarge;
    }
    Meaning::Failed(Reason::new("INVALID_ARGUMENT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Meaning {
        meaning(StatusCode::from_u16(status).unwrap(), &body.to_owned().into())
    }

    fn code(status: u16, code: &str, message: &str) -> Meaning {
        let body = format!(
            r#"{{"error":{{"code":{status},"message":"{message}","status":"X","details":[
                {{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"{code}"}}]}}}}"#
        );
        of(status, &body)
    }

    #[test]
    fn every_error_code() {
        let word = Reason::foreign;
        assert_eq!(code(404, "UNREGISTERED", ""), Meaning::TokenGone);
        assert_eq!(code(400, "INVALID_ARGUMENT", ""), Meaning::Failed(word("INVALID_ARGUMENT")));
        let bad = "The registration token is not a valid FCM registration token";
        assert_eq!(code(400, "INVALID_ARGUMENT", bad), Meaning::TokenGone);
        assert_eq!(code(400, "INVALID_ARGUMENT", "Message too big"), Meaning::TooLarge);
        assert_eq!(code(403, "SENDER_ID_MISMATCH", ""), Meaning::Failed(word("SENDER_ID_MISMATCH")));
        assert_eq!(code(429, "QUOTA_EXCEEDED", ""), Meaning::Quota(word("QUOTA_EXCEEDED")));
        let device = "Device message rate exceeded";
        assert_eq!(code(429, "QUOTA_EXCEEDED", device), Meaning::DeviceQuota(word("QUOTA_EXCEEDED")));
        assert_eq!(code(503, "UNAVAILABLE", ""), Meaning::Unwell(word("UNAVAILABLE")));
        assert_eq!(code(500, "INTERNAL", ""), Meaning::Unwell(word("INTERNAL")));
        assert_eq!(code(401, "THIRD_PARTY_AUTH_ERROR", ""), Meaning::Failed(word("THIRD_PARTY_AUTH_ERROR")));
    }

    #[test]
    fn without_an_error_code_the_status_counts() {
        assert_eq!(of(401, r#"{"error":{"status":"UNAUTHENTICATED"}}"#), Meaning::Unauthenticated);
        let denied = Meaning::AppBroken(Reason::foreign("PERMISSION_DENIED"));
        assert_eq!(of(403, r#"{"error":{"status":"PERMISSION_DENIED"}}"#), denied);
        let unknown = Meaning::Failed(Reason::foreign("NOT_FOUND"));
        assert_eq!(of(404, r#"{"error":{"status":"NOT_FOUND"}}"#), unknown);
        assert_eq!(of(404, "<html>"), Meaning::AppBroken(Reason::foreign("HTTP 404")));
        assert_eq!(of(502, ""), Meaning::Unwell(Reason::foreign("HTTP 502")));
        let field = r#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations":[{"field":"message.token"}]}]}}"#;
        assert_eq!(of(400, field), Meaning::TokenGone);
    }
}
