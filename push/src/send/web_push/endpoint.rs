//! An endpoint that a user gave us, checked before anything is asked of it.

use hyper::Uri;
use hyper::http::uri::Scheme;

use crate::send::{Reason, Secret};

/// Bytes; the endpoints of browsers have 150 to 600.
const LONGEST: usize = 2048;

/// An https URL without a user name. Its `Debug` shows only the origin, for the rest is a capability.
#[derive(Clone)]
pub(crate) struct Endpoint {
    uri: Uri,
    origin: String,
}

impl Endpoint {
    pub(crate) fn parse(text: &Secret) -> Result<Self, Reason> {
        let text = text.expose();
        if text.len() > LONGEST {
            return Err(Reason::new("the endpoint is too long"));
        }
        let uri: Uri = text.parse().map_err(|_| Reason::new("the endpoint is no URL"))?;
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Err(Reason::new("the endpoint is not https"));
        }
        let authority = uri.authority().ok_or(Reason::new("the endpoint has no host"))?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(Reason::new("the endpoint has no plain host"));
        }
        let host = authority.host().to_ascii_lowercase();
        let origin = match authority.port_u16() {
            None | Some(443) => format!("https://{host}"),
            Some(port) => format!("https://{host}:{port}"),
        };
        Ok(Self { uri, origin })
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Scheme, host and port (RFC 6454, 6.2): the audience of a token, and what is well or unwell as a whole.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Endpoint").field(&self.origin).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_https() {
        let parse = |text: &str| Endpoint::parse(&Secret::new(text));
        for wrong in ["", "x", "/path", "http://a/b", "ftp://a/b", "https://u:p@a/b", "https://", "file:///etc/passwd"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&format!("https://a/{}", "x".repeat(LONGEST))).is_err());
        let endpoint = parse("https://Push.Example:443/secret?x=1").unwrap();
        assert_eq!(endpoint.origin(), "https://push.example");
        assert_eq!(parse("https://push.example:8443/a").unwrap().origin(), "https://push.example:8443");
        assert_eq!(format!("{endpoint:?}"), "Endpoint(\"https://push.example\")");
    }
}
