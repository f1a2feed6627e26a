//! Reading the store in memory, and its registers, cursors and marks.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::SeqCst;

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{ConversationId, DeviceId, MessageId, Seq, UserId};
use longwave_persistence::{
    ConversationRow, CursorRaise, Cursors, Direction, Expected, Head, Inbox, InboxRow, Log, Mark, MarkRaise, Marks,
    MemberRow, Members, Page, Put, Registers, SessionRow, Sessions, StoreError, Stored, Versioned,
};

use super::memory::MemoryStore;
use super::memory_views::Membership;

type Result<T> = std::result::Result<T, StoreError>;

impl MemoryStore {
    fn readable(&self) -> Result<()> {
        Self::failing(&self.failing_reads)
    }
}

#[async_trait]
impl Log for MemoryStore {
    async fn head(&self, conversation: &ConversationId) -> Result<Option<Head>> {
        self.readable()?;
        Ok(self.views.lock().heads.get(conversation).map(|seq| Head { seq: *seq, floor: Seq::ZERO }))
    }

    async fn page(
        &self,
        conversation: &ConversationId,
        range: RangeInclusive<u64>,
        direction: Direction,
        limit: usize,
        _: usize,
    ) -> Result<Page> {
        let head = self.head(conversation).await?.unwrap_or(Head { seq: Seq::ZERO, floor: Seq::ZERO });
        let range = *range.start()..=*range.end().min(&head.seq.0);
        let views = self.views.lock();
        let rows = range.clone().filter_map(|seq| views.log.get(&(conversation.clone(), seq)).cloned());
        let entries: Vec<_> = match direction {
            Direction::Forward => rows.take(limit).collect(),
            Direction::Backward => rows.rev().take(limit).collect(),
        };
        let covered = match (direction, entries.last()) {
            (_, None) => (!range.is_empty()).then_some(range),
            (Direction::Forward, Some(last)) if entries.len() == limit => Some(*range.start()..=last.seq.0),
            (Direction::Backward, Some(last)) if entries.len() == limit => Some(last.seq.0..=*range.end()),
            _ => Some(range),
        };
        Ok(Page { entries, covered, head })
    }

    async fn dedup(&self, conversation: &ConversationId, sender: &UserId, id: &MessageId) -> Result<Option<Stored>> {
        self.readable()?;
        self.dedup_reads.fetch_add(1, SeqCst);
        Ok(self.views.lock().dedup.get(&(conversation.clone(), sender.clone(), id.clone())).copied())
    }

    async fn dedup_ids(&self, conversation: &ConversationId, most: usize) -> Result<Option<Vec<(UserId, MessageId)>>> {
        self.readable()?;
        self.dedup_scans.fetch_add(1, SeqCst);
        let views = self.views.lock();
        let ids =
            views.dedup.keys().filter(|(of, ..)| of == conversation).map(|(_, user, id)| (user.clone(), id.clone()));
        let ids: Vec<_> = ids.collect();
        Ok((ids.len() <= most).then_some(ids))
    }
}

fn inbox_row(conversation: &ConversationId, row: &Membership) -> InboxRow {
    InboxRow {
        conversation: conversation.clone(),
        kind: row.kind,
        head: row.head,
        joined: row.joined,
        left: row.left.filter(|left| *left > row.joined),
    }
}

#[async_trait]
impl Inbox for MemoryStore {
    async fn inbox(&self, user: &UserId) -> Result<Vec<InboxRow>> {
        self.readable()?;
        let views = self.views.lock();
        let rows = views.members.iter().filter(|((_, member), _)| member == user);
        Ok(rows.map(|((conversation, _), row)| inbox_row(conversation, row)).collect())
    }

    async fn inbox_row(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<InboxRow>> {
        Ok(self.inbox(user).await?.into_iter().find(|row| row.conversation == *conversation))
    }
}

#[async_trait]
impl Members for MemoryStore {
    async fn conversation(&self, conversation: &ConversationId) -> Result<Option<ConversationRow>> {
        self.readable()?;
        Ok(self.views.lock().conversations.get(conversation).cloned())
    }

