//! The keyed hash by which a provider recognises two notifications of one conversation, and learns nothing else of it.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes of the hash; 22 characters in base64url, which fits `apns-collapse-id` (64 bytes) and Web Push's `Topic` (32 characters).
const BYTES: usize = 16;

/// The deployment's key. All workers must have the same, or notifications of one conversation pile up instead of replacing each other.
#[derive(Clone)]
pub struct CollapseKey(hmac::Key);

impl CollapseKey {
    /// A key of any length; 32 random bytes are right.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The hash of a conversation: HMAC-SHA-256, the first 16 bytes, base64url without padding.
    #[must_use]
    pub fn hash(&self, conversation: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(&hmac::sign(&self.0, conversation).as_ref()[..BYTES])
    }
}

impl fmt::Debug for CollapseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CollapseKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_half_of_hmac_sha_256() {
        // RFC 4231, test case 2.
        let hash = CollapseKey::new(b"Jefe").hash(b"what do ya want for nothing?");
        assert_eq!(hash, "W9zBRr9gdU5qBCQmCJV1xw");
        assert_eq!(hash.len(), 22);
        assert_ne!(hash, CollapseKey::new(b"other").hash(b"what do ya want for nothing?"));
    }
}
