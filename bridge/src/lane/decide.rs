//! Decides requests in their order, from memory alone; what memory lacks is fetched by [`Lane::fetch_missing`].

use longwave_model::{Content, ConversationId, ConversationKind, Created, Entry, Membership, Origin, Role, UserId};

use crate::check;
use crate::invariant;
use crate::lane::Lane;
use crate::lane::batch::{Batch, Verdict};
use crate::lane::conversation::direct_users;
use crate::lane::keys::{DedupKey, ResendKey, SessionMark};
use crate::lane::request::{ChangeRequest, Request, SendRequest};
use crate::lane::seen::{Filter, Seen};
use crate::stats::count;

/// What became of the backlog's first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is in the batch.
    Decided,
    /// Something has to be read first.
    Missing,
    /// It has to wait for the next batch.
    Full,
    /// There is none.
    Empty,
}

/// Why a request was not decided.
enum NotYet {
    Missing,
    Full,
}

impl Lane {
    /// Moves the first request of the backlog into the batch, if memory suffices and it fits.
    pub(super) fn decide_next(&mut self, batch: &mut Batch) -> Step {
        let Some(request) = self.backlog.pop_front() else {
            return Step::Empty;
        };
        let decided = match &request {
            Request::Send(send) => self.decide_send(send, batch),
            Request::Change(change) => self.decide_change(change, batch),
            Request::Read(_) | Request::Typing(_) | Request::Look { .. } => match request.conversation() {
                Some(conversation) if self.memory.conversations.get(conversation).is_none() => Err(NotYet::Missing),
                _ => {
                    self.take_place(&request);
                    Ok(Verdict::After)
                }
            },
            // What the batch has done to the conversation exists in memory alone.
            Request::Forget { .. } if !batch.entries.is_empty() => Err(NotYet::Full),
            Request::Forget { conversation, .. } => {
                self.memory.conversations.remove(conversation);
                Ok(Verdict::After)
            }
            Request::Own => Ok(Verdict::After),
            Request::Stop => {
                self.stopping = true;
                return Step::Decided;
            }
        };
        match decided {
            Ok(verdict) => {
                batch.decided.push((request, verdict));
                Step::Decided
            }
            Err(NotYet::Missing) => {
                self.backlog.push_front(request);
                Step::Missing
            }
            Err(NotYet::Full) => {
                self.backlog.push_front(request);
                Step::Full
            }
        }
    }

    fn decide_send(&mut self, send: &SendRequest, batch: &mut Batch) -> Result<Verdict, NotYet> {
        let session = self.memory.names.session(&send.session.0, &send.session.1);
        if !self.memory.is_current(session, send.connection) {
            return Ok(Verdict::Superseded);
        }
        let Some(order) = &send.order else { return self.decide_in_order(send, session, batch) };
        if !order.lease.holds() {
            return Ok(Verdict::Superseded);
        }
        let chain = self.memory.names.chain(session, &send.conversation);
        if !self.memory.is_next(chain, send.connection, order) {
            return Ok(Verdict::OutOfOrder);
        }
        let verdict = self.decide_in_order(send, session, batch)?;
        self.memory.take(chain, send.connection, order.number);
        Ok(verdict)
    }

    fn decide_in_order(
        &mut self,
        send: &SendRequest,
        session: SessionMark,
        batch: &mut Batch,
    ) -> Result<Verdict, NotYet> {
        let key = send.id.as_ref().map(|id| self.memory.names.publish(&send.conversation, &send.sender, id));
        let bare = send.origin.filter(|_| key.is_none());
        let bare = bare.map(|origin| (ResendKey { session, packet_id: origin.packet_id }, origin));
        let before = match (&key, &bare) {
            (Some(key), _) => self.first_attempt(send, key, batch)?,
            (None, Some((key, origin))) if send.resend => self.first_sending(key, origin, batch),
            (None, _) => None,
        };
        if let Some(verdict) = before {
            count(&self.parts.stats.dedup_hits);
            return Ok(verdict);
        }
        let conversation = self.memory.conversations.get(&send.conversation).ok_or(NotYet::Missing)?;
        if let Err(refusal) = check::send(&send.conversation, conversation, &send.sender) {
            return Ok(Verdict::Refused(refusal));
        }
        let opens = !conversation.exists();
        if !batch.has_room(1 + usize::from(opens), send.message.body.len(), &self.parts.settings) {
            return Err(NotYet::Full);
        }
        let now = self.now();
        if opens {
            self.push(batch, opening(&send.conversation, &send.sender, now), None);
        }
        let entry = Entry {
            id: send.id.clone(),
            device: send.device.clone(),
            expires_at: send.expires_in.map(|seconds| now.saturating_add(u64::from(seconds) * 1_000)),
            origin: send.origin,
            ..plain(&send.conversation, &send.sender, now, Content::Message(send.message.clone()))
        };
        let index = self.push(batch, entry, Some(session));
        batch.ids.extend(key.map(|key| (key, index)));
        batch.resends.extend(bare.map(|(key, _)| (key, index)));
        Ok(Verdict::Entry(index))
    }

