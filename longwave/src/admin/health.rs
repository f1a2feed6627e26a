//! Whether the server should be sent clients, and if not, why not and since when. The log says when a reason comes and when it goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, interval};
use tracing::{error, info};

/// Gives the reason for which clients should not come, and what that means for people, if there is one.
pub(crate) type Probe = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// How often the probes are asked.
const LOOK: Duration = Duration::from_secs(1);

/// The state behind `/readyz`.
#[derive(Default)]
pub(crate) struct Health {
    listening: AtomicBool,
    stopping: AtomicBool,
    probes: Vec<Watched>,
}

struct Watched {
    probe: Probe,
    given: Mutex<Option<Given>>,
}

/// A reason that a probe gives.
#[derive(Clone, Copy)]
struct Given {
    since: Instant,
    /// It has stayed, and the log says so: a process that starts finds the others only after a moment.
    is_logged: bool,
}

impl Health {
    /// Health that also asks these probes.
    pub(crate) fn new(probes: Vec<Probe>) -> Self {
        let probes = probes.into_iter().map(|probe| Watched { probe, given: Mutex::default() });
        Self { probes: probes.collect(), ..Self::default() }
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
        let reasons: Vec<_> = self.probes.iter().filter_map(Watched::look).collect();
        (!reasons.is_empty()).then(|| reasons.join("\n"))
    }
}

impl Watched {
    fn look(&self) -> Option<String> {
        let reason = (self.probe)();
        let mut given = self.given.lock();
        let Some(reason) = reason else {
            if let Some(Given { since, is_logged: true }) = given.take() {
                info!(seconds = since.elapsed().as_secs(), "ready again");
            }
            return None;
        };
        let given = given.get_or_insert_with(|| Given { since: Instant::now(), is_logged: false });
        let lasted = given.since.elapsed();
        if !given.is_logged && lasted >= LOOK {
            given.is_logged = true;
            error!(reason, "not ready");
        }
        Some(format!("{reason} (for {} s)", lasted.as_secs()))
    }
}

/// Asks the probes while the server runs, so that they know since when, whoever else asks.
pub(crate) async fn watch(health: Arc<Health>) {
    let mut rounds = interval(LOOK);
    loop {
        rounds.tick().await;
        health.unready();
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
    }

    #[tokio::test(start_paused = true)]
    async fn a_reason_says_for_how_long_and_ends() {
        let is_ill = Arc::new(AtomicBool::new(true));
        let probe = is_ill.clone();
        let ill = move || probe.load(Ordering::Relaxed).then(|| "the store is away".to_owned());
        let health = Arc::new(Health::new(vec![Box::new(|| Some("so is this".to_owned())), Box::new(ill)]));
        health.set_listening();
        let watching = tokio::spawn(watch(health.clone()));
        tokio::time::sleep(Duration::from_millis(5_500)).await;
        assert_eq!(health.unready().as_deref(), Some("so is this (for 5 s)\nthe store is away (for 5 s)"));
        is_ill.store(false, Ordering::Relaxed);
        assert_eq!(health.unready().as_deref(), Some("so is this (for 5 s)"));
        tokio::time::sleep(Duration::from_secs(2)).await;
        is_ill.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(health.unready().as_deref(), Some("so is this (for 10 s)\nthe store is away (for 2 s)"));
        watching.abort();
    }
}
