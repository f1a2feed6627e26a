//! The fenced append and the views that change rows already there: membership and facts of conversations.

use longwave_model::{ConversationId, Position, Role, Seq, Updated, UserId};
use prost::Message as _;
use tokio::sync::oneshot;

use super::Stage;
use crate::embedded::keys;
use crate::embedded::request::{Completion, Prepared};
use crate::embedded::rows::{ConversationFacts, MembershipRow, Statics};
use crate::embedded::tables::{Table, damaged};
use crate::error::StoreError;
use crate::invariant::{fence_opens, is_within, never_fall};
use crate::journal::Outcome;
use crate::views::ViewWrite;

impl Stage<'_> {
    pub(super) fn append(&mut self, append: Prepared, answer: oneshot::Sender<Outcome>) -> Completion {
        let shard = usize::from(append.shard.0);
        let fenced = self.statics.get(shard).copied();
        let opens = |now: &Statics| fence_opens(append.epoch, append.head, (now.epoch, now.head));
        let Some(mut statics) = fenced.filter(opens) else {
            return Completion::Append(answer, Outcome::NotApplied);
        };
        // Before the blind rows, because reading may fail.
        for write in append.facts {
            if let Err(error) = self.write_fact(write) {
                self.take_back();
                return Completion::Append(answer, Outcome::Rejected(error));
            }
        }
        for (table, key, row) in append.rows {
            self.batch.insert(self.tables.keyspace(table), key, row);
        }
        for (conversation, seq) in append.heads {
            let head = self.heads.entry(conversation).or_insert(0);
            *head = seq.max(*head);
        }
        statics.head = Position(append.head.0 + append.count);
        if append.count > 0 {
            let key = keys::journal(append.shard, statics.head.0);
            self.batch.insert(self.tables.keyspace(Table::Journal), key, append.pointers.finish(self.now));
        }
        // The views are part of the append, so they are stored up to the head, whatever the owner has heard of.
        statics.watermarks.applied = statics.head;
        statics.watermarks.settled = statics.watermarks.settled.max(append.watermarks.settled).min(statics.head);
        debug_assert!(is_within(statics.watermarks, statics.trimmed, statics.head));
        debug_assert!(never_fall(self.statics[shard].watermarks, statics.watermarks));
        self.statics[shard] = statics;
        self.touched[shard] = true;
        self.entries += append.count;
        Completion::Append(answer, Outcome::Applied)
    }

    fn write_fact(&mut self, write: ViewWrite) -> Result<(), StoreError> {
        match write {
            ViewWrite::Joined { conversation, kind: _, user, role, seq } => {
                self.change_membership(&conversation, &user, |row| {
                    if seq.0 > row.joined {
                        *row = MembershipRow { joined: seq.0, left: None, role: role as u32 };
                    }
                })
            }
            ViewWrite::Left { conversation, user, seq } => {
                self.change_membership(&conversation, &user, |row| row.left = Some(seq.0))
            }
            ViewWrite::RoleChanged { conversation, user, role, seq: _ } => {
                self.change_membership(&conversation, &user, |row| row.role = role as u32)
            }
            ViewWrite::Created { conversation, row } => {
                let key = conversation.as_str().as_bytes().to_vec();
                self.write(Table::Conversation, key, Some(ConversationFacts::of(&row).encode_to_vec()));
                Ok(())
            }
            ViewWrite::Updated { conversation, update, members: _, seq } => {
                self.update_facts(&conversation, update, seq)
            }
            ViewWrite::Log(_) | ViewWrite::Dedup { .. } | ViewWrite::Head { .. } | ViewWrite::InboxHead { .. } => {
                Ok(())
            }
        }
    }

    /// The same row by conversation and by user.
    fn change_membership(
        &mut self,
        conversation: &ConversationId,
        user: &UserId,
        change: impl FnOnce(&mut MembershipRow),
    ) -> Result<(), StoreError> {
        let key = keys::pair(conversation.as_str(), user.as_str());
        let mut row = match self.read(Table::Member, &key)? {
            Some(row) => MembershipRow::decode(&*row)
                .map_err(|error| damaged(Table::Member, format!("{conversation}, {user}: {error}")))?,
            None => MembershipRow { joined: 0, left: None, role: Role::Member as u32 },
        };
        change(&mut row);
        let bytes = row.encode_to_vec();
        self.write(Table::Member, key, Some(bytes.clone()));
        self.write(Table::Inbox, keys::pair(user.as_str(), conversation.as_str()), Some(bytes));
        Ok(())
    }

    fn update_facts(&mut self, conversation: &ConversationId, update: Updated, seq: Seq) -> Result<(), StoreError> {
        let key = conversation.as_str().as_bytes();
        let lacking = |what: &str| damaged(Table::Conversation, format!("{conversation}: {what}"));
        let row = self.read(Table::Conversation, key)?.ok_or_else(|| lacking("no row to update"))?;
        let mut facts = ConversationFacts::decode(&*row).map_err(|error| lacking(&error.to_string()))?;
        if update.title.is_some() {
            facts.title = update.title;
        }
        if let Some(kind) = update.kind {
            facts.kind = kind as u32;
        }
        // 0 returns to the global setting.
        if let Some(age) = update.retention_age_seconds {
            facts.retention_age_seconds = (age != 0).then_some(age);
        }
        if let Some(entries) = update.retention_entries {
            facts.retention_entries = (entries != 0).then_some(entries);
        }
        facts.version = seq.0;
        self.write(Table::Conversation, key.to_vec(), Some(facts.encode_to_vec()));
        Ok(())
    }
}
