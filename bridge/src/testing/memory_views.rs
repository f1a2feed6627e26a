//! Views in memory: registers whose greatest seq wins, so that applying twice or late changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use longwave_model::{ConversationId, ConversationKind, DeviceId, Entry, MessageId, Role, Seq, UserId};
use longwave_persistence::views::ViewWrite;
use longwave_persistence::{ConversationRow, Mark, Stored};

/// One membership; the same row serves members and inboxes.
#[derive(Debug, Clone)]
pub(super) struct Membership {
    pub(super) kind: ConversationKind,
    pub(super) role: (Seq, Role),
    pub(super) joined: Seq,
    pub(super) left: Option<Seq>,
    pub(super) head: Seq,
}

/// All view tables.
#[derive(Debug, Default)]
pub(super) struct Views {
    pub(super) log: BTreeMap<(ConversationId, u64), Arc<Entry>>,
    pub(super) dedup: BTreeMap<(ConversationId, UserId, MessageId), Stored>,
    pub(super) heads: BTreeMap<ConversationId, Seq>,
    pub(super) members: BTreeMap<(ConversationId, UserId), Membership>,
    pub(super) conversations: BTreeMap<ConversationId, ConversationRow>,
    pub(super) marks: BTreeMap<(ConversationId, UserId), Mark>,
    pub(super) cursors: BTreeMap<(UserId, DeviceId, ConversationId), Seq>,
    pub(super) inbox_raises: usize,
}

impl Views {
    pub(super) fn apply(&mut self, writes: Vec<ViewWrite>) {
        for write in writes {
            self.write(write);
        }
    }

    fn write(&mut self, write: ViewWrite) {
        match write {
            ViewWrite::Log(entry) => {
                let before = self.log.insert((entry.conversation.clone(), entry.seq.0), entry.clone());
                assert!(before.is_none_or(|before| before == entry), "a log row was overwritten by another");
            }
            ViewWrite::Dedup { conversation, sender, id, seq, ts, expires: _ } => {
                let before = self.dedup.insert((conversation, sender, id), Stored { seq, ts });
                assert!(before.is_none_or(|before| before.seq == seq), "an id was stored twice");
            }
            ViewWrite::Head { conversation, seq } => {
                let head = self.heads.entry(conversation).or_default();
                *head = seq.max(*head);
            }
            ViewWrite::InboxHead { user, conversation, seq } => {
                self.inbox_raises += 1;
                if let Some(row) = self.members.get_mut(&(conversation, user)) {
                    row.head = seq.max(row.head);
                }
            }
            ViewWrite::Joined { conversation, kind, user, role, seq } => {
                let new = Membership { kind, role: (seq, role), joined: seq, left: None, head: seq };
                let row = self.members.entry((conversation, user)).or_insert_with(|| new.clone());
                if seq > row.joined {
                    *row = Membership { head: seq.max(row.head), left: row.left, ..new };
                }
            }
            ViewWrite::Left { conversation, user, seq } => {
                if let Some(row) = self.members.get_mut(&(conversation, user)) {
                    row.left = row.left.max(Some(seq));
                }
            }
            ViewWrite::RoleChanged { conversation, user, role, seq } => {
                if let Some(row) = self.members.get_mut(&(conversation, user)) {
                    row.role = if seq >= row.role.0 { (seq, role) } else { row.role };
                }
            }
            ViewWrite::Created { conversation, row } => {
                self.conversations.entry(conversation).or_insert(row);
            }
            ViewWrite::Updated { conversation, update, members, seq } => {
                if let Some(kind) = update.kind {
                    for user in &members.0 {
                        if let Some(row) = self.members.get_mut(&(conversation.clone(), user.clone())) {
                            row.kind = kind;
                        }
                    }
                }
                if let Some(row) = self.conversations.get_mut(&conversation).filter(|row| row.version < seq) {
                    row.version = seq;
                    row.kind = update.kind.unwrap_or(row.kind);
                    row.title = update.title.or(row.title.take());
                    row.retention_age_seconds = update.retention_age_seconds.or(row.retention_age_seconds);
                    row.retention_entries = update.retention_entries.or(row.retention_entries);
                }
            }
        }
    }
}
