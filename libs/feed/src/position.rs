//! One device's place in one conversation: what was fetched, sent and acknowledged. Pure: no store, no clock, no lock.
//!
//! Everything at or below `fetched` has been decided on: it is waiting in `queue`, was sent, or is not for this device. Entries that
//! are not for the device are never queued; they count as sent once everything below them is, so the cursor passes over them by
//! itself. A live entry is taken only if it is exactly the next one and little is queued; any other only raises `head`, and what
//! lies between is read from the log.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// What became of a live entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It waits to be sent, or counts as sent when it is not for the device.
    Taken,
    /// It will be read from the log.
    Later,
    /// It was decided on before, or is not within the membership.
    Known,
}

/// Something to send that speaks for `first..=last` (one entry, or a range that is no longer kept).
#[derive(Debug, Clone)]
struct Queued<T> {
    first: u64,
    last: u64,
    item: T,
}

/// Sent; speaks for `first..=last`.
#[derive(Debug, Clone, Copy)]
struct Flying {
    first: u64,
    last: u64,
    acked: bool,
}

/// A device's place in a conversation; `T` is what is sent.
#[derive(Debug, Clone)]
pub(crate) struct Position<T> {
    sent: u64,
    fetched: u64,
    head: u64,
    joined: u64,
    left: Option<u64>,
    /// Times during which the user was no member, in order, not yet passed by `fetched`: first and last seq of each.
    absences: Vec<(u64, u64)>,
    queue: VecDeque<Queued<T>>,
    flying: VecDeque<Flying>,
}

impl<T> Position<T> {
    /// A device that has everything up to `cursor`, of a user who is a member from `joined` on, until `left` if that is over.
    pub(crate) fn new(cursor: u64, joined: u64, left: Option<u64>) -> Self {
        let start = cursor.max(joined.saturating_sub(1));
        Self {
            sent: start,
            fetched: start,
            head: start,
            joined,
            left,
            absences: Vec::new(),
            queue: VecDeque::new(),
            flying: VecDeque::new(),
        }
    }

    /// Continues after a reconnect: `in_flight` (in order) was sent before and is not acknowledged, everything else up to its last is.
    /// What was acknowledged beyond that, out of order, is not known any more and will be sent once more.
    pub(crate) fn resume(&mut self, in_flight: impl IntoIterator<Item = u64>) {
        for seq in in_flight {
            if seq > self.sent {
                self.flying.push_back(Flying { first: seq, last: seq, acked: false });
                self.sent = seq;
                self.fetched = seq;
                self.head = self.head.max(seq);
            }
        }
    }

    /// There are entries up to `head`.
    pub(crate) fn raise_head(&mut self, head: u64) {
        self.head = self.head.max(head);
    }

    /// A live entry; `item` is `None` when it is not for this device. At most `room` items wait.
    pub(crate) fn offer(&mut self, seq: u64, item: Option<T>, room: usize) -> Offered {
        let next = self.next();
        if seq < next || self.left.is_some_and(|left| seq > left) {
            return Offered::Known;
        }
        self.raise_head(seq);
        if seq > next || self.queue.len() >= room {
            return Offered::Later;
        }
        self.push(seq, seq, item);
        self.settle();
        Offered::Taken
    }

    /// What has to be read from the log, if anything.
    pub(crate) fn wanted(&self) -> Option<RangeInclusive<u64>> {
        let next = self.next();
        let mut end = self.limit();
        if let Some((first, _)) = self.absences.iter().find(|(first, _)| *first > next) {
            end = end.min(first - 1);
        }
        (next <= end).then_some(next..=end)
    }

    /// Takes a page that speaks for everything up to `covered`; `None` in an item means it is not for this device. Entries at or
    /// below `floor` are gone: `gap` makes what is sent instead. Returns whether it led any further; if not, nothing is read again
    /// until the head is raised anew.
    pub(crate) fn accept(
        &mut self,
        covered: RangeInclusive<u64>,
        floor: u64,
        items: impl IntoIterator<Item = (u64, Option<T>)>,
        gap: impl FnOnce(u64, u64) -> Option<T>,
    ) -> bool {
        let before = self.fetched;
        let Some(range) = self.wanted() else { return true };
        if floor >= *range.start() {
            let to = floor.min(*range.end());
            self.push(*range.start(), to, gap(*range.start(), to));
        }
        // A page that begins above what is wanted says nothing about the seqs between.
        if *covered.start() <= self.next() {
            for (seq, item) in items {
                if seq > self.fetched && range.contains(&seq) {
                    self.push(seq, seq, item);
                }
            }
            let end = (*covered.end()).min(*range.end());
            if end > self.fetched {
                self.fetched = end;
            }
        }
        self.settle();
        if self.fetched == before {
            self.head = self.fetched;
        }
        self.fetched > before
    }

