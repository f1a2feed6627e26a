//! Planted faults, so that the torture harness can show that its checker finds them. Without the feature `fault-injection` this is
//! nothing at all.

use longwave_model::Seq;

/// How often a planted fault strikes.
#[cfg(feature = "fault-injection")]
const EVERY: u32 = 50;

/// The fault that `LONGWAVE_FAULT` names, if it is one of the bridge's.
#[derive(Debug, Default)]
pub(crate) struct Fault {
    #[cfg(feature = "fault-injection")]
    reuse_seq: bool,
    #[cfg(feature = "fault-injection")]
    ignore_fence: bool,
    #[cfg(feature = "fault-injection")]
    calls: u32,
}

#[cfg(feature = "fault-injection")]
impl Fault {
    pub(crate) fn from_environment() -> Self {
        let is_planted = |name: &str| std::env::var("LONGWAVE_FAULT").is_ok_and(|fault| fault == name);
        Self { reuse_seq: is_planted("reuse-seq"), ignore_fence: is_planted("ignore-fence"), calls: 0 }
    }

    /// Whether any fault is planted.
    pub(crate) fn is_planted(&self) -> bool {
        self.reuse_seq || self.ignore_fence
    }

    /// Whether an append that the fence refused counts as stored (what protocol rule 2 forbids).
    pub(crate) fn ignores_fence(&self) -> bool {
        self.ignore_fence
    }

    /// Whether the next entry gets the head's seq once more.
    pub(crate) fn reuses_seq(&mut self, head: Seq) -> bool {
        if !self.reuse_seq || head.0 < 2 {
            return false;
        }
        self.calls += 1;
        self.calls.is_multiple_of(EVERY)
    }
}

#[cfg(not(feature = "fault-injection"))]
impl Fault {
    pub(crate) fn from_environment() -> Self {
        Self::default()
    }

    /// Whether any fault is planted.
    #[expect(clippy::unused_self, reason = "the other form of this type needs it")]
    pub(crate) fn is_planted(&self) -> bool {
        false
    }

    /// Whether an append that the fence refused counts as stored (what protocol rule 2 forbids).
    #[expect(clippy::unused_self, reason = "the other form of this type needs it")]
    pub(crate) fn ignores_fence(&self) -> bool {
        false
    }

    /// Whether the next entry gets the head's seq once more.
    #[expect(clippy::unused_self, reason = "the other form of this type needs it")]
    pub(crate) fn reuses_seq(&mut self, _head: Seq) -> bool {
        false
    }
}

#[cfg(all(test, feature = "fault-injection"))]
mod tests {
    use super::*;

    #[test]
    fn strikes_once_in_a_while_and_never_unasked() {
        let mut planted = Fault { reuse_seq: true, ..Fault::default() };
        assert_eq!((0..1_000).filter(|_| planted.reuses_seq(Seq(5))).count(), 20);
        assert!((0..1_000).all(|_| !planted.reuses_seq(Seq(1))), "a creation entry is left alone");
        let mut none = Fault::default();
        assert!((0..1_000).all(|_| !none.reuses_seq(Seq(5))));
    }
}
