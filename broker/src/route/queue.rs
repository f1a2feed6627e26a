//! What waits for one session: retained messages of new subscriptions first, then what was published since; within limits.

use std::collections::VecDeque;
use std::sync::Arc;

use longwave_model::PlainFlight;
use longwave_port::PlainMessage;

use super::group::Group;
use super::settings::RouteSettings;
use super::stats::Dropped;

/// One copy of a message.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) message: Arc<PlainMessage>,
    pub(super) qos: u8,
    pub(super) retain: bool,
    /// Subscription Identifiers.
    pub(super) identifiers: Box<[u32]>,
    /// The shared subscription it came by: another member may get it instead.
    pub(super) group: Option<Arc<Group>>,
    /// Its number in the log; 0 when it is not there.
    pub(super) number: u64,
    /// At QoS 2 from the log, for one session: the packet id that is stored for it.
    pub(super) flight: Option<PlainFlight>,
}

impl Copy {
    pub(super) fn bytes(&self) -> usize {
        self.message.topic.len() + self.message.payload.len()
    }

    pub(super) fn is_expired(&self, now: u64) -> bool {
        self.message.expires_at.is_some_and(|at| at <= now)
    }
}

/// The copies that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    retained: VecDeque<Copy>,
    live: VecDeque<Copy>,
    bytes: usize,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.retained.len() + self.live.len()
    }

    /// Adds what was published.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn push(&mut self, copy: Copy, settings: &RouteSettings) -> Result<(), Dropped> {
        if self.live.len() >= settings.queue_messages {
            return Err(Dropped::QueueFull);
        }
        if self.bytes + copy.bytes() > settings.queue_bytes {
            return Err(Dropped::QueueBytes);
        }
        self.bytes += copy.bytes();
        self.live.push_back(copy);
        Ok(())
    }

    /// Puts back what was not sent after all, in front.
    pub(super) fn push_front(&mut self, copy: Copy) {
        self.bytes += copy.bytes();
        self.live.push_front(copy);
    }

    /// Adds a retained message. They are there anyway, so only their number counts, against that of all retained messages.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn push_retained(&mut self, copy: Copy, settings: &RouteSettings) -> Result<(), Dropped> {
        if self.retained.len() >= settings.retained_messages {
            return Err(Dropped::QueueFull);
        }
        self.retained.push_back(copy);
        Ok(())
    }

    pub(super) fn front(&self) -> Option<&Copy> {
        self.retained.front().or(self.live.front())
    }

    pub(super) fn pop(&mut self) -> Option<Copy> {
        if let Some(copy) = self.retained.pop_front() {
            if self.retained.is_empty() {
                self.retained = VecDeque::new();
            }
            return Some(copy);
        }
        let copy = self.live.pop_front()?;
        self.bytes -= copy.bytes();
        if self.live.is_empty() {
            self.live = VecDeque::new();
        }
        Some(copy)
    }

    /// Messages that were published since their subscription was made, and their bytes.
    pub(super) fn live(&self) -> (usize, usize) {
        (self.live.len(), self.bytes)
    }

    /// The numbers of the log among them, of what came by no shared subscription.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.live.iter().filter(|copy| copy.group.is_none() && copy.number > 0).map(|copy| copy.number)
    }

    /// Adds what is in the log, and therefore within limits already.
    pub(super) fn push_logged(&mut self, copy: Copy) {
        self.bytes += copy.bytes();
        self.live.push_back(copy);
    }

    /// Takes out the oldest that is in the log, to drop it.
    pub(super) fn pop_logged(&mut self) -> Option<Copy> {
        let index = self.live.iter().position(|copy| copy.number > 0 && copy.group.is_none())?;
        let copy = self.live.remove(index)?;
        self.bytes -= copy.bytes();
        Some(copy)
    }

    /// Takes out what this says no to.
    pub(super) fn keep(&mut self, mut keep: impl FnMut(&Copy) -> bool) -> Vec<Copy> {
        let mut out = Vec::new();
        for copy in std::mem::take(&mut self.retained) {
            if keep(&copy) { self.retained.push_back(copy) } else { out.push(copy) }
        }
        for copy in std::mem::take(&mut self.live) {
            if keep(&copy) {
                self.live.push_back(copy);
            } else {
                self.bytes -= copy.bytes();
                out.push(copy);
            }
        }
        out
    }
}
