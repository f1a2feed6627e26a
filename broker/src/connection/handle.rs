//! What others hold of a connection: its mailbox, its name in the registry, its deadline.
//!
//! One allocation per connection. Answers come in bursts from other threads, so a task that is awake or already woken is not woken
//! again: `alert` is true from the first message until the task has gone to sleep with an empty mailbox.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use longwave_model::{DeviceId, Refusal, UserId};
use longwave_port::{Answer, Answers, Mailbox};
use parking_lot::Mutex;

/// A connection as seen from outside its task.
pub(crate) struct ConnectionHandle {
    mail: Mutex<Mail>,
    /// Which device it is; set when it claims its place in the registry.
    pub(crate) device: OnceLock<(UserId, DeviceId)>,
    /// The tick at which its session wants to hear that time has passed; see [`super::deadlines`].
    pub(crate) due: AtomicU32,
    /// The tick of the slot that will look at it; 0 = none.
    pub(crate) slot: AtomicU32,
    gone: AtomicBool,
}

/// What has arrived since the task last looked.
#[derive(Default)]
pub(crate) struct Arrived {
    pub(crate) answers: Vec<(u64, Answer)>,
    pub(crate) close: Option<Box<Refusal>>,
    pub(crate) outlet_ready: bool,
    pub(crate) deadline_passed: bool,
    /// The bans have changed.
    pub(crate) look_at_bans: bool,
}

#[derive(Default)]
struct Mail {
    arrived: Arrived,
    waker: Option<Waker>,
    alert: bool,
}

impl Arrived {
    pub(crate) fn is_empty(&self) -> bool {
        self.answers.is_empty()
            && self.close.is_none()
            && !self.outlet_ready
            && !self.deadline_passed
            && !self.look_at_bans
    }
}

impl ConnectionHandle {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            mail: Mutex::default(),
            device: OnceLock::new(),
            due: AtomicU32::new(u32::MAX),
            slot: AtomicU32::new(0),
            gone: AtomicBool::new(false),
        })
    }

    /// Takes what has arrived. From now until [`Self::sleep`] nothing that arrives wakes the task.
    pub(crate) fn collect(&self) -> Arrived {
        let mut mail = self.mail.lock();
        mail.alert = true;
        mem::take(&mut mail.arrived)
    }

    /// Says that the task goes to sleep. False when something has arrived since: then it must not.
    pub(crate) fn sleep(&self, waker: &Waker) -> bool {
        let mut mail = self.mail.lock();
        if !mail.arrived.is_empty() {
            return false;
        }
        if !mail.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            mail.waker = Some(waker.clone());
        }
        mail.alert = false;
        true
    }

    /// The connection has ended: nothing more is kept for it.
    pub(crate) fn retire(&self) {
        self.gone.store(true, Ordering::Release);
        let mut mail = self.mail.lock();
        mail.alert = true;
        mail.arrived = Arrived::default();
        mail.waker = None;
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// The deadline has been reached.
    pub(crate) fn deadline_passed(&self) {
        self.put(|arrived| arrived.deadline_passed = true);
    }

    /// The bans have changed.
    pub(crate) fn look_at_bans(&self) {
        self.put(|arrived| arrived.look_at_bans = true);
    }

    fn put(&self, put: impl FnOnce(&mut Arrived)) {
        let mut mail = self.mail.lock();
        if self.is_gone() {
            return;
        }
        put(&mut mail.arrived);
        if mail.alert {
            return;
        }
        mail.alert = true;
        let waker = mail.waker.clone();
        drop(mail);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Mailbox for ConnectionHandle {
    fn wake(&self) {
        self.put(|arrived| arrived.outlet_ready = true);
    }

    fn close(&self, refusal: Refusal) {
        self.put(|arrived| {
            arrived.close.get_or_insert_with(|| Box::new(refusal));
        });
    }
}

impl Answers for ConnectionHandle {
    fn answer(&self, ticket: u64, answer: Answer) {
        self.put(|arrived| arrived.answers.push((ticket, answer)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use longwave_model::ErrorCode;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_burst_wakes_once() {
        let (handle, count) = (ConnectionHandle::new(), Arc::new(Count::default()));
        let waker = Waker::from(count.clone());
        handle.collect();
        assert!(handle.sleep(&waker));
        for ticket in 0..100 {
            handle.answer(ticket, Answer::Unknown);
        }
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert_eq!(handle.collect().answers.len(), 100);
        handle.wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 1, "awake, so not woken");
        assert!(!handle.sleep(&waker), "something arrived while it was awake");
        assert!(handle.collect().outlet_ready);
        assert!(handle.sleep(&waker));
    }

    #[test]
    fn the_first_reason_to_close_counts() {
        let handle = ConnectionHandle::new();
        handle.close(Refusal::new(ErrorCode::SessionTakenOver, "a"));
        handle.close(Refusal::new(ErrorCode::ServerStopping, "b"));
        assert_eq!(handle.collect().close.map(|refusal| refusal.code), Some(ErrorCode::SessionTakenOver));
    }

    #[test]
    fn nothing_is_kept_for_a_connection_that_has_ended() {
        let handle = ConnectionHandle::new();
        handle.retire();
        handle.answer(1, Answer::Unknown);
        assert!(handle.collect().is_empty());
    }
}
