//! The next append while it is being put together: its entries, and every request decided so far in its order.
//!
//! Nobody is answered before the append's outcome is known, not even those who are refused: a refusal may rest on an entry of this
//! very batch. Should the fence refuse the append, all requests are decided anew.

use std::sync::Arc;

use hashbrown::HashMap;
use longwave_model::{Content, ConversationKind, Entry, MemberChange, Refusal, UserId};
use longwave_persistence::{Appended, Audience, Stored};
use longwave_port::Recipients;
use rustc_hash::FxBuildHasher;

use crate::lane::conversation::Conversation;
use crate::lane::keys::{DedupKey, ResendKey, SessionMark};
use crate::lane::request::Request;
use crate::settings::BridgeSettings;

/// What an entry costs beside its body.
const ENTRY_OVERHEAD: usize = 128;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is (or joined) this entry of the batch.
    Entry(usize),
    /// It was stored before.
    Found(Stored),
    /// It is so already; no entry.
    Already,
    /// It will not be done.
    Refused(Refusal),
    /// It came over a connection that a later one has replaced, or so late that nobody waits for it.
    Superseded,
    /// The publish that must come before it was not taken by this owner.
    OutOfOrder,
    /// It is done once the batch is stored and applied.
    After,
}

/// An entry of the batch and who hears of it.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) entry: Arc<Entry>,
    pub(crate) audience: Arc<Audience>,
    pub(crate) to: Recipients,
    /// Members of a channel whose interest is not registered yet.
    pub(crate) also: Option<Recipients>,
    /// Whose devices may have to be woken for it; none for what is no message.
    pub(crate) woken: Option<Arc<Vec<UserId>>>,
    /// The session that published it.
    pub(crate) session: Option<SessionMark>,
}

impl Outgoing {
    /// As the store takes it.
    pub(crate) fn appended(&self) -> Appended {
        Appended { entry: self.entry.clone(), audience: self.audience.clone() }
    }
}

/// The next append.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Outgoing>,
    pub(crate) decided: Vec<(Request, Verdict)>,
    pub(crate) ids: HashMap<DedupKey, usize, FxBuildHasher>,
    pub(crate) resends: HashMap<ResendKey, usize, FxBuildHasher>,
    bytes: usize,
}

impl Batch {
    /// Whether `entries` more with `bytes` of bodies fit. The first always does.
    pub(crate) fn has_room(&self, entries: usize, bytes: usize, settings: &BridgeSettings) -> bool {
        self.entries.is_empty()
            || self.entries.len() + entries <= settings.append_entries
                && self.bytes + bytes + entries * ENTRY_OVERHEAD <= settings.append_bytes
    }

    /// Adds a conversation's next entry and tells the conversation of it. Returns its index.
    pub(crate) fn push(
        &mut self,
        conversation: &mut Conversation,
        entry: Entry,
        session: Option<SessionMark>,
    ) -> usize {
        let (audience_before, to_before) = (conversation.audience().clone(), conversation.recipients().clone());
        conversation.absorb(&entry);
        let mut audience = conversation.audience().clone();
        let mut to = conversation.recipients().clone();
        let mut also = None;
        match &entry.content {
            Content::Message(_) => {}
            Content::Created(created) => {
                to = Recipients::Users(Arc::new(created.members.iter().map(|member| member.user.clone()).collect()));
            }
            // Who has just gone hears of that too.
            Content::Member(member) => match member.change {
                MemberChange::Removed | MemberChange::Left => to = to_before,
                MemberChange::Added if conversation.kind == ConversationKind::Channel => {
                    also = Some(Recipients::Users(Arc::new(vec![member.user.clone()])));
                }
                MemberChange::Added | MemberChange::Role => {}
            },
            // The inbox rows of the members of a group that becomes a channel are marked by this entry (protocol rule 12).
            Content::Updated(_) => (audience, to) = (audience_before, to_before),
        }
        self.bytes += ENTRY_OVERHEAD + entry.message().map_or(0, |message| message.body.len());
        let woken = conversation.woken_by(&entry);
        self.entries.push(Outgoing { entry: Arc::new(entry), audience, to, also, woken, session });
        self.entries.len() - 1
    }

    /// As the store takes them.
    pub(crate) fn appended(&self) -> Vec<Appended> {
        self.entries.iter().map(Outgoing::appended).collect()
    }

    /// What an entry's senders are told.
    pub(crate) fn stored(&self, index: usize) -> Option<Stored> {
        self.entries.get(index).map(|out| Stored { seq: out.entry.seq, ts: out.entry.ts })
    }
}
