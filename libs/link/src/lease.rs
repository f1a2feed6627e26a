//! A bridge's lease at one broker, as the bridge knows it: it counts from when it sent the latest beat that the broker says it heard. The
//! broker counts from when it heard it, which was later, so the bridge stops first, whatever the clocks say.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Instant;

use crate::settings::SILENCE;

/// One lease. What came under it is done only while it holds.
#[derive(Debug)]
pub(crate) struct Lease {
    origin: Instant,
    /// Milliseconds since `origin`; 0 = it has ended.
    until: AtomicU64,
}

impl Lease {
    /// A lease from a beat sent at `sent`.
    pub(crate) fn new(origin: Instant, sent: Instant) -> Arc<Self> {
        let lease = Self { origin, until: AtomicU64::new(1) };
        lease.renew(sent);
        Arc::new(lease)
    }

    /// The broker has heard a beat that was sent then.
    pub(crate) fn renew(&self, sent: Instant) {
        let until = millis(self.origin, sent + SILENCE);
        // Never one that has ended.
        let _ = self.until.fetch_update(SeqCst, SeqCst, |now| (now > 0).then(|| now.max(until)));
    }

    /// Ends it for good.
    pub(crate) fn end(&self) {
        self.until.store(0, SeqCst);
    }
}

impl longwave_port::Lease for Lease {
    fn holds(&self) -> bool {
        millis(self.origin, Instant::now()) < self.until.load(SeqCst)
    }
}

fn millis(origin: Instant, then: Instant) -> u64 {
    u64::try_from(then.saturating_duration_since(origin).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use longwave_port::Lease as _;

    use super::*;

    #[test]
    fn a_lease_counts_from_the_beat_and_never_comes_back() {
        let origin = Instant::now();
        let sent = origin + Duration::from_secs(60);
        let lease = Lease::new(origin, origin);
        assert!(lease.holds());
        lease.renew(sent);
        assert!(lease.holds());
        lease.end();
        lease.renew(sent);
        assert!(!lease.holds());
        let old = Lease::new(origin, origin);
        old.until.store(1, SeqCst);
        std::thread::sleep(Duration::from_millis(2));
        assert!(!old.holds(), "nothing was heard for too long");
    }
}
