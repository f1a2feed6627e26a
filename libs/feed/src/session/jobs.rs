//! What has to be read for a session, one thing at a time: first where it stands, then pages, by turns over the conversations.

use std::ops::RangeInclusive;
use std::sync::Arc;

use longwave_model::{ConversationId, Entry, UserId};
use longwave_persistence::InFlight;

use super::{Active, Place, ResendItem, State};
use crate::hub::Hub;

/// One read.
#[derive(Debug)]
pub(crate) enum Job {
    /// What the earlier connection had in flight.
    Resume(Vec<InFlight>),
    /// Where the device stands in a conversation.
    Load(ConversationId),
    /// A page of the log.
    Page(ConversationId, RangeInclusive<u64>),
    /// The marks of a conversation that changed since.
    Marks(ConversationId, u64),
    /// About whom it is told whether they are online.
    Presence,
    /// Whether this one is online.
    Person(UserId),
}

impl State {
    /// The next read, or `None` when there is none, or nothing has room: then the task ends.
    pub(crate) fn next_job(&mut self, hub: &Hub) -> Option<Job> {
        let job = if self.closed || self.holds > 0 { None } else { self.active.as_mut().and_then(|a| a.next_job(hub)) };
        if job.is_none() {
            self.filling = false;
        }
        job
    }

    /// A read that failed will be tried again.
    pub(crate) fn again(&mut self, job: Job) {
        let Some(active) = &mut self.active else { return };
        match job {
            Job::Resume(_) => {}
            Job::Load(id) => active.loading.push_back(id),
            Job::Page(id, _) => active.mark_hungry(&id),
            Job::Marks(id, since) => active.look_at_marks([id], since),
            Job::Presence => active.presence = true,
            Job::Person(user) => active.people.push(user),
        }
    }

    /// Whether a task has to be started to read; says so once until that task has ended.
    pub(crate) fn starts_filling(&mut self, hub: &Hub) -> bool {
        let starts = !self.filling
            && !self.closed
            && self.holds == 0
            && self.active.as_ref().is_some_and(|active| active.has_job(hub));
        self.filling |= starts;
        starts
    }
}

impl Active {
    fn has_job(&self, hub: &Hub) -> bool {
        !self.resume.is_empty()
            || !self.loading.is_empty()
            || (!self.hungry.is_empty() && self.has_room(hub))
            || ((self.presence || !self.people.is_empty() || self.marks.is_some()) && self.has_event_room(hub))
    }

    fn next_job(&mut self, hub: &Hub) -> Option<Job> {
        if !self.resume.is_empty() {
            return Some(Job::Resume(self.resume.clone()));
        }
        if let Some(id) = self.loading.pop_front() {
            return Some(Job::Load(id));
        }
        while self.has_room(hub)
            && let Some(id) = self.hungry.pop_front()
        {
            let Some(conversation) = self.conversations.get_mut(&id) else { continue };
            conversation.is_hungry = false;
            if conversation.encoding.is_some()
                && let Place::Known(position) = &conversation.place
                && let Some(range) = position.wanted()
            {
                return Some(Job::Page(id, range));
            }
        }
        if !self.has_event_room(hub) {
            return None;
        }
        if std::mem::take(&mut self.presence) {
            return Some(Job::Presence);
        }
        if let Some(user) = self.people.pop() {
            return Some(Job::Person(user));
        }
        let (conversations, since) = self.marks.as_mut()?;
        let (next, since) = (conversations.pop(), *since);
        if conversations.is_empty() {
            self.marks = None;
        }
        Some(Job::Marks(next?, since))
    }

    /// The marks of these conversations that changed since (Unix time in milliseconds) have to be told.
    pub(crate) fn look_at_marks(&mut self, conversations: impl IntoIterator<Item = ConversationId>, since: u64) {
        let (waiting, from) = self.marks.get_or_insert((Vec::new(), since));
        *from = since.min(*from);
        for conversation in conversations {
            if !waiting.contains(&conversation) {
                waiting.push(conversation);
            }
        }
    }

    /// What was in flight has been read: `(what, its entry if it is still there)`.
    pub(crate) fn resumed(&mut self, found: Vec<(InFlight, Option<Arc<Entry>>)>) {
        self.resume.clear();
        for (in_flight, entry) in found {
            match entry {
                Some(entry) => self.resends.push_back(ResendItem {
                    packet_id: in_flight.packet_id,
                    conversation: in_flight.conversation,
                    entry,
                }),
                None => {
                    if let Some(conversation) = self.conversations.get_mut(&in_flight.conversation)
                        && let Place::Known(position) = &mut conversation.place
                    {
                        position.ack(in_flight.seq.0);
                    }
                }
            }
        }
    }

    /// A position has as many items more or less.
    pub(crate) fn requeue(&mut self, before: usize, now: usize) {
        self.queued = (self.queued + now).saturating_sub(before);
    }

    /// At most half a page is waiting: the next one may be read.
    fn has_room(&self, hub: &Hub) -> bool {
        self.queued <= hub.settings.page_entries / 2
    }

    fn has_event_room(&self, hub: &Hub) -> bool {
        self.events.len() <= hub.settings.events / 2
    }
}
