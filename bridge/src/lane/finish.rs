//! After an append: receipts at once; then, beside the next append, views, the members' devices, and what waited for all that.

use longwave_model::{ConversationKind, ErrorCode, Position, Refusal};
use longwave_persistence::StoreError;
use longwave_port::{Recipients, Typing};
use std::sync::Arc;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::check;
use crate::core::Failure;
use crate::lane::Lane;
use crate::lane::applier::{Done, fan_out};
use crate::lane::batch::{Batch, Verdict};
use crate::lane::conversation::Snapshot;
use crate::lane::fetch::refusal_of;
use crate::lane::request::{Changed, ReadRequest, Request, TypingRequest};
use crate::marks::MarkJob;

/// What waits for views.
#[derive(Debug)]
pub(super) enum Later {
    Changed(oneshot::Sender<Result<Changed, Failure>>, Changed),
    Looked(oneshot::Sender<Result<Snapshot, Failure>>, Result<Snapshot, Failure>),
    Forgotten(oneshot::Sender<()>),
    Mark(mpsc::UnboundedSender<MarkJob>, MarkJob),
}

impl Later {
    /// The views are stored.
    pub(super) fn answer(self) {
        // Who asked may be gone.
        match self {
            Self::Changed(to, changed) => drop(to.send(Ok(changed))),
            Self::Looked(to, looked) => drop(to.send(looked)),
            Self::Forgotten(done) => drop(done.send(())),
            // Fails only when the bridge stops; the reply in the job then says that nobody knows.
            Self::Mark(marks, job) => drop(marks.send(job)),
        }
    }
}

impl Lane {
    /// The batch is stored.
    pub(super) fn committed(&mut self, batch: Batch) {
        self.parts.stats.appended(batch.entries.len());
        for out in &batch.entries {
            self.memory.learn(&out.entry, out.session);
        }
        self.finish(batch);
    }

    /// Answers the batch's requests; its entries, if any, are stored.
    pub(super) fn finish(&mut self, mut batch: Batch) {
        let mut later = Vec::new();
        for (request, verdict) in std::mem::take(&mut batch.decided) {
            match (request, verdict) {
                (Request::Send(send), Verdict::Entry(index)) => match batch.stored(index) {
                    Some(stored) => send.reply.stored(stored),
                    None => send.reply.unknown(),
                },
                (Request::Send(send), Verdict::Found(stored)) => send.reply.stored(stored),
                (request, Verdict::Superseded) => drop(request),
                (request, Verdict::OutOfOrder) => request.moved(),
                (request, Verdict::Refused(refusal)) => request.refuse(refusal),
                (request, verdict) => later.extend(self.later(request, &verdict, &batch)),
            }
        }
        if let Some(hand_over) = &self.hand_over {
            hand_over.push(self.head, &batch.entries);
        }
        if self.parts.store.views_are_committed() {
            if !batch.entries.is_empty() {
                fan_out(&*self.parts.bus, &batch.entries);
                self.applied(self.head, self.parts.bus.flushed());
            }
            later.into_iter().for_each(Later::answer);
        } else if batch.entries.is_empty() && self.applier.is_idle() {
            later.into_iter().for_each(Later::answer);
        } else if !batch.entries.is_empty() || !later.is_empty() {
            self.applier.push(batch.entries, later, self.head, self.epoch);
        }
    }

    /// Nothing of the batch is stored, with certainty.
    pub(super) fn rejected(&mut self, batch: Batch, error: &StoreError) {
        let refusal = refusal_of(error);
        for out in &batch.entries {
            // Its memory counts entries that do not exist.
            self.memory.conversations.remove(&out.entry.conversation);
        }
        for (request, verdict) in batch.decided.into_iter().rev() {
            match (request, verdict) {
                (request, Verdict::Entry(_)) => request.refuse(refusal.clone()),
                (Request::Send(send), Verdict::Found(stored)) => send.reply.stored(stored),
                (request, Verdict::Superseded) => drop(request),
                (request, Verdict::OutOfOrder) => request.moved(),
                // Decided on entries that do not exist: decide again.
                (request, _) => self.backlog.push_front(request),
            }
        }
    }

