//! Whether the server should be sent clients, and if not, why not.

use std::sync::atomic::{AtomicBool, Ordering};

type Probe = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// The state behind `/readyz`.
#[derive(Default)]
pub(crate) struct Health {
    listening: AtomicBool,
    stopping: AtomicBool,
    probes: Vec<Probe>,
}

impl Health {
    /// Health that also asks these probes; each gives the reason for which clients should not come, if there is one.
    pub(crate) fn new(probes: Vec<Probe>) -> Self {
        Self { probes, ..Self::default() }
    }

    /// The listeners accept.
    pub(crate) fn set_listening(&self) {
        self.listening.store(true, Ordering::Relaxed);
    }

    /// The server drains.
    pub(crate) fn set_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Why clients should not come now; `None` when they may.
    pub(crate) fn unready(&self) -> Option<String> {
        if self.stopping.load(Ordering::Relaxed) {
            return Some("stopping".to_owned());
        }
        if !self.listening.load(Ordering::Relaxed) {
            return Some("starting".to_owned());
        }
        let reasons: Vec<_> = self.probes.iter().filter_map(|probe| probe()).collect();
        (!reasons.is_empty()).then(|| reasons.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_between_start_and_stop_and_while_no_probe_objects() {
        let health = Health::new(vec![Box::new(|| None)]);
        assert_eq!(health.unready().as_deref(), Some("starting"));
        health.set_listening();
        assert_eq!(health.unready(), None);
        health.set_stopping();
        assert_eq!(health.unready().as_deref(), Some("stopping"));

        let sick = Health::new(vec![Box::new(|| Some("store".to_owned()))]);
        sick.set_listening();
        assert_eq!(sick.unready().as_deref(), Some("store"));
    }
}
