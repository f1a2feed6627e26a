//! The audit's view of the tables on Cassandra.
//!
//! There is no snapshot across tables. While bridges append, a row may be there before the one that counts it: what is found at the very end
//! of a log is to be looked at again. After all bridges have stopped, or where nobody writes, a finding is one.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use hashbrown::HashMap;
use longwave_model::{ConversationId, DeviceId, Entry, MessageId, Position, Seq, ShardId, UserId};
use scylla::deserialize::row::DeserializeRow;
use scylla::serialize::row::SerializeRow;
use scylla::statement::prepared::PreparedStatement;
use tokio::runtime::Handle;

use super::apply::BUCKET;
use super::execute::{damaged, signed, unavailable, unsigned};
use super::pushes::record;
use super::{Cassandra, now_millis};
use crate::audit::{Finding, LogFact, MembershipFact, Rows, Summary, Survey, audit};
use crate::error::StoreError;
use crate::inbox::Inbox as _;
use crate::log::{Head, Log as _, Stored};

impl Cassandra {
    /// Checks all tables against each other; at most `most` findings are returned, all are counted.
    ///
    /// # Errors
    /// [`StoreError`] when a table cannot be read.
    pub async fn audit(self: &Arc<Self>, most: usize) -> Result<(Summary, Vec<Finding>), StoreError> {
        let tables = Tables { store: self.clone(), handle: Handle::current() };
        let work = move || {
            let mut findings = Vec::new();
            let summary = audit(&tables, now_millis(), &mut |finding| {
                if findings.len() < most {
                    findings.push(finding);
                }
            })?;
            Ok((summary, findings))
        };
        let failed = |error: tokio::task::JoinError| StoreError::Unavailable(error.to_string().into());
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }

    async fn stream<R>(
        &self,
        table: &'static str,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<RowStream<R>, StoreError>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> + Send + 'static,
    {
        let pager = self.driver().execute_iter(statement.clone(), values).await;
        let pager = pager.map_err(|error| unavailable("reading", table, &error))?;
        let rows = pager.rows_stream::<R>().map_err(|error| damaged(table, error.to_string()))?;
        Ok(Box::pin(rows.map(move |row| row.map_err(|error| unavailable("reading", table, &error)))))
    }
}

/// Rows as they arrive.
type RowStream<R> = Pin<Box<dyn Stream<Item = Result<R, StoreError>> + Send>>;

/// The tables, read from a thread that may block.
struct Tables {
    store: Arc<Cassandra>,
    handle: Handle,
}

impl Tables {
    fn wait<T>(&self, future: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.handle.block_on(future)
    }

    /// All rows of a statement, a page at a time.
    fn rows<'a, R>(
        &'a self,
        table: &'static str,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Rows<'a, R>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> + Send + 'static,
    {
        match self.wait(self.store.stream::<R>(table, statement, values)) {
            Ok(mut stream) => Box::new(std::iter::from_fn(move || self.handle.block_on(stream.next()))),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }

    /// One kind of row of a log, bucket by bucket.
    fn buckets<'a, R>(&'a self, conversation: &ConversationId, statement: &'a PreparedStatement) -> Rows<'a, R>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> + Send + 'static,
    {
        let head = match self.wait(self.store.head(conversation)) {
            Ok(head) => head.map_or(0, |head| head.seq.0),
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let conversation = conversation.as_str().to_owned();
        // One more than the head's, for rows that nothing counts.
        Box::new(
            (0..=head / BUCKET + 1)
                .flat_map(move |bucket| self.rows::<R>("log", statement, (conversation.as_str(), signed(bucket)))),
        )
    }
}

impl Survey for Tables {
    fn conversations(&self) -> Rows<'_, ConversationId> {
        let rows = self.rows::<(String, i64)>("log", &self.store.statements.scan_logs, ());
        Box::new(rows.filter_map(|row| match row {
            Ok((name, 0)) => Some(conversation_id(&name)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }))
    }

    fn head(&self, conversation: &ConversationId) -> Result<Option<Head>, StoreError> {
        self.wait(self.store.head(conversation))
    }

    fn log<'a>(&'a self, conversation: &ConversationId) -> Rows<'a, LogFact> {
        type Row = (Vec<u8>, Option<i64>, Option<Vec<u8>>);
        let rows = self.buckets::<Row>(conversation, &self.store.statements.scan_log);
        Box::new(rows.map(|row| {
            let (key, ts, entry) = row?;
            let seq = Seq(key.try_into().map(u64::from_be_bytes).map_err(|_| damaged("log", "a key is not a seq"))?);
            let Some(entry) = entry else {
                return Ok(LogFact { seq, removed: true, names: None, id: None, ts: ts.map_or(0, unsigned) });
            };
            let entry = Entry::decode(Bytes::from(entry)).map_err(|error| damaged("log", error.to_string()))?;
            let id = entry.id.clone().map(|id| (entry.sender.clone(), id));
            Ok(LogFact { seq, removed: false, names: Some((entry.conversation, entry.seq)), id, ts: entry.ts })
        }))
    }