    /// Views are stored up to here; `flushed` comes when those online have been told.
    pub(super) fn applied(&mut self, position: Position, flushed: Option<oneshot::Receiver<()>>) {
        self.told.push_back((position, flushed));
    }

    /// Looks how far views and bus have come (protocol rule 10).
    pub(super) fn note_told(&mut self) {
        while let Some(done) = self.applier.try_done() {
            self.note_done(done);
        }
        // One that was dropped belongs to a bus that has ended.
        let is_told = |flushed: &mut Option<oneshot::Receiver<()>>| {
            flushed.as_mut().is_none_or(|flushed| !matches!(flushed.try_recv(), Err(TryRecvError::Empty)))
        };
        while let Some((position, _)) = self.told.pop_front_if(|(_, flushed)| is_told(flushed)) {
            self.progress.applied(position);
        }
    }

    fn note_done(&mut self, done: Done) {
        // What an earlier tenure appended was applied once more by the takeover.
        if done.epoch == self.epoch {
            self.applied(done.position, done.flushed);
        }
    }

    /// Waits until fewer views are under way than may be.
    pub(super) async fn make_room(&mut self) {
        while self.applier.is_full()
            && let Some(done) = self.applier.next_done().await
        {
            self.note_done(done);
        }
    }

    /// Waits until all views are stored.
    pub(super) async fn drain(&mut self) {
        while !self.applier.is_idle()
            && let Some(done) = self.applier.next_done().await
        {
            self.note_done(done);
        }
    }

    /// What is left to do for a request once the views of its batch, and of all before, are stored.
    fn later(&mut self, request: Request, verdict: &Verdict, batch: &Batch) -> Option<Later> {
        match request {
            Request::Change(change) => {
                let stored = match verdict {
                    Verdict::Entry(index) => batch.stored(*index),
                    _ => None,
                };
                let head = self.memory.conversations.get(&change.conversation)?.head;
                Some(Later::Changed(change.to, Changed { stored, head }))
            }
            Request::Look { conversation, to } => {
                let snapshot = self.memory.conversations.get(&conversation).filter(|known| known.exists());
                let snapshot = snapshot.map(|known| known.snapshot()).ok_or_else(unknown_conversation);
                Some(Later::Looked(to, snapshot.map_err(Failure::Refused)))
            }
            Request::Forget { done, .. } => Some(Later::Forgotten(done)),
            Request::Read(read) => self.read(*read),
            Request::Typing(typing) => {
                self.typing(*typing);
                None
            }
            Request::Send(send) => {
                send.reply.unknown();
                None
            }
            Request::Own | Request::Stop => None,
        }
    }

    fn read(&mut self, read: ReadRequest) -> Option<Later> {
        let Some(conversation) = self.memory.conversations.get(&read.conversation) else {
            read.reply.unknown();
            return None;
        };
        if let Err(refusal) = check::read(conversation, &read.user, read.seq) {
            read.reply.refused(refusal);
            return None;
        }
        // In a channel only the reader's own devices hear of it: everybody to everybody would be quadratic.
        let to = match conversation.kind {
            ConversationKind::Channel => Recipients::Users(Arc::new(vec![read.user.clone()])),
            _ => conversation.recipients().clone(),
        };
        let ts = (self.parts.clock)();
        let job =
            MarkJob { conversation: read.conversation, user: read.user, read: read.seq, ts, to, reply: read.reply };
        Some(Later::Mark(self.parts.marks.clone(), job))
    }

    fn typing(&mut self, typing: TypingRequest) {
        let Some(conversation) = self.memory.conversations.get(&typing.conversation) else {
            typing.reply.unknown();
            return;
        };
        if let Err(refusal) = check::typing(&typing.conversation, conversation, &typing.user) {
            typing.reply.refused(refusal);
            return;
        }
        // Nobody wants to know who of thousands types in a channel.
        if conversation.kind != ConversationKind::Channel {
            let others = conversation.members().keys().filter(|user| **user != typing.user).cloned().collect();
            self.parts.bus.typing(Typing {
                conversation: typing.conversation,
                user: typing.user,
                device: typing.device,
                to: Recipients::Users(Arc::new(others)),
            });
        }
        typing.reply.done();
    }
}

fn unknown_conversation() -> Refusal {
    Refusal::new(ErrorCode::UnknownConversation, "there is no such conversation among this user's")
}