    /// The next item to send and the seq to acknowledge it with.
    pub(crate) fn take(&mut self) -> Option<(u64, T)> {
        let Queued { first, last, item } = self.queue.pop_front()?;
        self.flying.push_back(Flying { first, last, acked: false });
        self.sent = last;
        self.settle();
        Some((last, item))
    }

    /// The device has `seq`. Returns whether the cursor moved.
    pub(crate) fn ack(&mut self, seq: u64) -> bool {
        let before = self.cursor();
        if let Ok(index) = self.flying.binary_search_by_key(&seq, |flying| flying.last) {
            self.flying[index].acked = true;
        }
        while self.flying.front().is_some_and(|flying| flying.acked) {
            self.flying.pop_front();
        }
        self.cursor() > before
    }

    /// Whether `seq` was sent and is not acknowledged.
    pub(crate) fn has_in_flight(&self, seq: u64) -> bool {
        self.flying.iter().any(|flying| flying.last == seq && !flying.acked)
    }

    /// The highest seq below which everything sent is acknowledged.
    pub(crate) fn cursor(&self) -> u64 {
        self.flying.front().map_or(self.sent, |flying| flying.first - 1)
    }

    /// The membership ended with entry `left`, which is still sent.
    pub(crate) fn leave(&mut self, left: u64) {
        if left < self.joined {
            return;
        }
        self.left = Some(self.left.map_or(left, |before| before.min(left)));
        while self.queue.back().is_some_and(|queued| queued.last > left) {
            self.queue.pop_back();
        }
        self.fetched = self.fetched.min(left.max(self.sent));
        self.settle();
    }

    /// Nothing more is wanted: forgets what is queued and returns how much that was.
    pub(crate) fn withdraw(&mut self) -> usize {
        let dropped = self.queue.len();
        self.queue.clear();
        self.fetched = self.sent;
        self.head = self.sent;
        dropped
    }

    /// The user became a member again with entry `joined`.
    pub(crate) fn rejoin(&mut self, joined: u64) {
        if joined <= self.joined {
            return;
        }
        // If the end of the former membership was not seen, it reached at least as far as what was offered.
        let last = self.left.take().unwrap_or(self.head).max(self.fetched);
        self.joined = joined;
        if last + 1 < joined {
            self.absences.push((last + 1, joined - 1));
        }
        self.head = self.head.max(joined);
        self.settle();
    }

    /// What the inbox row says about the membership.
    pub(crate) fn set_bounds(&mut self, joined: u64, left: Option<u64>) {
        self.rejoin(joined);
        if let Some(left) = left.filter(|left| *left >= joined && joined >= self.joined) {
            self.leave(left);
        }
    }

    /// Items waiting to be sent.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Everything that is known of is sent and acknowledged.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.queue.is_empty() && self.flying.is_empty() && self.next() > self.limit()
    }

    fn limit(&self) -> u64 {
        self.left.map_or(self.head, |left| left.min(self.head))
    }

    /// The first seq not yet decided on that is within a membership.
    fn next(&self) -> u64 {
        let mut next = self.fetched + 1;
        for (first, last) in &self.absences {
            if (*first..=*last).contains(&next) {
                next = last + 1;
            }
        }
        next
    }

    fn push(&mut self, first: u64, last: u64, item: Option<T>) {
        self.fetched = last;
        if let Some(item) = item {
            self.queue.push_back(Queued { first, last, item });
        }
    }

    /// Passes over what is not for this device.
    fn settle(&mut self) {
        if !self.absences.is_empty() {
            let next = self.next();
            self.absences.retain(|(_, last)| *last >= next);
            self.fetched = self.fetched.max(next - 1);
        }
        let before_next = self.queue.front().map_or(self.fetched, |queued| queued.first - 1);
        self.sent = self.sent.max(before_next);
    }
}

#[cfg(test)]
mod tests;
