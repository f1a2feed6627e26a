//! What an entry means to the tables: one pure function.
//!
//! View rows are registers whose write timestamp is the entry's seq, so that writing one twice, late, or by a fenced owner changes
//! nothing. The seq alone orders inbox rows as well, also across leaving and joining again, because every raise, leave and
//! join is an entry of the same conversation.

use std::sync::Arc;

use longwave_model::{Content, ConversationId, ConversationKind, Entry, MemberChange, MessageId, Role, Seq, UserId};

use crate::journal::Audience;
use crate::members::ConversationRow;

/// How long a message id stays unique, in milliseconds: 7 days.
pub const DEDUP_MILLIS: u64 = 7 * 24 * 60 * 60 * 1000;

/// One row to write, newest `seq` wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewWrite {
    /// The entry itself, at (conversation, seq); its content is gone after its expiry.
    Log(Arc<Entry>),
    /// (conversation, sender, id) → seq and ts, kept until `expires`, whatever the entry's own expiry (protocol rule 7).
    Dedup {
        /// The conversation.
        conversation: ConversationId,
        /// The sender.
        sender: UserId,
        /// The message id.
        id: MessageId,
        /// The seq it got.
        seq: Seq,
        /// Unix time in milliseconds at which it got it.
        ts: u64,
        /// Unix time in milliseconds after which the row may go.
        expires: u64,
    },
    /// The conversation's head. Stored only after the log rows up to it (protocol rule 6).
    Head {
        /// The conversation.
        conversation: ConversationId,
        /// Its last seq.
        seq: Seq,
    },
    /// Raises a member's inbox row.
    InboxHead {
        /// Whose inbox.
        user: UserId,
        /// The conversation.
        conversation: ConversationId,
        /// The new head.
        seq: Seq,
    },
    /// A user becomes a member: member row and inbox row begin.
    Joined {
        /// The conversation.
        conversation: ConversationId,
        /// Its kind.
        kind: ConversationKind,
        /// Who.
        user: UserId,
        /// With which rights.
        role: Role,
        /// The entry's seq.
        seq: Seq,
    },
    /// A user is a member no more: `left` is set in member row and inbox row.
    Left {
        /// The conversation.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// The entry's seq.
        seq: Seq,
    },
    /// A member's rights changed.
    RoleChanged {
        /// The conversation.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// The rights now.
        role: Role,
        /// The entry's seq.
        seq: Seq,
    },
    /// The conversation's facts as the creation entry gives them.
    Created {
        /// The conversation.
        conversation: ConversationId,
        /// Its facts.
        row: ConversationRow,
    },
    /// Facts that an entry changed; `None` leaves one. A kind of channel is final and marks the members' inbox rows (rule 12).
    Updated {
        /// The conversation.
        conversation: ConversationId,
        /// The changes.
        update: longwave_model::Updated,
        /// The members whose inbox rows change kind, when the kind changes.
        members: Arc<Audience>,
        /// The entry's seq.
        seq: Seq,
    },
}

/// All rows that an entry causes, log row first, head after it, inbox last.
#[must_use]
pub fn views(entry: &Arc<Entry>, audience: &Arc<Audience>) -> Vec<ViewWrite> {
    let conversation = &entry.conversation;
    let seq = entry.seq;
    let mut writes = Vec::with_capacity(3 + audience.0.len());
    writes.push(ViewWrite::Log(entry.clone()));
    if let Some(id) = &entry.id {
        writes.push(ViewWrite::Dedup {
            conversation: conversation.clone(),
            sender: entry.sender.clone(),
            id: id.clone(),
            seq,
            ts: entry.ts,
            expires: entry.ts.saturating_add(DEDUP_MILLIS),
        });
    }
    writes.push(ViewWrite::Head { conversation: conversation.clone(), seq });
    content_views(entry, audience, &mut writes);
    for user in &audience.0 {
        writes.push(ViewWrite::InboxHead { user: user.clone(), conversation: conversation.clone(), seq });
    }
    writes
}

fn content_views(entry: &Arc<Entry>, audience: &Arc<Audience>, writes: &mut Vec<ViewWrite>) {
    let conversation = || entry.conversation.clone();
    let seq = entry.seq;
    match &entry.content {
        Content::Message(_) => {}
        Content::Created(created) => {
            writes.push(ViewWrite::Created {
                conversation: conversation(),
                row: ConversationRow {
                    kind: created.kind,
                    title: created.title.clone(),
                    created: entry.ts,
                    creator: entry.sender.clone(),
                    retention_age_seconds: None,
                    retention_entries: None,
                    version: seq,
                },
            });
            for member in &created.members {
                writes.push(ViewWrite::Joined {
                    conversation: conversation(),
                    kind: created.kind,
                    user: member.user.clone(),
                    role: member.role,
                    seq,
                });
            }
        }
        Content::Member(member) => {
            let user = member.user.clone();
            writes.push(match member.change {
                MemberChange::Added => {
                    ViewWrite::Joined { conversation: conversation(), kind: member.kind, user, role: member.role, seq }
                }
                MemberChange::Removed | MemberChange::Left => {
                    ViewWrite::Left { conversation: conversation(), user, seq }
                }
                MemberChange::Role => {
                    ViewWrite::RoleChanged { conversation: conversation(), user, role: member.role, seq }
                }
            });
        }
        Content::Updated(update) => writes.push(ViewWrite::Updated {
            conversation: conversation(),
            update: update.clone(),
            members: audience.clone(),
            seq,
        }),
    }
}

#[cfg(test)]
mod tests;
