//! After an append: receipts, then views, then the members' devices, then what waited for all that.

use longwave_model::{ConversationKind, ErrorCode, Position, Refusal};
use longwave_persistence::StoreError;
use longwave_port::{Recipients, Typing};
use std::sync::Arc;
use tokio::sync::oneshot::error::TryRecvError;

use crate::apply::{apply, batch_views};
use crate::check;
use crate::core::Failure;
use crate::lane::Lane;
use crate::lane::batch::{Batch, Verdict};
use crate::lane::fetch::refusal_of;
use crate::lane::request::{Changed, ReadRequest, Request, TypingRequest};
use crate::marks::MarkJob;

impl Lane {
    /// The batch is stored.
    pub(super) async fn committed(&mut self, batch: Batch) {
        self.parts.stats.appended(batch.entries.len());
        for out in &batch.entries {
            self.memory.learn(&out.entry, out.session);
        }
        self.finish(batch).await;
    }

    /// Answers the batch's requests; its entries, if any, are stored.
    pub(super) async fn finish(&mut self, mut batch: Batch) {
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
                other => later.push(other),
            }
        }
        if !batch.entries.is_empty() {
            if !self.parts.store.views_are_committed() {
                apply(&*self.parts.store, batch_views(&batch.appended())).await;
            }
            self.fan_out(&batch);
            self.applied(self.head);
        }
        for (request, verdict) in later {
            self.finish_later(request, &verdict, &batch);
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

    /// Views are stored up to here, and the bus has what is to be told.
    pub(super) fn applied(&mut self, position: Position) {
        match self.parts.bus.flushed() {
            Some(flushed) => self.told.push_back((position, flushed)),
            None => self.progress.applied(position),
        }
    }

    /// Looks how far the bus has come (protocol rule 10).
    pub(super) fn note_told(&mut self) {
        while let Some((position, flushed)) = self.told.front_mut()
            // One that was dropped belongs to a bus that has ended.
            && !matches!(flushed.try_recv(), Err(TryRecvError::Empty))
        {
            self.progress.applied(*position);
            self.told.pop_front();
        }
    }

    /// Tells the members who are online.
    pub(super) fn fan_out(&self, batch: &Batch) {
        for out in &batch.entries {
            self.parts.bus.entry(&out.entry, &out.to);
            if let Some(also) = &out.also {
                self.parts.bus.entry(&out.entry, also);
            }
        }
    }

    fn finish_later(&mut self, request: Request, verdict: &Verdict, batch: &Batch) {
        match request {
            Request::Change(change) => {
                let stored = match verdict {
                    Verdict::Entry(index) => batch.stored(*index),
                    _ => None,
                };
                if let Some(conversation) = self.memory.conversations.get(&change.conversation) {
                    // Who asked may be gone.
                    let _ = change.to.send(Ok(Changed { stored, head: conversation.head }));
                }
            }
            Request::Look { conversation, to } => {
                let snapshot = self.memory.conversations.get(&conversation).filter(|known| known.exists());
                let _ = to.send(
                    snapshot.map(|known| known.snapshot()).ok_or_else(unknown_conversation).map_err(Failure::Refused),
                );
            }
            Request::Forget { done, .. } => {
                let _ = done.send(());
            }
            Request::Read(read) => self.read(*read),
            Request::Typing(typing) => self.typing(*typing),
            Request::Send(send) => send.reply.unknown(),
            Request::Own | Request::Stop => {}
        }
    }

    fn read(&mut self, read: ReadRequest) {
        let Some(conversation) = self.memory.conversations.get(&read.conversation) else {
            read.reply.unknown();
            return;
        };
        if let Err(refusal) = check::read(conversation, &read.user, read.seq) {
            read.reply.refused(refusal);
            return;
        }
        // In a channel only the reader's own devices hear of it: everybody to everybody would be quadratic.
        let to = match conversation.kind {
            ConversationKind::Channel => Recipients::Users(Arc::new(vec![read.user.clone()])),
            _ => conversation.recipients().clone(),
        };
        let ts = (self.parts.clock)();
        let job =
            MarkJob { conversation: read.conversation, user: read.user, read: read.seq, ts, to, reply: read.reply };
        // Fails only when the bridge stops; the reply in the job then says that nobody knows.
        let _ = self.parts.marks.send(job);
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
