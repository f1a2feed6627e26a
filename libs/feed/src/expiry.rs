//! Message Expiry Interval of deliveries: what is left of an entry's life [MQTT-3.3.2-6].

use longwave_model::Entry;

/// Whether the entry's content is gone at `now` (Unix time in milliseconds).
pub(crate) fn is_expired(entry: &Entry, now: u64) -> bool {
    entry.expires_at.is_some_and(|at| at <= now)
}

/// Seconds left, rounded up; `None` when the entry never expires.
pub(crate) fn seconds_left(entry: &Entry, now: u64) -> Option<u32> {
    entry.expires_at.map(|at| u32::try_from(at.saturating_sub(now).div_ceil(1000)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::message;

    #[test]
    fn the_rest_is_rounded_up() {
        let entry = Entry { expires_at: Some(10_001), ..message("alice:bob", 1, "alice") };
        assert!(!is_expired(&entry, 10_000));
        assert!(is_expired(&entry, 10_001));
        assert_eq!(seconds_left(&entry, 9_000), Some(2));
        assert_eq!(seconds_left(&message("alice:bob", 1, "alice"), 9_000), None);
    }
}
