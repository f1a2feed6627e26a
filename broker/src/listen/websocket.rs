//! What a WebSocket handshake must show: the path, and a sub-protocol of MQTT [MQTT-6.0.0-3].

use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};

pub(super) use tokio_tungstenite::tungstenite::handshake::server::Request;

/// `mqtt` is for 3.1.1 and 5.0; `mqttv3.1` is what older browser clients still offer.
const PROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// Answers with the sub-protocol that was chosen, or refuses.
#[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
pub(super) fn check(request: &Request, mut response: Response, path: &str) -> Result<Response, ErrorResponse> {
    if request.uri().path() != path {
        return Err(refuse(StatusCode::NOT_FOUND, &format!("MQTT is at {path}\n")));
    }
    let Some(protocol) = choose(request) else {
        return Err(refuse(StatusCode::BAD_REQUEST, "offer the WebSocket sub-protocol mqtt\n"));
    };
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    Ok(response)
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
        check(&request(path, protocols), Response::new(()), "/mqtt")
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
    fn nothing_else_gets_in() {
        assert_eq!(answer("/mqtt", &[]), Err(400));
        assert_eq!(answer("/mqtt", &["mqtt5"]), Err(400));
        assert_eq!(answer("/", &["mqtt"]), Err(404));
    }
}
