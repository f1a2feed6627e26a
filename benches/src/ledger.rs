//! Who sent what to whom, and what of it arrived: lost, duplicated and out-of-order messages of one sender's stream.
//!
//! The receiving side keeps the numbers it skipped; the sending side keeps which numbers the server acknowledged. Only a message
//! that was acknowledged and never arrived is *lost*: one without a PUBACK may be missing without breaking any promise.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How an arrived message fits into its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The next one, or one after a gap.
    New,
    /// Fills a gap that a later number had left.
    OutOfOrder,
    /// Was there already.
    Duplicate,
}

/// Sums over streams; addition is how the streams of a run are joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Written to the socket.
    pub sent: u64,
    /// Acknowledged with success.
    pub acknowledged: u64,
    /// Acknowledged with a reason code of 0x80 or above.
    pub refused: u64,
    /// Written and neither acknowledged nor refused when the run ended.
    pub unanswered: u64,
    /// Distinct messages that arrived.
    pub delivered: u64,
    /// Acknowledged and never arrived.
    pub lost: u64,
    /// Arrivals beyond the first of the same number.
    pub duplicates: u64,
    /// Arrivals of a lower number after a higher one.
    pub out_of_order: u64,
    /// Arrivals that this stream's sender never sent: damaged, from somebody else, or refused before.
    pub stray: u64,
}

impl Verdict {
    /// Whether nothing was lost, repeated, reordered, refused, left unanswered or made up.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let Self { lost, duplicates, out_of_order, stray, refused, unanswered, .. } = *self;
        [lost, duplicates, out_of_order, stray, refused, unanswered].iter().all(|count| *count == 0)
    }

    /// Adds another stream's sums.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
        self.stray += other.stray;
    }
}

/// One direction: one sender to one receiver.
#[derive(Debug, Default)]
pub struct Ledger {
    sent: u64,
    acknowledged: u64,
    refused: BTreeSet<u64>,
    next: u64,
    missing: BTreeSet<u64>,
    delivered: u64,
    duplicates: u64,
    out_of_order: u64,
    stray: u64,
}

impl Ledger {
    /// The number of the next message to send.
    pub fn send(&mut self) -> u64 {
        let number = self.sent;
        self.sent += 1;
        number
    }

    /// The server acknowledged a number.
    pub fn acknowledge(&mut self) {
        self.acknowledged += 1;
    }

    /// The server refused a number.
    pub fn refuse(&mut self, number: u64) {
        self.refused.insert(number);
    }

    /// A number arrived.
    pub fn arrive(&mut self, number: u64) -> Arrival {
        if number >= self.sent || self.refused.contains(&number) {
            self.stray += 1;
        }
        if number >= self.next {
            self.missing.extend(self.next..number.min(self.sent));
            self.next = number + 1;
            self.delivered += 1;
            return Arrival::New;
        }
        if self.missing.remove(&number) {
            self.delivered += 1;
            self.out_of_order += 1;
            return Arrival::OutOfOrder;
        }
        self.duplicates += 1;
        Arrival::Duplicate
    }

    /// Something arrived on this stream that is not a message of its sender.
    pub fn stray(&mut self) {
        self.stray += 1;
    }

    /// Whether everything that was acknowledged so far has also arrived.
    #[must_use]
    pub fn has_caught_up(&self) -> bool {
        self.delivered >= self.acknowledged
    }

    /// The sums at the end; `unanswered` are the numbers that still wait for their PUBACK.
    #[must_use]
    pub fn close(&self, unanswered: &BTreeSet<u64>) -> Verdict {
        let owed = |number: &u64| !unanswered.contains(number) && !self.refused.contains(number);
        let gaps = self.missing.iter().copied();
        let lost = gaps.chain(self.next..self.sent).filter(owed).count() as u64;
        Verdict {
            sent: self.sent,
            acknowledged: self.acknowledged,
            refused: self.refused.len() as u64,
            unanswered: unanswered.len() as u64,
            delivered: self.delivered,
            lost,
            duplicates: self.duplicates,
            out_of_order: self.out_of_order,
            stray: self.stray,
        }
    }
}

#[cfg(test)]
mod tests;
