//! One conversation: its log is dense from floor to head, and its dedup rows and entries name each other.

use std::collections::HashMap;

use longwave_model::{ConversationId, MessageId, Seq, UserId};

use super::{Audit, Finding, LogFact};
use crate::error::StoreError;
use crate::log::{Head, Stored};
use crate::views::DEDUP_MILLIS;

impl Audit<'_> {
    pub(super) fn check_conversation(&mut self, id: &ConversationId) -> Result<(), StoreError> {
        self.summary.conversations += 1;
        let head = self.survey.head(id)?;
        if head.is_none() {
            self.report(Finding { conversation: Some(id.clone()), seq: None, what: "no head row".to_owned() });
        }
        let head = head.unwrap_or(Head { seq: Seq(0), floor: Seq(0) });
        if head.floor > head.seq {
            self.report(Finding::at(id, head.floor, format!("the floor is above the head {}", head.seq)));
        }
        let mut dedup = HashMap::new();
        for row in self.survey.dedup(id) {
            let (sender, message, stored) = row?;
            self.summary.dedup += 1;
            if stored.seq > head.seq {
                let what = format!("a dedup row of {sender} is above the head {}", head.seq);
                self.report(Finding::at(id, stored.seq, what));
            }
            dedup.insert((sender, message), stored);
        }
        let mut expected = head.floor.next();
        for row in self.survey.log(id) {
            let row = row?;
            self.summary.entries += 1;
            // Rows at or below the floor wait for the sweeper.
            if row.seq > head.floor {
                self.check_place(id, &row, head, &mut expected);
            }
            self.check_dedup(id, &row, &mut dedup);
        }
        if expected <= head.seq {
            let what = format!("missing: the log ends here, the head is {}", head.seq);
            self.report(Finding::at(id, expected, what));
        }
        for ((sender, _), stored) in dedup.into_iter().filter(|(_, stored)| stored.seq > head.floor) {
            self.report(Finding::at(id, stored.seq, format!("a dedup row of {sender} names no such entry")));
        }
        Ok(())
    }

    fn check_place(&mut self, id: &ConversationId, row: &LogFact, head: Head, expected: &mut Seq) {
        if row.seq > head.seq {
            self.report(Finding::at(id, row.seq, format!("a log row above the head {}", head.seq)));
        }
        if row.seq != *expected {
            self.report(Finding::at(id, *expected, format!("missing: the next log row is {}", row.seq)));
        }
        *expected = row.seq.next();
        if let Some((conversation, seq)) = &row.names
            && (conversation != id || *seq != row.seq)
        {
            let what = format!("the entry stored here says {conversation}, seq {seq}");
            self.report(Finding::at(id, row.seq, what));
        }
    }

    /// Takes out of `dedup` what the entry accounts for.
    fn check_dedup(&mut self, id: &ConversationId, row: &LogFact, dedup: &mut HashMap<(UserId, MessageId), Stored>) {
        if row.removed {
            dedup.retain(|_, stored| stored.seq != row.seq);
            return;
        }
        let Some(key) = &row.id else { return };
        match dedup.get(key) {
            Some(stored) if stored.seq == row.seq && stored.ts == row.ts => {
                dedup.remove(key);
            }
            Some(stored) => {
                let what = format!("stored twice, or misnamed: the dedup row says seq {}", stored.seq);
                self.report(Finding::at(id, row.seq, what));
            }
            None if row.ts.saturating_add(DEDUP_MILLIS) <= self.now => {}
            None => self.report(Finding::at(id, row.seq, "the entry has an id, but no dedup row of its own")),
        }
    }
}
