//! Who a client is by the certificate that it showed in the TLS handshake, which the listener has verified.
//!
//! The connection ends when the certificate does: TLS tickets resume sessions without looking at its dates again.

use longwave_model::{ErrorCode, Refusal, UserId};
use longwave_port::{Credentials, Identity};

use crate::x509::{self, NamedBy};

/// Admits by client certificate.
#[derive(Debug, Clone, Copy)]
pub struct CertificateAdmit {
    /// Which of its names is the user.
    pub named_by: NamedBy,
}

impl CertificateAdmit {
    /// Who the certificate says it is. A user name that is given must be the same; a password is not looked at.
    ///
    /// # Errors
    /// [`ErrorCode::BadCredentials`] when it names no user, or another than the user name.
    pub fn identify(&self, certificate: &[u8], credentials: &Credentials) -> Result<Identity, Refusal> {
        let refuse = |reason: String| Refusal::new(ErrorCode::BadCredentials, reason);
        let name = x509::name(certificate, self.named_by).map_err(|error| refuse(error.to_string()))?;
        let user =
            UserId::parse(name).map_err(|error| refuse(format!("the name in the client certificate {error}")))?;
        if credentials.user_name.as_deref().is_some_and(|given| given != user.as_str()) {
            return Err(refuse("the user name is not the one in the client certificate".to_owned()));
        }
        let expires = x509::not_after(certificate).and_then(|seconds| u64::try_from(seconds).ok());
        let Some(expires) = expires else {
            return Err(refuse("the client certificate has no end that can be read".to_owned()));
        };
        Ok(Identity { user, device: None, service: false, expires_at: Some(expires.saturating_mul(1_000)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identify(common_name: &str, user_name: Option<&str>) -> Result<Identity, Refusal> {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        params.not_after = rcgen::date_time_ymd(2031, 5, 6);
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let credentials = Credentials {
            user_name: user_name.map(str::to_owned),
            password: None,
            client_id: "phone".into(),
            certificate: Some(certificate.der().to_vec().into()),
            address: None,
        };
        CertificateAdmit { named_by: NamedBy::CommonName }.identify(certificate.der(), &credentials)
    }

    #[test]
    fn the_certificate_is_the_user_until_it_ends() {
        for user_name in [None, Some("bob")] {
            let identity = identify("bob", user_name).unwrap();
            assert_eq!(identity.user.as_str(), "bob");
            assert_eq!(identity.expires_at, Some(1_935_792_000_000));
            assert!(!identity.service);
        }
    }

    #[test]
    fn another_name_and_what_is_no_user_are_refused() {
        assert!(identify("bob", Some("alice")).unwrap_err().reason.contains("not the one"));
        for name in ["b/b", "@bob", "bob\0", "bob smith", "+"] {
            assert_eq!(identify(name, None).unwrap_err().code, ErrorCode::BadCredentials, "{name}");
        }
    }
}
