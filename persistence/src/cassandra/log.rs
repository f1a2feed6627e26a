//! Logs: heads, pages across buckets, dedup rows.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{ConversationId, Entry, MessageId, Seq, UserId};
use scylla::response::{PagingState, PagingStateResponse};

use super::apply::{BUCKET, dedup_key, parse_dedup_key};
use super::execute::{damaged, signed, unavailable, unsigned};
use super::{Cassandra, now_millis};
use crate::error::StoreError;
use crate::log::{Direction, Head, Log, Page, Stored};
use crate::views::DEDUP_MILLIS;

/// Seqs that one page covers at most, so that a stretch of expired entries does not keep a reader for ever.
const COVERED: u64 = 2 * BUCKET;

type HeadRow = (String, i64, Option<i64>, Option<i64>);

#[async_trait]
impl Log for Cassandra {
    async fn head(&self, conversation: &ConversationId) -> Result<Option<Head>, StoreError> {
        let row: Option<HeadRow> = self.one("log", &self.statements.head, (conversation.as_str(),)).await?;
        let Some((_, _, Some(head), floor)) = row else { return Ok(None) };
        Ok(Some(Head { seq: Seq(unsigned(head)), floor: Seq(unsigned(floor.unwrap_or(0))) }))
    }

    async fn page(
        &self,
        conversation: &ConversationId,
        range: RangeInclusive<u64>,
        direction: Direction,
        limit: usize,
        bytes: usize,
    ) -> Result<Page, StoreError> {
        // The head first, and never past it (protocol rule 6).
        let head = self.head(conversation).await?.unwrap_or(Head { seq: Seq(0), floor: Seq(0) });
        let (mut first, mut last) = ((*range.start()).max(head.floor.0 + 1), (*range.end()).min(head.seq.0));
        if first > last || limit == 0 {
            return Ok(Page { entries: Vec::new(), covered: None, head });
        }
        match direction {
            Direction::Forward => last = last.min(first.saturating_add(COVERED - 1)),
            Direction::Backward => first = first.max(last.saturating_sub(COVERED - 1)),
        }
        let mut reader =
            PageReader { store: self, now: now_millis(), limit, room: bytes, entries: Vec::new(), stopped: None };
        let mut buckets: Vec<u64> = (first / BUCKET..=last / BUCKET).collect();
        if direction == Direction::Backward {
            buckets.reverse();
        }
        for bucket in buckets {
            reader.read(conversation, bucket, first, last, direction).await?;
            if reader.stopped.is_some() {
                break;
            }
        }
        let covered = direction.covered(first, last, reader.stopped);
        Ok(Page { entries: reader.entries, covered: Some(covered), head })
    }

    /// Looks into every bucket that reaches back seven days, the newest first (protocol rule 19).
    async fn dedup(
        &self,
        conversation: &ConversationId,
        sender: &UserId,
        id: &MessageId,
    ) -> Result<Option<Stored>, StoreError> {
        let Some(head) = self.head(conversation).await? else { return Ok(None) };
        let (now, key) = (now_millis(), dedup_key(sender, id));
        // A row may be stored before the head that counts it: then it lies in the bucket that comes next.
        for bucket in (0..=head.seq.0 / BUCKET + 1).rev() {
            let place = (conversation.as_str(), signed(bucket));
            let values = (place.0, place.1, &key[..]);
            let (row, latest) = tokio::join!(
                self.one::<(Option<i64>, Option<i64>)>("log", &self.statements.dedup, values),
                self.one::<(String, i64, Option<i64>)>("log", &self.statements.latest, place),
            );
            if let Some((Some(seq), Some(ts))) = row? {
                let stored = Stored { seq: Seq(unsigned(seq)), ts: unsigned(ts) };
                return Ok((stored.ts.saturating_add(DEDUP_MILLIS) > now).then_some(stored));
            }
            let latest = latest?.and_then(|(_, _, latest)| latest).map(unsigned);
            if latest.is_some_and(|latest| latest.saturating_add(DEDUP_MILLIS) <= now) {
                break;
            }
        }
        Ok(None)
    }