    async fn members(&self, conversation: &ConversationId) -> Result<Vec<MemberRow>> {
        self.readable()?;
        let views = self.views.lock();
        let rows = views.members.iter().filter(|((of, _), _)| of == conversation);
        Ok(rows
            .map(|((_, user), row)| MemberRow {
                user: user.clone(),
                role: row.role.1,
                joined: row.joined,
                left: row.left,
            })
            .collect())
    }

    async fn member(&self, conversation: &ConversationId, user: &UserId) -> Result<Option<MemberRow>> {
        Ok(self.members(conversation).await?.into_iter().find(|row| row.user == *user))
    }
}

#[async_trait]
impl Cursors for MemoryStore {
    async fn cursors(&self, user: &UserId, device: &DeviceId) -> Result<Vec<(ConversationId, Seq)>> {
        let views = self.views.lock();
        let rows = views.cursors.iter().filter(|((whose, on, _), _)| whose == user && on == device);
        Ok(rows.map(|((_, _, conversation), seq)| (conversation.clone(), *seq)).collect())
    }

    async fn cursor(&self, user: &UserId, device: &DeviceId, conversation: &ConversationId) -> Result<Option<Seq>> {
        Ok(self.views.lock().cursors.get(&(user.clone(), device.clone(), conversation.clone())).copied())
    }

    async fn highest_cursors(&self, _: &UserId) -> Result<Vec<(ConversationId, Seq)>> {
        Ok(Vec::new())
    }

    async fn raise(&self, cursors: Vec<CursorRaise>, marks: Vec<MarkRaise>) -> Result<()> {
        self.readable()?;
        let mut views = self.views.lock();
        for raise in cursors {
            let cursor = views.cursors.entry((raise.user, raise.device, raise.conversation)).or_default();
            *cursor = raise.seq.max(*cursor);
        }
        for raise in marks {
            let key = (raise.conversation, raise.user.clone());
            let none = Mark { user: raise.user, delivered: Seq::ZERO, read: Seq::ZERO, ts: 0 };
            let mark = views.marks.entry(key).or_insert(none);
            mark.delivered = raise.delivered.max(mark.delivered);
            mark.read = raise.read.max(mark.read);
        }
        Ok(())
    }
}

#[async_trait]
impl Marks for MemoryStore {
    async fn marks(&self, conversation: &ConversationId) -> Result<Vec<Mark>> {
        let views = self.views.lock();
        Ok(views.marks.iter().filter(|((of, _), _)| of == conversation).map(|(_, mark)| mark.clone()).collect())
    }

    async fn mark(&self, conversation: &ConversationId, user: &UserId) -> Result<Option<Mark>> {
        Ok(self.views.lock().marks.get(&(conversation.clone(), user.clone())).cloned())
    }
}

/// The bridge has no business with sessions; there are none here.
#[async_trait]
impl Sessions for MemoryStore {
    async fn session(&self, _: &UserId, _: &DeviceId) -> Result<Option<SessionRow>> {
        Ok(None)
    }

    async fn sessions(&self, _: &UserId) -> Result<Vec<SessionRow>> {
        Ok(Vec::new())
    }

    async fn put_session(&self, _: SessionRow) -> Result<bool> {
        Ok(false)
    }

    async fn start_session(&self, _: SessionRow, _: Vec<(ConversationId, Seq)>) -> Result<()> {
        Ok(())
    }

    async fn end_session(&self, _: &UserId, _: &DeviceId, _: u64) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Registers for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Versioned>> {
        self.readable()?;
        Ok(self.registers.lock().get(key).cloned())
    }

    async fn put(&self, key: &str, value: Option<Bytes>, _: Expected) -> Result<Put> {
        let mut registers = self.registers.lock();
        let version = registers.get(key).map_or(1, |before| before.version + 1);
        match value {
            Some(value) => registers.insert(key.to_owned(), Versioned { value, version }),
            None => registers.remove(key),
        };
        Ok(Put::Stored(version))
    }

    async fn scan(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<(String, Versioned)>> {
        let registers = self.registers.lock();
        let rows = registers.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after).take(limit);
        Ok(rows.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
