//! The provider token: one text for all workers of a team, without their talking to each other.
//!
//! Apple takes a token for up to an hour and refuses a team that updates it more often than every 20 minutes. So `iat` is the beginning of
//! a 50-minute slot of Unix time, which every worker knows, and the signature is deterministic ([`super::super::es256`]).

use hyper::header::HeaderValue;
use parking_lot::Mutex;
use serde_json::json;

use crate::send::Es256Key;

/// Seconds for which one token is used.
const SLOT: u64 = 50 * 60;
/// Seconds within which Apple takes no second update.
const UPDATE: u64 = 20 * 60;

/// A token, and when it was issued (Unix seconds).
#[derive(Clone)]
pub(crate) struct Jwt {
    pub(crate) issued: u64,
    pub(crate) header: HeaderValue,
}

/// The token of one key of one team.
pub(crate) struct ProviderToken {
    team: String,
    key_id: String,
    key: Es256Key,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When a token was renewed out of turn.
    renewed: Option<u64>,
    signed: Option<Jwt>,
}

impl ProviderToken {
    pub(crate) fn new(team: &str, key_id: &str, key: Es256Key) -> Self {
        Self { team: team.to_owned(), key_id: key_id.to_owned(), key, state: Mutex::default() }
    }

    /// The token to use now.
    pub(crate) fn current(&self, now: u64) -> Jwt {
        let mut state = self.state.lock();
        let issued = issued(now, state.renewed);
        if let Some(jwt) = state.signed.as_ref().filter(|jwt| jwt.issued == issued) {
            return jwt.clone();
        }
        let token =
            self.key.token(&json!({"alg": "ES256", "kid": self.key_id}), &json!({"iss": self.team, "iat": issued}));
        let mut header = HeaderValue::from_str(&format!("bearer {token}")).unwrap_or(HeaderValue::from_static(""));
        header.set_sensitive(true);
        let jwt = Jwt { issued, header };
        state.signed = Some(jwt.clone());
        jwt
    }

    /// Apple called the token that was issued then expired. Whether another one is worth a try: this one, made now, or one that somebody
    /// else has renewed meanwhile.
    pub(crate) fn renew(&self, rejected: u64, now: u64) -> bool {
        let mut state = self.state.lock();
        if issued(now, state.renewed) != rejected {
            return true;
        }
        if state.renewed.is_some_and(|at| now < at + UPDATE) || now <= rejected {
            return false;
        }
        state.renewed = Some(now);
        true
    }
}

impl std::fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderToken").field("team", &self.team).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// When the token to use now was issued: at the beginning of the slot, or later if it was renewed out of turn; then it stays until the
/// next slot, and no shorter than Apple allows.
fn issued(now: u64, renewed: Option<u64>) -> u64 {
    let slot = now - now % SLOT;
    match renewed {
        Some(at) if at >= slot || now < at + UPDATE => at,
        _ => slot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Es256Key {
        Es256Key::from_base64url(&crate::send::Secret::new("ya-p2EW6dRZrXCFXZ7HWk02QwONs3ziXBK0FtuIUwtE")).unwrap()
    }

    #[test]
    fn workers_share_a_token_for_a_slot() {
        let (one, other) = (ProviderToken::new("T", "K", key()), ProviderToken::new("T", "K", key()));
        let start = 600_000 * SLOT;
        assert_eq!(one.current(start).header, other.current(start + SLOT - 1).header);
        assert_ne!(one.current(start).header, one.current(start + SLOT).header);
        for now in (start..start + 3 * SLOT).step_by(7) {
            let issued = one.current(now).issued;
            assert!(issued <= now && now - issued < SLOT && issued % SLOT == 0);
        }
    }

    #[test]
    fn renewed_once_and_not_again_within_twenty_minutes() {
        let token = ProviderToken::new("T", "K", key());
        let start = 600_000 * SLOT;
        let now = start + 100;
        assert!(token.renew(start, now));
        assert_eq!(token.current(now).issued, now);
        assert!(token.renew(start, now + 1), "the one that was refused is not the one in use");
        assert!(!token.renew(now, now + UPDATE - 1));
        assert!(token.renew(now, now + UPDATE));
    }

    #[test]
    fn a_renewed_token_outlives_the_slot_that_ends_too_soon() {
        let late = 600_000 * SLOT + SLOT - 10;
        assert_eq!(issued(late + 60, Some(late)), late);
        assert_eq!(issued(late + UPDATE, Some(late)), 600_001 * SLOT);
    }
}
