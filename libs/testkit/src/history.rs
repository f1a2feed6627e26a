//! What happened, as seen from outside: what was acknowledged to senders, and what each device got, in order.
//!
//! The checker knows the promises and nothing of the server's insides.

mod check;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub use check::{Breach, check};

/// A publish that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// Canonical conversation.
    pub conversation: String,
    /// Sending user.
    pub sender: String,
    /// Message id.
    pub id: String,
    /// The seq on the receipt.
    pub seq: u64,
}

/// An event with a seq that reached a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Canonical conversation.
    pub conversation: String,
    /// Its seq.
    pub seq: u64,
    /// Who sent it.
    pub sender: String,
    /// The message id, if it is a message.
    pub id: Option<String>,
    /// Counts the device's connections.
    pub connection: u64,
}

/// A device that listens: user and client id.
pub type Device = (String, String);

/// A conversation that the run uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its members.
    pub members: Vec<String>,
    /// The first seq that is delivered: 2 for direct conversations (seq 1 is their creation), 1 for groups.
    pub first_seq: u64,
}

/// The record of one run. Shared by all clients.
#[derive(Debug, Default)]
pub struct History {
    record: Mutex<Record>,
    connections: AtomicU64,
}

/// What a [`History`] holds.
#[derive(Debug, Default, Clone)]
pub struct Record {
    /// Conversations by canonical id.
    pub conversations: BTreeMap<String, Conversation>,
    /// Messages handed to senders, per sender and conversation in order.
    pub sent: BTreeMap<(String, String), Vec<String>>,
    /// Receipts.
    pub acknowledged: Vec<Acknowledged>,
    /// Deliveries per device, in the order of their arrival.
    pub delivered: BTreeMap<Device, Vec<Delivered>>,
}

impl History {
    /// A client connects.
    pub(crate) fn connects(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections that clients made so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Changes the record.
    ///
    /// # Panics
    /// When another client panicked while it wrote: the run has failed anyway.
    pub fn write<R>(&self, change: impl FnOnce(&mut Record) -> R) -> R {
        #[expect(clippy::unwrap_used, reason = "a poisoned record means that the run has failed")]
        change(&mut self.record.lock().unwrap())
    }

    /// Whether every device has everything that was acknowledged to others.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.write(|record| check::missing(record).next().is_none())
    }

    /// Number of receipts and of deliveries.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.write(|record| (record.acknowledged.len(), record.delivered.values().map(Vec::len).sum()))
    }
}