    async fn dedup_ids(
        &self,
        conversation: &ConversationId,
        most: usize,
    ) -> Result<Option<Vec<(UserId, MessageId)>>, StoreError> {
        let Some(head) = self.head(conversation).await? else { return Ok(Some(Vec::new())) };
        let now = now_millis();
        let mut ids = Vec::new();
        for bucket in (0..=head.seq.0 / BUCKET + 1).rev() {
            let place = (conversation.as_str(), signed(bucket));
            let (rows, latest) = tokio::join!(
                self.all::<(Vec<u8>, Option<i64>, Option<i64>)>("log", &self.statements.scan_dedup, place),
                self.one::<(String, i64, Option<i64>)>("log", &self.statements.latest, place),
            );
            for (key, ..) in rows? {
                let id = parse_dedup_key(&key);
                ids.push(id.ok_or_else(|| damaged("log", format!("a dedup key of {conversation}")))?);
            }
            if ids.len() > most {
                return Ok(None);
            }
            let latest = latest?.and_then(|(_, _, latest)| latest).map(unsigned);
            if latest.is_some_and(|latest| latest.saturating_add(DEDUP_MILLIS) <= now) {
                break;
            }
        }
        Ok(Some(ids))
    }
}

struct PageReader<'a> {
    store: &'a Cassandra,
    now: u64,
    limit: usize,
    room: usize,
    entries: Vec<Arc<Entry>>,
    /// The last seq looked at, when a limit ended the page.
    stopped: Option<u64>,
}

impl PageReader<'_> {
    /// Reads what one bucket has of the range.
    async fn read(
        &mut self,
        conversation: &ConversationId,
        bucket: u64,
        first: u64,
        last: u64,
        direction: Direction,
    ) -> Result<(), StoreError> {
        let statements = &self.store.statements;
        let statement = match direction {
            Direction::Forward => &statements.page_up,
            Direction::Backward => &statements.page_down,
        };
        let mut statement = statement.clone();
        let wanted = self.limit - self.entries.len();
        // No more rows than are wanted cross the wire at once; 5,000 is what Cassandra itself would send.
        statement.set_page_size(i32::try_from(wanted.clamp(1, 5000)).unwrap_or(5000));
        let keys = (first.to_be_bytes(), last.to_be_bytes());
        let values = (conversation.as_str(), signed(bucket), &keys.0[..], &keys.1[..]);
        let mut state = PagingState::start();
        loop {
            let permit = self.store.permit().await?;
            let answer = self.store.driver().execute_single_page(&statement, values, state).await;
            drop(permit);
            let (rows, next) = answer.map_err(|error| unavailable("reading", "log", &error))?;
            let rows = rows.into_rows_result().map_err(|error| unavailable("reading", "log", &error))?;
            let rows = rows.rows::<(Vec<u8>, Option<Vec<u8>>)>();
            for row in rows.map_err(|error| damaged("log", error.to_string()))? {
                let (key, entry) = row.map_err(|error| damaged("log", error.to_string()))?;
                self.take(conversation, &key, entry)?;
                if self.stopped.is_some() {
                    return Ok(());
                }
            }
            match next {
                PagingStateResponse::HasMorePages { state: more } => state = more,
                PagingStateResponse::NoMorePages => return Ok(()),
            }
        }
    }

    fn take(&mut self, conversation: &ConversationId, key: &[u8], entry: Option<Vec<u8>>) -> Result<(), StoreError> {
        let seq = key.try_into().map(u64::from_be_bytes).map_err(|_| damaged("log", "a key is not a seq"))?;
        // Content that has expired is gone before its row is.
        let Some(entry) = entry else { return Ok(()) };
        let entry = Entry::decode(Bytes::from(entry));
        let entry = entry.map_err(|error| damaged("log", format!("{conversation}, {seq}: {error}")))?;
        if entry.expires_at.is_none_or(|at| at > self.now) {
            self.room = self.room.saturating_sub(entry.message().map_or(0, |message| message.body.len()));
            self.entries.push(Arc::new(entry));
        }
        if self.entries.len() == self.limit || self.room == 0 {
            self.stopped = Some(seq);
        }
        Ok(())
    }
}
