//! The rules of a push request: headers (RFC 8030) and VAPID (RFC 8292).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::fake::call::Call;

/// Seconds; no token may be valid for longer (RFC 8292, 2).
const LONGEST: u64 = 24 * 3600;

/// Who sends.
pub(super) struct Vapid {
    /// The application server's public key in base64url.
    pub(super) key: String,
    pub(super) claims: Value,
}

/// `None` when the request shows no identity that is good now.
pub(super) fn vapid(call: &Call, origins: &[String], now: u64) -> Option<Vapid> {
    let parameters = call.header("authorization")?.strip_prefix("vapid ")?;
    let parameter =
        |name: &str| parameters.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (token, key) = (parameter("t")?, parameter("k")?);
    let point = URL_SAFE_NO_PAD.decode(key).ok().filter(|point| point.len() == 65 && point[0] == 4)?;
    let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
    let public = DecodingKey::from_ec_components(&part(1), &part(33)).ok()?;
    let mut rules = Validation::new(Algorithm::ES256);
    rules.validate_exp = false;
    rules.validate_aud = false;
    let claims = jsonwebtoken::decode::<Value>(token, &public, &rules).ok()?.claims;
    let expires = claims["exp"].as_u64()?;
    let good = origins.iter().any(|origin| claims["aud"] == **origin)
        && expires > now
        && expires <= now + LONGEST
        && claims["sub"].as_str().is_some_and(|sub| sub.starts_with("mailto:") || sub.starts_with("https://"));
    good.then(|| Vapid { key: key.to_owned(), claims })
}

/// TTL is a must; Topic and Urgency are bounded (RFC 8030, 5.2 to 5.4).
pub(super) fn headers(call: &Call) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    call.header("ttl").is_some_and(|ttl| ttl.parse::<u64>().is_ok())
        && call.header("topic").is_none_or(|topic| (1..=32).contains(&topic.len()) && topic.chars().all(word))
        && call.header("urgency").is_none_or(|word| ["very-low", "low", "normal", "high"].contains(&word))
        && call.header("content-encoding") == Some("aes128gcm")
}
