//! Answers that are held back, so that a publisher does not outrun a receiver that keeps up, but only just.
//!
//! Each slow receiver holds a share of the answer; it goes out when the last of them lets go, or when its time is over.

use std::sync::{Arc, Weak};

use longwave_port::{Answer, Completion};
use parking_lot::Mutex;

/// A publish that is done, and whose answer waits.
#[derive(Debug)]
pub(super) struct Hold(Mutex<Option<Completion>>);

impl Hold {
    pub(super) fn new(completion: Completion) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(completion))))
    }

    /// Answers now.
    pub(super) fn let_go(&self) {
        let completion = self.0.lock().take();
        if let Some(completion) = completion {
            completion.complete(done());
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.lock().is_none()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// Holds in the order in which their time ends.
#[derive(Debug, Default)]
pub(super) struct Holds(Mutex<std::collections::VecDeque<(u64, Weak<Hold>)>>);

impl Holds {
    pub(super) fn add(&self, until: u64, hold: &Arc<Hold>) {
        self.0.lock().push_back((until, Arc::downgrade(hold)));
    }

    /// Lets go of those whose time is over.
    pub(super) fn expire(&self, now: u64) {
        loop {
            let Some((_, hold)) = self.0.lock().pop_front_if(|(until, _)| *until <= now) else { return };
            if let Some(hold) = hold.upgrade() {
                hold.let_go();
            }
        }
    }
}

/// What a publish on a plain topic is answered.
pub(super) fn done() -> Answer {
    Answer::Done { notice: None, renewed_until: None }
}
