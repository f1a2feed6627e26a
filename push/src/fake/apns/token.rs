//! Apple's rules of provider tokens ("Establishing a token-based connection to APNs"), taken strictly.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::check::{Refused, refuse};
use crate::fake::call::Call;

/// Seconds that a token may be old.
const OLDEST: u64 = 3600;
/// Seconds within which no second token is taken.
const UPDATE: u64 = 20 * 60;

/// The keys that are known, and the token that each uses.
#[derive(Default)]
pub(super) struct Keys(HashMap<String, Key>);

struct Key {
    team: String,
    public: Option<DecodingKey>,
    /// The token in use, and when it was first seen.
    latest: Option<(String, u64)>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    iat: u64,
}

impl Keys {
    pub(super) fn add(&mut self, team: &str, key_id: &str, public: &str) {
        let point = URL_SAFE_NO_PAD.decode(public).unwrap_or_default();
        let part = |from: usize| URL_SAFE_NO_PAD.encode(point.get(from..from + 32).unwrap_or_default());
        let public = DecodingKey::from_ec_components(&part(1), &part(33)).ok();
        self.0.insert(key_id.to_owned(), Key { team: team.to_owned(), public, latest: None });
    }

    /// Whether this is the connection's first good token.
    pub(super) fn check(&mut self, call: &Call, now: u64) -> Result<bool, Refused> {
        let Some(token) = call.header("authorization").and_then(|text| text.strip_prefix("bearer ")) else {
            return refuse(403, "MissingProviderToken");
        };
        let wrong = Refused { status: 403, reason: "InvalidProviderToken" };
        let header = jsonwebtoken::decode_header(token).map_err(|_| wrong)?;
        let key_id = header.kid.ok_or(wrong)?;
        let key = self.0.get_mut(&key_id).ok_or(wrong)?;
        let claims = key.verify(token).ok_or(wrong)?;
        if header.alg != Algorithm::ES256 || claims.iss != key.team || claims.iat > now {
            return Err(wrong);
        }
        if now - claims.iat > OLDEST {
            return refuse(403, "ExpiredProviderToken");
        }
        let mut tied = call.connection.tied.lock();
        if tied.as_ref().is_some_and(|tied| *tied != key_id) {
            return refuse(403, "UnrelatedKeyIdInToken");
        }
        match &key.latest {
            Some((latest, _)) if latest == token => {}
            Some((_, since)) if now < since + UPDATE => return refuse(429, "TooManyProviderTokenUpdates"),
            _ => key.latest = Some((token.to_owned(), now)),
        }
        Ok(tied.replace(key_id).is_none())
    }
}

impl Key {
    fn verify(&self, token: &str) -> Option<Claims> {
        let mut rules = Validation::new(Algorithm::ES256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        rules.validate_aud = false;
        jsonwebtoken::decode::<Claims>(token, self.public.as_ref()?, &rules).ok().map(|read| read.claims)
    }
}
