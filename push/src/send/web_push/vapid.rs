//! VAPID: shows push services that one application sends (RFC 8292). One token per push service and time slot.

use std::collections::HashMap;

use hyper::header::HeaderValue;
use parking_lot::Mutex;
use serde_json::json;

use super::WebPushApp;
use crate::send::Es256Key;

/// Seconds for which one token is used; RFC 8292 allows tokens of up to 24 h.
const SLOT: u64 = 6 * 3600;
/// Seconds for which it is valid beyond that.
const MARGIN: u64 = 6 * 3600;
/// Push services whose tokens are kept. There are a handful, and as many as users invent.
const ORIGINS: usize = 256;

pub(super) struct Vapid {
    key: Es256Key,
    public: String,
    contact: String,
    signed: Mutex<HashMap<String, (u64, HeaderValue)>>,
}

impl Vapid {
    pub(super) fn new(app: &WebPushApp) -> Self {
        let public = app.key.public();
        Self { key: app.key.clone(), public, contact: app.contact.clone(), signed: Mutex::default() }
    }

    /// The `Authorization` header for a push service.
    pub(super) fn header(&self, origin: &str, now: u64) -> HeaderValue {
        let slot = now - now % SLOT;
        let mut signed = self.signed.lock();
        if let Some((_, header)) = signed.get(origin).filter(|(of, _)| *of == slot) {
            return header.clone();
        }
        let claims = json!({"aud": origin, "exp": slot + SLOT + MARGIN, "sub": self.contact});
        let token = self.key.token(&json!({"typ": "JWT", "alg": "ES256"}), &claims);
        let text = format!("vapid t={token}, k={}", self.public);
        let mut header = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("vapid"));
        header.set_sensitive(true);
        if signed.len() >= ORIGINS {
            signed.clear();
        }
        signed.insert(origin.to_owned(), (slot, header.clone()));
        header
    }
}

impl std::fmt::Debug for Vapid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vapid").field("public", &self.public).finish_non_exhaustive()
    }
}