    fn dedup<'a>(&'a self, conversation: &ConversationId) -> Rows<'a, (UserId, MessageId, Stored)> {
        type Row = (Vec<u8>, Option<i64>, Option<i64>);
        let rows = self.buckets::<Row>(conversation, &self.store.statements.scan_dedup);
        Box::new(rows.map(|row| {
            let (key, seq, ts) = row?;
            let bad = || damaged("log", "a dedup row is not one");
            let end = key.iter().position(|byte| *byte == 0).ok_or_else(bad)?;
            let sender = std::str::from_utf8(&key[..end]).ok().and_then(|user| UserId::parse(user).ok());
            let id = MessageId::parse(Bytes::copy_from_slice(&key[end + 1..])).map_err(|_| bad())?;
            let stored = Stored { seq: Seq(unsigned(seq.ok_or_else(bad)?)), ts: unsigned(ts.ok_or_else(bad)?) };
            Ok((sender.ok_or_else(bad)?, id, stored))
        }))
    }

    fn members(&self) -> Rows<'_, MembershipFact> {
        type Row = (String, String, Option<i64>, Option<i64>);
        let rows = self.rows::<Row>("member", &self.store.statements.scan_members, ());
        Box::new(rows.map(|row| {
            let (conversation, user, joined, left) = row?;
            let joined = Seq(joined.map_or(0, unsigned));
            Ok(MembershipFact {
                conversation: conversation_id(&conversation)?,
                user: user_id("member", &user)?,
                joined,
                left: left.map(|left| Seq(unsigned(left))).filter(|left| *left > joined),
            })
        }))
    }

    fn inbox(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<MembershipFact>, StoreError> {
        let row = self.wait(self.store.inbox_row(user, conversation))?;
        Ok(row.map(|row| MembershipFact {
            conversation: row.conversation,
            user: user.clone(),
            joined: row.joined,
            left: row.left,
        }))
    }

    fn inbox_rows(&self) -> Result<u64, StoreError> {
        let rows = self.rows::<(String, Option<i64>)>("inbox", &self.store.statements.scan_inboxes, ());
        let mut count = 0;
        for row in rows {
            count += u64::from(row?.1.is_some());
        }
        Ok(count)
    }

    fn cursors(&self) -> Rows<'_, (UserId, DeviceId, ConversationId, Seq)> {
        type Row = (String, String, i64, String, Option<i64>);
        // A user's rows come together, so its sessions are read once.
        let mut of: Option<(String, HashMap<String, i64>)> = None;
        let rows = self.rows::<Row>("cursor", &self.store.statements.scan_cursors, ());
        let cursor = move |row: Result<Row, StoreError>| -> Result<Option<_>, StoreError> {
            let (name, device, generation, conversation, seq) = row?;
            let user = user_id("cursor", &name)?;
            if of.as_ref().is_none_or(|(known, _)| *known != name) {
                let sessions = self.wait(self.store.session_rows(&user))?;
                let sessions = sessions.into_iter().map(|row| (row.device.as_str().to_owned(), row.generation));
                of = Some((name, sessions.collect()));
            }
            let current = of.as_ref().and_then(|(_, sessions)| sessions.get(&device)).copied().unwrap_or(0);
            let Some(seq) = seq.filter(|_| current == generation) else { return Ok(None) };
            let device = DeviceId::parse(&device).map_err(|_| damaged("cursor", "not a device"))?;
            Ok(Some((user, device, conversation_id(&conversation)?, Seq(unsigned(seq)))))
        };
        Box::new(rows.map(cursor).filter_map(Result::transpose))
    }

    fn marks(&self) -> Rows<'_, (ConversationId, UserId, Seq, Seq)> {
        type Row = (String, String, Option<i64>, Option<i64>);
        let rows = self.rows::<Row>("mark", &self.store.statements.scan_marks, ());
        Box::new(rows.map(|row| {
            let (conversation, user, delivered, read) = row?;
            let seq = |number: Option<i64>| Seq(number.map_or(0, unsigned));
            Ok((conversation_id(&conversation)?, user_id("mark", &user)?, seq(delivered), seq(read)))
        }))
    }

    fn pushes(&self) -> Rows<'_, (UserId, DeviceId, ConversationId, Seq)> {
        type Row = (String, String, String, Option<Vec<u8>>);
        let rows = self.rows::<Row>("push", &self.store.statements.scan_pushes, ());
        let push = |row: Result<Row, StoreError>| -> Result<Option<_>, StoreError> {
            let (user, device, conversation, value) = row?;
            let record = record(&user_id("push", &user)?, (device, conversation, value))?;
            Ok(record.map(|record| (record.user, record.device, record.conversation, record.seq)))
        };
        Box::new(rows.map(push).filter_map(Result::transpose))
    }

    fn shards(&self) -> u16 {
        self.store.shards
    }

    fn journal_bounds(&self, shard: ShardId) -> Result<(Position, Position), StoreError> {
        let statics = self.wait(self.store.statics(shard))?;
        Ok((statics.trimmed, statics.head))
    }

    fn applied(&self, shard: ShardId) -> Result<Position, StoreError> {
        Ok(self.wait(self.store.statics(shard))?.watermarks.applied)
    }

    fn journal(&self, shard: ShardId) -> Rows<'_, (Position, ConversationId, Seq)> {
        let trimmed = match self.journal_bounds(shard) {
            Ok((trimmed, _)) => trimmed,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let values = (i32::from(shard.0), signed(trimmed.0));
        let rows = self.rows::<(i64, Option<Vec<u8>>)>("journal", &self.store.statements.scan_journal, values);
        Box::new(rows.map(|row| {
            let (n, entry) = row?;
            let entry = Entry::decode(Bytes::from(entry.unwrap_or_default()));
            let entry = entry.map_err(|error| damaged("journal", format!("{n}: {error}")))?;
            Ok((Position(unsigned(n)), entry.conversation, entry.seq))
        }))
    }

    fn has_log_row(&self, conversation: &ConversationId, seq: Seq) -> Result<bool, StoreError> {
        let key = seq.0.to_be_bytes();
        let values = (conversation.as_str(), signed(seq.0 / BUCKET), &key[..]);
        let row: Option<(Vec<u8>,)> = self.wait(self.store.one("log", &self.store.statements.scan_row, values))?;
        Ok(row.is_some())
    }
}

fn conversation_id(name: &str) -> Result<ConversationId, StoreError> {
    ConversationId::parse(name).map_err(|_| damaged("log", format!("{name}: not a conversation")))
}

fn user_id(table: &'static str, name: &str) -> Result<UserId, StoreError> {
    UserId::parse(name).map_err(|_| damaged(table, format!("{name}: not a user")))
}
