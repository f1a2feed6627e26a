//! Keys that tokens may be signed with, each for one algorithm.

use std::path::Path;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::AdmitError;

/// Least length of an HS256 secret in bytes (RFC 7518, 3.2).
const SECRET_BYTES: usize = 32;

/// A key and the only algorithm it is good for.
#[derive(Clone)]
pub(super) struct Key {
    kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// A set of keys.
#[derive(Clone, Default)]
pub(super) struct Keys(Vec<Key>);

/// A key set as served (RFC 7517, 5). Keys of unknown kinds are skipped one by one, so they are read one by one.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

impl Keys {
    pub(super) fn from_file(path: &Path) -> Result<Self, AdmitError> {
        let fail = |reason: String| AdmitError::new(path.display(), reason);
        let bytes = std::fs::read(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
        let (algorithm, key) = if bytes.starts_with(b"-----BEGIN") {
            from_pem(&bytes).ok_or_else(|| {
                fail("is not a public key; it must be PEM `BEGIN PUBLIC KEY` with an RSA, P-256 or Ed25519 key".into())
            })?
        } else {
            let secret = bytes.trim_ascii();
            if secret.len() < SECRET_BYTES {
                return Err(fail(format!("holds a secret of {} bytes; HS256 needs {SECRET_BYTES}", secret.len())));
            }
            (Algorithm::HS256, DecodingKey::from_secret(secret))
        };
        Ok(Self(vec![Key { kid: None, algorithm, key }]))
    }

    /// The keys of a set that are for signatures and of a known kind.
    pub(super) fn from_jwks(json: &[u8]) -> Result<Self, serde_json::Error> {
        let set: KeySet = serde_json::from_slice(json)?;
        Ok(Self(set.keys.into_iter().filter_map(|key| from_jwk(&serde_json::from_value(key).ok()?)).collect()))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The key for a token's header. A key without an id of its own fits every id; a token without one fits if there is no choice.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Key> {
        let mut fitting = self.0.iter().filter(|key| {
            key.algorithm == algorithm && (kid.is_none() || key.kid.is_none() || key.kid.as_deref() == kid)
        });
        let key = fitting.next()?;
        (kid.is_some() || fitting.next().is_none()).then(|| key.clone())
    }
}

fn from_pem(pem: &[u8]) -> Option<(Algorithm, DecodingKey)> {
    let rsa = || Some((Algorithm::RS256, DecodingKey::from_rsa_pem(pem).ok()?));
    let ec = || Some((Algorithm::ES256, DecodingKey::from_ec_pem(pem).ok()?));
    let ed = || Some((Algorithm::EdDSA, DecodingKey::from_ed_pem(pem).ok()?));
    ed().or_else(ec).or_else(rsa)
}

fn from_jwk(jwk: &Jwk) -> Option<Key> {
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        // A shared secret has no business in a public document.
        _ => return None,
    };
    // A key that names another algorithm is for that one.
    if jwk.common.key_algorithm.is_some_and(|named| named.to_string() != format!("{algorithm:?}")) {
        return None;
    }
    Some(Key { kid: jwk.common.key_id.clone(), algorithm, key: DecodingKey::from_jwk(jwk).ok()? })
}
