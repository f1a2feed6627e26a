//! Logs: heads, pages, dedup rows.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use longwave_model::{ConversationId, Entry, MessageId, Seq, UserId};

use crate::embedded::Embedded;
use crate::embedded::keys;
use crate::embedded::log_row::LogRow;
use crate::embedded::rows;
use crate::embedded::tables::{Table, View, damaged};
use crate::error::StoreError;
use crate::log::{Direction, Head, Log, Page, Stored};
use crate::views::DEDUP_MILLIS;

/// Expired entries that one page steps over at most, so that no page takes for ever.
const EXPIRED_PER_PAGE: usize = 4096;

#[async_trait]
impl Log for Embedded {
    async fn head(&self, conversation: &ConversationId) -> Result<Option<Head>, StoreError> {
        read_head(&self.shared.view()?, conversation)
    }

    async fn page(
        &self,
        conversation: &ConversationId,
        range: RangeInclusive<u64>,
        direction: Direction,
        limit: usize,
        bytes: usize,
    ) -> Result<Page, StoreError> {
        let view = self.shared.view()?;
        let head = read_head(&view, conversation)?.unwrap_or(Head { seq: Seq(0), floor: Seq(0) });
        let (first, last) = ((*range.start()).max(head.floor.0 + 1), (*range.end()).min(head.seq.0));
        if first > last || limit == 0 {
            return Ok(Page { entries: Vec::new(), covered: None, head });
        }
        let (from, to) = (keys::log(conversation, first), keys::log(conversation, last));
        let rows = view.range(Table::Log, &from, &to);
        let reader = PageReader { now: self.shared.now(), limit, bytes, entries: Vec::new(), stopped: None };
        let reader = match direction {
            Direction::Forward => reader.read(rows)?,
            Direction::Backward => reader.read(rows.rev())?,
        };
        let covered = direction.covered(first, last, reader.stopped);
        Ok(Page { entries: reader.entries, covered: Some(covered), head })
    }

    async fn dedup(
        &self,
        conversation: &ConversationId,
        sender: &UserId,
        id: &MessageId,
    ) -> Result<Option<Stored>, StoreError> {
        let row = self.shared.tables()?.get(Table::Dedup, &keys::dedup(conversation, sender, id))?;
        let Some(row) = row else { return Ok(None) };
        let stored =
            rows::parse_stored(&row).ok_or_else(|| damaged(Table::Dedup, format!("{conversation}, {sender}")))?;
        let fresh = stored.ts.saturating_add(DEDUP_MILLIS) > self.shared.now();
        Ok(fresh.then_some(stored))
    }

    async fn dedup_ids(
        &self,
        conversation: &ConversationId,
        most: usize,
    ) -> Result<Option<Vec<(UserId, MessageId)>>, StoreError> {
        let view = self.shared.view()?;
        let (first, last) = keys::dedup_of(conversation);
        let mut ids = Vec::new();
        for row in view.range(Table::Dedup, &first, &last) {
            if ids.len() == most {
                return Ok(None);
            }
            let (key, _) = row?;
            let (_, sender, id) = keys::parse_dedup(&key).ok_or_else(|| damaged(Table::Dedup, "a key is not one"))?;
            ids.push((sender, id));
        }
        Ok(Some(ids))
    }
}

struct PageReader {
    now: u64,
    limit: usize,
    bytes: usize,
    entries: Vec<Arc<Entry>>,
    /// The last seq looked at, when a limit ended the page.
    stopped: Option<u64>,
}

impl PageReader {
    fn read(
        mut self,
        rows: impl Iterator<Item = Result<(fjall::Slice, fjall::Slice), StoreError>>,
    ) -> Result<Self, StoreError> {
        let (mut room, mut expired) = (self.bytes, 0);
        for row in rows {
            let (key, row) = row?;
            let (_, seq) = keys::parse_log(&key).ok_or_else(|| damaged(Table::Log, "a key is not one"))?;
            let seq = seq.0;
            let entry = LogRow::decode(&row)?.entry();
            match entry.filter(|entry| entry.expires_at.is_none_or(|at| at > self.now)) {
                None => expired += 1,
                Some(entry) => {
                    let size = entry.message().map_or(0, |message| message.body.len());
                    room = room.saturating_sub(size);
                    self.entries.push(entry);
                }
            }
            if self.entries.len() == self.limit || room == 0 || expired == EXPIRED_PER_PAGE {
                self.stopped = Some(seq);
                break;
            }
        }
        Ok(self)
    }
}

/// Head and floor as of one commit.
pub(in crate::embedded) fn read_head(view: &View, conversation: &ConversationId) -> Result<Option<Head>, StoreError> {
    let key = conversation.as_str().as_bytes();
    let Some(row) = view.get(Table::Head, key)? else { return Ok(None) };
    let seq = rows::parse_one(&row).ok_or_else(|| damaged(Table::Head, conversation.to_string()))?;
    let floor = match view.get(Table::Floor, key)? {
        Some(row) => rows::parse_two(&row).ok_or_else(|| damaged(Table::Floor, conversation.to_string()))?.0,
        None => 0,
    };
    Ok(Some(Head { seq: Seq(seq), floor: Seq(floor) }))
}
