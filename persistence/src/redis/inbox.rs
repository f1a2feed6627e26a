//! What waits for the receiver of the bus: bounded, and honest about what it had to drop.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What happens on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusEvent {
    /// Messages arrive from now on. At first and after every [`BusEvent::Lost`]; messages before it may have been lost, so sessions compare.
    Subscribed,
    /// A message.
    Message(Bytes),
    /// Messages do not arrive, or some were dropped because the receiver was too slow.
    Lost,
}

/// What an event costs beside its bytes.
const OVERHEAD: usize = 64;

/// Events that wait.
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    filled: Notify,
    limit: usize,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<BusEvent>,
    bytes: usize,
    /// The connection that counts; what an earlier one still brings would come after the loss that was told.
    connection: u64,
    /// Whether messages arrive, as the connection says.
    subscribed: bool,
    /// Set when a message did not fit: none is taken until all before it are out.
    overflowed: bool,
}

impl Inbox {
    /// One that holds about this many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { queue: Mutex::default(), filled: Notify::new(), limit }
    }

    /// A new connection takes over; the one before is lost.
    pub(super) fn begin(&self) -> u64 {
        let mut queue = self.queue.lock();
        queue.connection += 1;
        if queue.set_subscribed(false) {
            self.filled.notify_one();
        }
        queue.connection
    }

    /// The connection says that messages arrive, or that they do not.
    pub(super) fn set_subscribed(&self, connection: u64, subscribed: bool) {
        let mut queue = self.queue.lock();
        if queue.connection == connection && queue.set_subscribed(subscribed) {
            self.filled.notify_one();
        }
    }

    /// The connection brings a message.
    pub(super) fn message(&self, connection: u64, message: Bytes) {
        let mut queue = self.queue.lock();
        if queue.connection != connection || queue.overflowed || !queue.subscribed {
            return;
        }
        let cost = message.len() + OVERHEAD;
        // A message that alone is above the limit still passes.
        if queue.bytes > 0 && queue.bytes + cost > self.limit {
            queue.overflowed = true;
            queue.events.push_back(BusEvent::Lost);
        } else {
            queue.bytes += cost;
            queue.events.push_back(BusEvent::Message(message));
        }
        self.filled.notify_one();
    }

    /// The next event; waits for one. Only one task may.
    pub(super) async fn next(&self) -> BusEvent {
        loop {
            if let Some(event) = self.queue.lock().pop() {
                return event;
            }
            self.filled.notified().await;
        }
    }
}

impl Queue {
    /// Whether there is an event to tell.
    fn set_subscribed(&mut self, subscribed: bool) -> bool {
        if self.subscribed == subscribed {
            return false;
        }
        self.subscribed = subscribed;
        // Between overflow and its end the receiver knows of a loss already.
        if !self.overflowed {
            self.events.push_back(if subscribed { BusEvent::Subscribed } else { BusEvent::Lost });
        }
        !self.overflowed
    }

    fn pop(&mut self) -> Option<BusEvent> {
        if let Some(event) = self.events.pop_front() {
            if let BusEvent::Message(message) = &event {
                self.bytes -= message.len() + OVERHEAD;
            }
            return Some(event);
        }
        let caught_up = std::mem::take(&mut self.overflowed) && self.subscribed;
        caught_up.then_some(BusEvent::Subscribed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(inbox: &Inbox) -> Vec<BusEvent> {
        std::iter::from_fn(|| inbox.queue.lock().pop()).collect()
    }

    #[test]
    fn a_slow_receiver_is_told_what_it_lost() {
        let inbox = Inbox::new(2 * (10 + OVERHEAD));
        let connection = inbox.begin();
        inbox.set_subscribed(connection, true);
        let message = Bytes::from_static(&[7; 10]);
        for _ in 0..5 {
            inbox.message(connection, message.clone());
        }
        let kept = BusEvent::Message(message.clone());
        assert_eq!(
            drain(&inbox),
            [BusEvent::Subscribed, kept.clone(), kept.clone(), BusEvent::Lost, BusEvent::Subscribed]
        );
        inbox.message(connection, message);
        assert_eq!(drain(&inbox), [kept]);
    }

    #[test]
    fn an_overflow_that_meets_a_lost_connection_ends_with_the_next_one() {
        let inbox = Inbox::new(1);
        let connection = inbox.begin();
        inbox.set_subscribed(connection, true);
        inbox.message(connection, Bytes::from_static(b"first"));
        inbox.message(connection, Bytes::from_static(b"second"));
        let connection = inbox.begin();
        let first = BusEvent::Message(Bytes::from_static(b"first"));
        assert_eq!(drain(&inbox), [BusEvent::Subscribed, first, BusEvent::Lost]);
        inbox.set_subscribed(connection, true);
        assert_eq!(drain(&inbox), [BusEvent::Subscribed]);
    }

    #[test]
    fn what_a_former_connection_brings_does_not_count() {
        let inbox = Inbox::new(1000);
        let former = inbox.begin();
        inbox.set_subscribed(former, true);
        inbox.begin();
        inbox.message(former, Bytes::from_static(b"late"));
        inbox.set_subscribed(former, true);
        assert_eq!(drain(&inbox), [BusEvent::Subscribed, BusEvent::Lost]);
    }
}
