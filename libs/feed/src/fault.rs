//! Planted faults, so that the torture harness can show that it would notice. Compiled only with the feature `fault-injection`.

/// `LONGWAVE_FAULT=skip-cursor`: every third session that has a backlog begins one entry too far.
#[cfg(feature = "fault-injection")]
pub(crate) fn skipped_entries() -> u64 {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static PLANTED: OnceLock<bool> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let planted = *PLANTED.get_or_init(|| std::env::var("LONGWAVE_FAULT").is_ok_and(|fault| fault == "skip-cursor"));
    u64::from(planted && COUNT.fetch_add(1, Ordering::Relaxed) % 3 == 2)
}

/// No fault.
#[cfg(not(feature = "fault-injection"))]
pub(crate) fn skipped_entries() -> u64 {
    0
}