    /// Finds the first attempt of a publish with an id: in the batch, in memory, or, when memory cannot know, in the store.
    fn first_attempt(&mut self, send: &SendRequest, key: &DedupKey, batch: &Batch) -> Result<Option<Verdict>, NotYet> {
        if let Some(index) = batch.ids.get(key) {
            return Ok(Some(Verdict::Entry(*index)));
        }
        if let Some(stored) = self.memory.dedup.peek(key) {
            return Ok(Some(Verdict::Found(*stored)));
        }
        let conversation = self.memory.conversations.get(&send.conversation).ok_or(NotYet::Missing)?;
        let is_new = !conversation.exists() || conversation.seen.is_new(key) || self.memory.absent.contains(key);
        if is_new { Ok(None) } else { Err(NotYet::Missing) }
    }

    /// Finds the publish without an id that this one certainly repeats.
    fn first_sending(&self, key: &ResendKey, origin: &Origin, batch: &Batch) -> Option<Verdict> {
        if let Some(index) = batch.resends.get(key)
            && batch
                .entries
                .get(*index)
                .and_then(|out| out.entry.origin)
                .is_some_and(|first| first.is_resent_by(origin))
        {
            return Some(Verdict::Entry(*index));
        }
        let record = self.memory.resends.peek(key).filter(|record| record.origin.is_resent_by(origin));
        record.map(|record| Verdict::Found(record.stored))
    }

    fn take_place(&mut self, request: &Request) {
        let (conversation, place) = match request {
            Request::Read(read) => (&read.conversation, &read.place),
            Request::Typing(typing) => (&typing.conversation, &typing.place),
            _ => return,
        };
        if let Some(place) = place {
            let session = self.memory.names.session(&place.session.0, &place.session.1);
            let chain = self.memory.names.chain(session, conversation);
            self.memory.take(chain, place.connection, place.number);
        }
    }

    fn decide_change(&mut self, request: &ChangeRequest, batch: &mut Batch) -> Result<Verdict, NotYet> {
        if request.lease.as_ref().is_some_and(|lease| !lease.holds()) {
            return Ok(Verdict::Superseded);
        }
        let conversation = self.memory.conversations.get(&request.conversation).ok_or(NotYet::Missing)?;
        let limit = self.parts.settings.group_members;
        let content = match check::change(conversation, &request.actor, &request.change, limit) {
            Err(refusal) => return Ok(Verdict::Refused(refusal)),
            Ok(None) => return Ok(Verdict::Already),
            Ok(Some(content)) => content,
        };
        if !batch.has_room(1, 0, &self.parts.settings) {
            return Err(NotYet::Full);
        }
        let now = self.now();
        let entry =
            Entry { device: request.device.clone(), ..plain(&request.conversation, &request.actor, now, content) };
        Ok(Verdict::Entry(self.push(batch, entry, None)))
    }

    /// Gives the entry its seq and puts it into the batch.
    fn push(&mut self, batch: &mut Batch, mut entry: Entry, session: Option<SessionMark>) -> usize {
        let Some(conversation) = self.memory.conversations.get(&entry.conversation) else {
            // Decided on it a moment ago, and nothing is forgotten within a turn.
            unreachable!("a conversation is forgotten only between turns");
        };
        entry.seq = if self.fault.reuses_seq(conversation.head) { conversation.head } else { conversation.head.next() };
        debug_assert!(self.fault.is_planted() || invariant::follows(conversation.head, entry.seq));
        if !conversation.exists() {
            conversation.seen = Seen::All(Filter::new(self.memory.filtered.clone()));
        }
        batch.push(conversation, entry, session)
    }

    /// Unix time in milliseconds, never lower than any entry of the shard before.
    fn now(&mut self) -> u64 {
        self.memory.last_ts = self.memory.last_ts.max((self.parts.clock)());
        self.memory.last_ts
    }
}

/// Seq 1 of a direct conversation (protocol rule 4).
fn opening(conversation: &ConversationId, sender: &UserId, ts: u64) -> Entry {
    let users = direct_users(conversation).unwrap_or_default();
    let members = users.into_iter().map(|user| Membership { user, role: Role::Member }).collect();
    let created = Created { kind: ConversationKind::Direct, title: None, members };
    plain(conversation, sender, ts, Content::Created(created))
}

/// An entry without a seq yet.
fn plain(conversation: &ConversationId, sender: &UserId, ts: u64, content: Content) -> Entry {
    Entry {
        conversation: conversation.clone(),
        seq: longwave_model::Seq::ZERO,
        ts,
        sender: sender.clone(),
        device: None,
        id: None,
        expires_at: None,
        origin: None,
        content,
    }
}
