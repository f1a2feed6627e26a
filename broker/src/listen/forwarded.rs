//! `X-Forwarded-For` of a WebSocket handshake: every proxy on the way appends from whom it has the request.
//!
//! The list is read from its end, as long as those are trusted that wrote it. What a client put there itself is never reached.

use std::net::IpAddr;

use tokio_tungstenite::tungstenite::http::HeaderMap;

const HEADER: &str = "x-forwarded-for";

/// Where the client is, if `peer` is trusted to say it, and does.
pub(super) fn client(headers: &HeaderMap, peer: IpAddr, trust: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    if !trust(peer) {
        return None;
    }
    let values: Vec<&str> = headers.get_all(HEADER).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut client = None;
    for word in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        // What is no address was not written by one that is trusted.
        let Some(address) = address(word.trim()) else { return client };
        client = Some(address);
        if !trust(address) {
            return client;
        }
    }
    client
}

/// Some proxies write a port too.
fn address(word: &str) -> Option<IpAddr> {
    let plain = word.parse::<IpAddr>().ok();
    let with_port = || word.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || word.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    Some(plain.or_else(with_port).or_else(in_brackets)?.to_canonical())
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::http::HeaderValue;

    use super::*;

    fn found(peer: &str, headers: &[&'static str]) -> Option<String> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(HEADER, HeaderValue::from_static(header));
        }
        let trusted: longwave_model::Network = "10.0.0.0/8".parse().unwrap();
        client(&map, peer.parse().unwrap(), |address| trusted.contains(address)).map(|found| found.to_string())
    }

    #[test]
    fn the_last_that_is_not_trusted_is_the_client() {
        for (headers, expected) in [
            (&["192.0.2.7"][..], "192.0.2.7"),
            (&["203.0.113.1, 192.0.2.7"], "192.0.2.7"),
            (&["192.0.2.7, 10.0.0.9"], "192.0.2.7"),
            (&["1.1.1.1", "192.0.2.7,10.0.0.9", "10.1.1.1"], "192.0.2.7"),
            (&["192.0.2.7:4711"], "192.0.2.7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&["10.0.0.8"], "10.0.0.8"),
            (&["unknown, 10.0.0.8"], "10.0.0.8"),
        ] {
            assert_eq!(found("10.0.0.1", headers).as_deref(), Some(expected), "{headers:?}");
        }
    }

    #[test]
    fn nobody_else_is_believed_and_nonsense_is_nothing() {
        assert_eq!(found("192.0.2.1", &["203.0.113.1"]), None);
        for header in ["", "unknown", "a,b", "10.0.0.8, evil"] {
            assert_eq!(found("10.0.0.1", &[header]), None, "{header}");
        }
        assert_eq!(found("10.0.0.1", &[]), None);
    }
}
