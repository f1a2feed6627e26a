//! ES256 tokens whose text depends only on their claims: signatures are deterministic (RFC 6979).
//!
//! All workers of a team sign the same claims in the same time slot. With random signatures each would still have a token of its own,
//! and Apple refuses what looks like too many updates. aws-lc-rs signs only with random numbers, hence p256 here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;
use serde_json::Value;

use super::{Secret, SettingError};

/// A P-256 key that signs tokens.
#[derive(Clone)]
pub struct Es256Key(SigningKey);

impl Es256Key {
    /// From PKCS #8 in PEM, as in the `.p8` file that Apple gives out.
    ///
    /// # Errors
    /// When it is no such key. The error shows nothing of it.
    pub fn from_pem(pem: &Secret) -> Result<Self, SettingError> {
        let key = SecretKey::from_pkcs8_pem(pem.expose())
            .map_err(|_| SettingError::new("key", "is no P-256 key in PKCS #8 PEM"))?;
        Ok(Self(key.into()))
    }

    /// From the private number alone, 32 bytes in base64url, as tools for Web Push write it.
    ///
    /// # Errors
    /// When it is no such key. The error shows nothing of it.
    pub fn from_base64url(number: &Secret) -> Result<Self, SettingError> {
        let wrong = || SettingError::new("key", "is no P-256 key of 32 bytes in base64url");
        let bytes = URL_SAFE_NO_PAD.decode(number.expose().trim_end_matches('=')).map_err(|_| wrong())?;
        Ok(Self(SigningKey::from_slice(&bytes).map_err(|_| wrong())?))
    }

    /// The public point, uncompressed, in base64url: what a browser wants as `applicationServerKey`.
    #[must_use]
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.verifying_key().to_sec1_point(false).as_bytes())
    }

    /// A token in compact form (RFC 7515, 3.1).
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature: Signature = self.0.sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

impl fmt::Debug for Es256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Es256Key")
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};
    use serde_json::json;

    use super::*;

    fn key() -> Es256Key {
        let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
        Es256Key::from_pem(&Secret::new(pem)).unwrap()
    }

    #[test]
    fn the_same_claims_give_the_same_text_and_others_can_verify_it() {
        let key = key();
        let (header, claims) = (json!({"alg": "ES256", "kid": "K"}), json!({"iss": "T", "iat": 1}));
        let token = key.token(&header, &claims);
        assert_eq!(token, key.token(&header, &claims));
        let point = URL_SAFE_NO_PAD.decode(key.public()).unwrap();
        let verify = DecodingKey::from_ec_components(
            &URL_SAFE_NO_PAD.encode(&point[1..33]),
            &URL_SAFE_NO_PAD.encode(&point[33..]),
        );
        let mut rules = Validation::new(Algorithm::ES256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        let read = jsonwebtoken::decode::<Value>(&token, &verify.unwrap(), &rules).unwrap();
        assert_eq!(read.claims, claims);
    }

    #[test]
    fn rfc_6979_appendix_a_2_5() {
        let number = "ya-p2EW6dRZrXCFXZ7HWk02QwONs3ziXBK0FtuIUwtE";
        let key = Es256Key(
            SigningKey::from_slice(&hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")).unwrap(),
        );
        let signature: Signature = key.0.sign(b"sample");
        let expected = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716\
                        F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";
        assert_eq!(signature.to_bytes().as_slice(), hex(expected));
        assert!(Es256Key::from_base64url(&Secret::new(number)).is_ok());
        assert!(Es256Key::from_base64url(&Secret::new("AAAA")).is_err());
        assert!(Es256Key::from_pem(&Secret::new("nothing")).is_err());
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }
}
