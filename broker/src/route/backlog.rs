//! Where a reader of the log stands, a session or a shared subscription: what is owed to it and not in memory.
//!
//! Numbers of the log are only counted here. What has to be dropped is the oldest; of what is not in memory only its count is
//! known, so it is skipped when that part of the log is read, and forgotten for good then.

/// A reader's place in the log.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Everything up to here is in memory or done.
    pub(super) read_to: u64,
    /// The latest that is owed.
    last: u64,
    unread: usize,
    unread_bytes: usize,
    skip: usize,
    /// A page is being read.
    pub(super) reading: bool,
}

/// A part of the log that is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// After this number.
    pub(super) after: u64,
    /// The first so many are dropped already.
    pub(super) skip: usize,
    /// The last so many are owed.
    pub(super) unread: usize,
    /// When there is nothing more to be found, everything up to here was.
    pub(super) last: u64,
}

impl Backlog {
    /// One that is owed nothing of what is in the log so far.
    pub(super) fn at(number: u64) -> Self {
        Self { read_to: number, last: number, ..Self::default() }
    }

    /// Messages that are owed and not in memory.
    pub(super) fn unread(&self) -> usize {
        self.unread
    }

    /// Their bytes, or about that.
    pub(super) fn unread_bytes(&self) -> usize {
        self.unread_bytes
    }

    /// The first so many that are not in memory are dropped already.
    pub(super) fn skip(&self) -> usize {
        self.skip
    }

    /// Whether there is something to read, if only to learn what was skipped.
    pub(super) fn is_behind(&self) -> bool {
        self.unread + self.skip > 0
    }

    /// A message is owed and stays in the log for now.
    pub(super) fn add(&mut self, number: u64, size: usize) {
        self.last = self.last.max(number);
        self.unread += 1;
        self.unread_bytes += size;
    }

    /// Messages that were in memory are left to the log again: everything after `read_to`.
    pub(super) fn put_back(&mut self, read_to: u64, messages: usize, bytes: usize) {
        self.last = self.last.max(self.read_to);
        self.read_to = read_to;
        self.unread += messages;
        self.unread_bytes += bytes;
    }

    /// Drops the oldest of those that are not in memory; `false` when there is none.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let Some(rest) = self.unread.checked_sub(1) else { return false };
        self.unread_bytes -= self.unread_bytes / self.unread;
        self.unread = rest;
        self.skip += 1;
        true
    }

    /// Begins to read.
    pub(super) fn plan(&mut self) -> Plan {
        self.reading = true;
        Plan { after: self.read_to, skip: self.skip, unread: self.unread, last: self.last.max(self.read_to) }
    }

    /// A page was read: so many were skipped, and so many of this many bytes are in memory now. Answers how many of them nobody
    /// had counted.
    pub(super) fn page(&mut self, read_to: u64, skipped: usize, messages: usize, bytes: usize) -> usize {
        self.reading = false;
        self.read_to = self.read_to.max(read_to);
        self.skip -= skipped.min(self.skip);
        let counted = messages.min(self.unread);
        self.unread -= counted;
        self.unread_bytes = self.unread_bytes.saturating_sub(bytes);
        messages - counted
    }

    /// The log has nothing more up to `last`: answers how many are owed and gone.
    pub(super) fn exhausted(&mut self, last: u64) -> usize {
        self.read_to = self.read_to.max(last);
        if self.last > self.read_to {
            return 0;
        }
        self.skip = 0;
        self.unread_bytes = 0;
        std::mem::take(&mut self.unread)
    }
}

#[cfg(test)]
mod tests {
    use super::Backlog;

    #[test]
    fn what_is_dropped_is_skipped_when_it_is_read() {
        let mut backlog = Backlog::at(10);
        (11..=14).for_each(|number| backlog.add(number, 100));
        assert!(backlog.drop_oldest() && backlog.drop_oldest());
        assert_eq!((backlog.unread(), backlog.unread_bytes()), (2, 200));
        let plan = backlog.plan();
        assert_eq!((plan.after, plan.skip, plan.last), (10, 2, 14));
        assert_eq!(backlog.page(14, 2, 2, 200), 0);
        assert_eq!(backlog.exhausted(plan.last), 0);
        assert!(!backlog.is_behind() && backlog.read_to == 14);
    }

    #[test]
    fn what_is_gone_is_counted_once_everything_was_read() {
        let mut backlog = Backlog::at(0);
        (1..=3).for_each(|number| backlog.add(number, 1));
        let plan = backlog.plan();
        backlog.add(4, 1);
        assert_eq!(backlog.page(3, 0, 1, 1), 0);
        assert_eq!(backlog.exhausted(plan.last), 0, "the fourth came meanwhile");
        assert_eq!(backlog.unread(), 3);
        let plan = backlog.plan();
        assert_eq!(backlog.page(4, 0, 1, 1), 0);
        assert_eq!(backlog.exhausted(plan.last), 2);
    }

    #[test]
    fn messages_that_came_before_they_were_counted_are_told() {
        let mut backlog = Backlog::at(0);
        backlog.add(1, 1);
        assert_eq!(backlog.page(2, 0, 2, 2), 1);
    }
}
