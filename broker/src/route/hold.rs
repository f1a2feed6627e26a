//! Answers that are held back, so that a publisher does not outrun a receiver that keeps up, but only just.
//!
//! Each slow receiver holds a share of the answer; it goes out when the last of them lets go, or when its time is over.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use longwave_port::{Answer, Answers, Completion};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// When a hold is looked at again whose time was over before it was stored, in milliseconds.
const AGAIN: u64 = 100;

/// A publish whose answer waits.
#[derive(Debug)]
pub(super) struct Hold {
    completion: Mutex<Option<Completion>>,
    /// How many have to store something first, however long it takes.
    stores: AtomicUsize,
}

impl Hold {
    pub(super) fn new(completion: Completion) -> Arc<Self> {
        Arc::new(Self { completion: Mutex::new(Some(completion)), stores: AtomicUsize::new(0) })
    }

    /// One whose answer is awaited here.
    pub(super) fn awaited() -> (Arc<Self>, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        (Self::new(Completion::new(Arc::new(Awaited(Mutex::new(Some(sender)))), 0)), receiver)
    }

    /// Something is to be stored before it is answered.
    pub(super) fn await_store(&self) {
        self.stores.fetch_add(1, Relaxed);
    }

    /// It is stored.
    pub(super) fn stored(&self) {
        self.stores.fetch_sub(1, Relaxed);
    }

    /// Answers now.
    pub(super) fn let_go(&self) {
        self.answer(done());
    }

    /// Answers this, unless it has been answered.
    pub(super) fn answer(&self, answer: Answer) {
        let completion = self.completion.lock().take();
        if let Some(completion) = completion {
            completion.complete(answer);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.completion.lock().is_none()
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
            match hold.upgrade() {
                Some(hold) if hold.stores.load(Relaxed) > 0 => self.add(now + AGAIN, &hold),
                Some(hold) => hold.let_go(),
                None => {}
            }
        }
    }
}

struct Awaited(Mutex<Option<oneshot::Sender<Answer>>>);

impl Answers for Awaited {
    fn answer(&self, _: u64, answer: Answer) {
        if let Some(sender) = self.0.lock().take() {
            // Who waited may have gone.
            let _ = sender.send(answer);
        }
    }
}

/// What a publish on a plain topic is answered.
pub(super) fn done() -> Answer {
    Answer::Done { notice: None, renewed_until: None }
}
