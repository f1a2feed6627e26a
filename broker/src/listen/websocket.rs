//! What a WebSocket handshake must show: the path, and a sub-protocol of MQTT [MQTT-6.0.0-3]; and, where a list is set, an origin on it.
//!
//! Only browsers send an origin, and they send it truly: the list keeps other people's pages from using a visitor's network or certificate.
//! It is no access control for clients that are no browser, so one without an origin passes.

use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Response};
use tokio_tungstenite::tungstenite::http::header::{ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};

pub(super) use tokio_tungstenite::tungstenite::handshake::server::Request;

/// `mqtt` is for 3.1.1 and 5.0; `mqttv3.1` is what older browser clients still offer.
const PROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// What is asked of a handshake.
pub(super) struct Rules {
    pub(super) path: String,
    /// Empty = all.
    pub(super) origins: Vec<String>,
}

/// Answers with the sub-protocol that was chosen, or refuses.
#[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
pub(super) fn check(request: &Request, mut response: Response, rules: &Rules) -> Result<Response, ErrorResponse> {
    if request.uri().path() != rules.path {
        return Err(refuse(StatusCode::NOT_FOUND, &format!("MQTT is at {}\n", rules.path)));
    }
    if !origin_is_listed(request, &rules.origins) {
        return Err(refuse(StatusCode::FORBIDDEN, "this origin is not on the server's list\n"));
    }
    let Some(protocol) = choose(request) else {
        return Err(refuse(StatusCode::BAD_REQUEST, "offer the WebSocket sub-protocol mqtt\n"));
    };
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    Ok(response)
}

/// Every origin that is named must be listed. Scheme and host are without case (RFC 6454, 4).
fn origin_is_listed(request: &Request, origins: &[String]) -> bool {
    let listed =
        |value: &HeaderValue| origins.iter().any(|known| value.as_bytes().eq_ignore_ascii_case(known.as_bytes()));
    origins.is_empty() || request.headers().get_all(ORIGIN).iter().all(listed)
}

/// The first offer that is known.
fn choose(request: &Request) -> Option<&'static str> {
    let offers = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    offers
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|offer| PROTOCOLS.into_iter().find(|known| known.eq_ignore_ascii_case(offer.trim())))
}

fn refuse(status: StatusCode, text: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(text.to_owned()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, protocols: &[&'static str]) -> Request {
        let mut request = Request::new(());
        *request.uri_mut() = path.parse().unwrap();
        for protocol in protocols {
            request.headers_mut().append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        request
    }

    fn answer(path: &str, protocols: &[&'static str]) -> Result<String, u16> {
        let rules = Rules { path: "/mqtt".to_owned(), origins: Vec::new() };
        check(&request(path, protocols), Response::new(()), &rules)
            .map(|response| response.headers()[SEC_WEBSOCKET_PROTOCOL].to_str().unwrap().to_owned())
            .map_err(|refused| refused.status().as_u16())
    }

    #[test]
    fn the_first_known_offer_is_answered() {
        assert_eq!(answer("/mqtt", &["mqtt"]), Ok("mqtt".into()));
        assert_eq!(answer("/mqtt?x=1", &["chat, mqttv3.1, mqtt"]), Ok("mqttv3.1".into()));
        assert_eq!(answer("/mqtt", &["chat", "mqtt"]), Ok("mqtt".into()));
    }

    #[test]
    fn pages_are_let_in_by_their_origin() {
        let status = |listed: &[&str], named: &[&'static str]| {
            let mut request = request("/mqtt", &["mqtt"]);
            for origin in named {
                request.headers_mut().append(ORIGIN, HeaderValue::from_static(origin));
            }
            let origins = listed.iter().map(|origin| (*origin).to_owned()).collect();
            let rules = Rules { path: "/mqtt".to_owned(), origins };
            check(&request, Response::new(()), &rules).map_err(|refused| refused.status().as_u16()).map(drop)
        };
        let list = &["https://chat.example.org", "http://localhost:3000"][..];
        assert_eq!(status(list, &["https://chat.example.org"]), Ok(()));
        assert_eq!(status(list, &["HTTPS://Chat.Example.org"]), Ok(()));
        assert_eq!(status(list, &[]), Ok(()), "no browser");
        for other in ["https://chat.example.org.evil.org", "http://chat.example.org", "null", "", "http://localhost"] {
            assert_eq!(status(list, &[other]), Err(403), "{other}");
            assert_eq!(status(&[], &[other]), Ok(()), "{other}");
        }
        assert_eq!(status(list, &["https://chat.example.org", "https://evil.org"]), Err(403));
    }

    #[test]
    fn nothing_else_gets_in() {
        assert_eq!(answer("/mqtt", &[]), Err(400));
        assert_eq!(answer("/mqtt", &["mqtt5"]), Err(400));
        assert_eq!(answer("/", &["mqtt"]), Err(404));
    }
}
