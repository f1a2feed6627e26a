//! A commit in the making: the rows of all requests drained from the queue.
//!
//! Requests are evaluated one after another and see what earlier ones of the same commit did. Rows that must be read first go
//! through an overlay, which also coalesces them; log, dedup and journal rows are written once and go straight into fjall's batch.

mod append;
mod cursors;
mod pushes;
mod registers;
mod sessions;
mod shards;
mod sweeping;

pub(super) use sessions::is_over;

use fjall::{OwnedWriteBatch, PersistMode, Slice};
use longwave_model::ConversationId;
use rustc_hash::FxHashMap;

use super::keys;
use super::request::{Completion, Request};
use super::rows::{self, Statics};
use super::tables::{Table, Tables};
use crate::error::StoreError;

/// Where all commits are counted.
pub(super) const COMMIT_KEY: &[u8] = b"commit";

/// What the process found when it opened the store first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boot {
    /// Unix time in milliseconds of the last commit before that; 0 = never.
    pub(super) last_commit: u64,
    /// Unix time in milliseconds at which it opened the store.
    pub(super) opened_at: u64,
}

/// What the overlay had for a key: nothing, or a row or its removal.
type Before = Option<Option<Vec<u8>>>;

/// A commit in the making.
pub(super) struct Stage<'a> {
    tables: &'a std::sync::Arc<Tables>,
    statics: &'a mut [Statics],
    /// Unix time in milliseconds of this commit.
    now: u64,
    boot: Boot,
    batch: OwnedWriteBatch,
    overlay: Vec<FxHashMap<Vec<u8>, Option<Vec<u8>>>>,
    /// What the current request replaced in the overlay, to take it back when it fails halfway.
    undo: Vec<(Table, Vec<u8>, Before)>,
    heads: FxHashMap<ConversationId, u64>,
    touched: Vec<bool>,
    /// Entries appended.
    pub(super) entries: u64,
}

impl<'a> Stage<'a> {
    pub(super) fn new(tables: &'a std::sync::Arc<Tables>, statics: &'a mut [Statics], now: u64, boot: Boot) -> Self {
        let touched = vec![false; statics.len()];
        Self {
            batch: tables.database.batch(),
            tables,
            statics,
            now,
            boot,
            overlay: Table::ALL.iter().map(|_| FxHashMap::default()).collect(),
            undo: Vec::new(),
            heads: FxHashMap::default(),
            touched,
            entries: 0,
        }
    }

    /// Evaluates one request. `None` when it was answered at once, because nothing of it depends on the commit.
    pub(super) fn evaluate(&mut self, request: Request) -> Option<Completion> {
        self.undo.clear();
        let completion = match request {
            Request::Append(append, answer) => return Some(self.append(*append, answer)),
            Request::Take(shard, owner, answer) => Ok(Completion::Take(answer, self.take(shard, owner))),
            Request::Trim(shard, through, answer) => attempt(self.trim(shard, through), answer, Completion::Flag),
            Request::Raise(cursors, marks, answer) => {
                attempt(self.raise(&cursors, &marks), answer, |answer, ()| Completion::Done(answer))
            }
            Request::PutSession(row, answer) => attempt(self.put_session(&row), answer, Completion::Flag),
            Request::StartSession(row, cursors, answer) => {
                attempt(self.start_session(&row, &cursors), answer, |answer, ()| Completion::Done(answer))
            }
            Request::EndSession(user, device, connection, answer) => {
                let ended = self.end_session(&user, &device, connection);
                attempt(ended, answer, |answer, ()| Completion::Done(answer))
            }
            Request::PutRegister(key, value, expected, answer) => {
                attempt(self.put_register(&key, value, expected), answer, Completion::Put)
            }
            Request::RecordPushes(records, answer) => {
                attempt(self.record_pushes(&records), answer, |answer, ()| Completion::Done(answer))
            }
            Request::PutRows(rows, answer) => {
                rows.into_iter().for_each(|(table, key, row)| self.write(table, key, row));
                Ok(Completion::Done(answer))
            }
            Request::Sweep(steps, answer) => attempt(self.sweep(steps), answer, |answer, ()| Completion::Done(answer)),
        };
        match completion {
            Ok(completion) => Some(completion),
            Err(Failed) => {
                self.take_back();
                None
            }
        }
    }

    /// Whether there is anything to commit.
    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty()
            && self.heads.is_empty()
            && self.overlay.iter().all(FxHashMap::is_empty)
            && !self.touched.contains(&true)
    }

    /// Writes everything as one atomic, durable batch. Heads come last: until they are visible no reader goes near the new rows.
    pub(super) fn commit(mut self, count: u64, mode: Option<PersistMode>) -> fjall::Result<()> {
        for (shard, statics) in self.statics.iter().enumerate().filter(|(shard, _)| self.touched[*shard]) {
            let shard = longwave_model::ShardId(u16::try_from(shard).unwrap_or(u16::MAX));
            self.batch.insert(self.tables.keyspace(Table::Meta), keys::shard(shard), statics.encode());
        }
        let commit = rows::two(count, self.now);
        self.batch.insert(self.tables.keyspace(Table::Meta), COMMIT_KEY, &commit[..]);
        for (table, rows) in Table::ALL.iter().zip(self.overlay) {
            let keyspace = self.tables.keyspace(*table);
            for (key, row) in rows {
                match row {
                    Some(row) => self.batch.insert(keyspace, key, row),
                    None => self.batch.remove(keyspace, key),
                }
            }
        }
        for (conversation, seq) in self.heads {
            let key = conversation.as_str().as_bytes();
            self.batch.insert(self.tables.keyspace(Table::Head), key, &seq.to_be_bytes()[..]);
        }
        self.batch.durability(mode).commit()
    }

    /// A row as it will be after this commit.
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        match self.overlay[table as usize].get(key) {
            Some(row) => Ok(row.as_deref().map(Slice::from)),
            None => self.tables.get(table, key),
        }
    }

    fn write(&mut self, table: Table, key: Vec<u8>, row: Option<Vec<u8>>) {
        let before = self.overlay[table as usize].insert(key.clone(), row);
        self.undo.push((table, key, before));
    }

    fn take_back(&mut self) {
        while let Some((table, key, before)) = self.undo.pop() {
            match before {
                Some(row) => self.overlay[table as usize].insert(key, row),
                None => self.overlay[table as usize].remove(&key),
            };
        }
    }
}

/// The request failed and was answered.
struct Failed;

fn attempt<T>(
    result: Result<T, StoreError>,
    answer: tokio::sync::oneshot::Sender<Result<T, StoreError>>,
    complete: impl FnOnce(tokio::sync::oneshot::Sender<Result<T, StoreError>>, T) -> Completion,
) -> Result<Completion, Failed> {
    match result {
        Ok(value) => Ok(complete(answer, value)),
        Err(error) => {
            drop(answer.send(Err(error)));
            Err(Failed)
        }
    }
}
