//! The journal: one partition per shard, its statics the fence, every append one conditional batch.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{Entry, Epoch, OwnerId, Position, ShardId};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use scylla::value::CqlValue;

use super::execute::{applied, damaged, signed, unavailable, unsigned};
use super::outcome::outcome_of;
use super::{Cassandra, now_millis};
use crate::error::StoreError;
use crate::invariant::may_trim;
use crate::journal::{Append, Journal, JournalRow, Outcome, Tenure, Watermarks};
use crate::views::ViewWrite;

/// How often a take is tried while others take the shard too; then the caller decides.
const ATTEMPTS: usize = 16;

/// Every row that a statics read finds, in the order of the statement.
type StaticsRow = (i32, Option<i64>, Option<i64>, Option<Vec<u8>>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

/// A shard's fence and watermarks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statics {
    pub(super) head: Position,
    epoch: Epoch,
    owner: OwnerId,
    pub(super) watermarks: Watermarks,
    pub(super) trimmed: Position,
    last_commit: u64,
}

#[async_trait]
impl Journal for Cassandra {
    fn shards(&self) -> u16 {
        self.shards
    }

    async fn take(&self, shard: ShardId, owner: OwnerId) -> Result<Tenure, StoreError> {
        let memory = self.owned(shard)?;
        for _ in 0..ATTEMPTS {
            let before = self.statics(shard).await?;
            let epoch = Epoch(before.epoch.0 + 1);
            let values = (signed(epoch.0), owner.0.to_be_bytes().to_vec(), i32::from(shard.0), signed(before.epoch.0));
            let permit = self.permit().await?;
            let answer = self.driver().execute_unpaged(&self.statements.take, values).await;
            drop(permit);
            // Whoever asked takes the shard once more: that fences this attempt, whatever became of it.
            let answer = answer.map_err(|error| unavailable("taking a shard in", "journal", &error))?;
            if !applied(answer)? {
                continue;
            }
            // What the former owner appended until then.
            let now = self.statics(shard).await?;
            let last_commit = memory.lock().taken(before.owner, owner, now.watermarks, now.last_commit);
            return Ok(Tenure { epoch, head: now.head, watermarks: now.watermarks, trimmed: now.trimmed, last_commit });
        }
        Err(StoreError::Unavailable(format!("shard {shard} is being taken by others").into()))
    }

    async fn epoch(&self, shard: ShardId) -> Result<Epoch, StoreError> {
        self.owned(shard)?;
        Ok(self.statics(shard).await?.epoch)
    }

    async fn append(&self, append: Append) -> Outcome {
        let memory = match self.owned(append.shard) {
            Ok(memory) => memory,
            Err(error) => return Outcome::Rejected(error),
        };
        let watermarks = memory.lock().raise(append.watermarks);
        let shard = i32::from(append.shard.0);
        let head = append.head.0 + append.entries.len() as u64;
        let mut statements = Vec::with_capacity(append.entries.len() + 1);
        let mut values = Vec::with_capacity(append.entries.len() + 1);
        statements.push(BatchStatement::from(self.statements.advance.clone()));
        values.push(vec![
            CqlValue::BigInt(signed(head)),
            CqlValue::BigInt(signed(watermarks.applied.0)),
            CqlValue::BigInt(signed(watermarks.settled.0)),
            CqlValue::BigInt(signed(now_millis())),
            CqlValue::Int(shard),
            CqlValue::BigInt(signed(append.head.0)),
            CqlValue::BigInt(signed(append.epoch.0)),
        ]);
        for (appended, n) in append.entries.iter().zip(append.head.0 + 1..) {
            statements.push(BatchStatement::from(self.statements.append.clone()));
            values.push(vec![
                CqlValue::Int(shard),
                CqlValue::BigInt(signed(n)),
                CqlValue::Blob(appended.entry.encode()),
            ]);
        }
        let mut batch = Batch::new_with_statements(BatchType::Unlogged, statements);
        batch.set_is_idempotent(false);
        batch.set_load_balancing_policy(Some(self.statements.fixed_order.clone()));
        batch.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
        let _permit = match self.permit().await {
            Ok(permit) => permit,
            Err(error) => return Outcome::Rejected(error),
        };
        let answer = self.driver().batch(&batch, values).await;
        self.health.note(&answer);
        match answer {
            Ok(answer) => match applied(answer) {
                Ok(true) => {
                    memory.lock().stored(watermarks);
                    Outcome::Applied
                }
                Ok(false) => Outcome::NotApplied,
                Err(error) => Outcome::Unknown(error),
            },
            Err(error) => outcome_of(&error),
        }
    }

    async fn apply(&self, writes: Vec<ViewWrite>) -> Result<(), StoreError> {
        self.apply_views(writes).await
    }

    async fn tail(&self, shard: ShardId, after: Position, limit: usize) -> Result<Vec<JournalRow>, StoreError> {
        self.owned(shard)?;
        // At SERIAL: a batch that was accepted and not yet committed everywhere is finished before its rows are read.
        let statics = self.statics(shard).await?;
        let after = after.max(statics.trimmed);
        let values = (i32::from(shard.0), signed(after.0), i32::try_from(limit).unwrap_or(i32::MAX));
        let rows: Vec<(i64, Option<Vec<u8>>)> = self.all("journal", &self.statements.tail, values).await?;
        // Statics are in every row of the partition, so a shard without rows has one without an entry.
        let rows = rows.into_iter().filter_map(|(n, entry)| entry.map(|entry| (unsigned(n), entry)));
        rows.map(|(n, entry)| {
            let entry = Entry::decode(Bytes::from(entry));
            let entry = entry.map_err(|error| damaged("journal", format!("shard {shard}, {n}: {error}")))?;
            Ok(JournalRow { position: Position(n), entry: Arc::new(entry) })
        })
        .collect()
    }

    async fn trim(&self, shard: ShardId, through: Position) -> Result<(), StoreError> {
        self.owned(shard)?;
        let statics = self.statics(shard).await?;
        let through = through.min(statics.watermarks.applied).min(statics.watermarks.settled);
        if through <= statics.trimmed {
            return Ok(());
        }
        debug_assert!(may_trim(through, statics.watermarks));
        // Readers start above `trimmed` from here on; the rows may go now, or come back, without being seen (protocol rule 5).
        let values = (signed(through.0), i32::from(shard.0), signed(statics.trimmed.0));
        let answer = self.driver().execute_unpaged(&self.statements.trimmed, values).await;
        if applied(answer.map_err(|error| unavailable("trimming", "journal", &error))?)? {
            // From the beginning: an earlier trim may have raised `trimmed` and failed to delete.
            let values = (i32::from(shard.0), signed(through.0));
            self.write("journal", &self.statements.trim, values).await?;
        }
        Ok(())
    }
}

impl Cassandra {
    /// What this process knows of a shard.
    fn owned(&self, shard: ShardId) -> Result<&parking_lot::Mutex<super::owned::Owned>, StoreError> {
        let unknown =
            || StoreError::Unavailable(format!("there are {} shards, none has number {shard}", self.shards).into());
        self.owned.get(usize::from(shard.0)).ok_or_else(unknown)
    }

    /// A shard's fence and watermarks, after every compare-and-set before this.
    pub(super) async fn statics(&self, shard: ShardId) -> Result<Statics, StoreError> {
        let row: Option<StaticsRow> = self.one("journal", &self.statements.statics, (i32::from(shard.0),)).await?;
        let missing = || damaged("journal", format!("shard {shard} lacks its statics; run `longwave schema`"));
        let (_, head, epoch, owner, applied, settled, trimmed, last_commit) = row.ok_or_else(missing)?;
        let position = |number: Option<i64>| number.map(|number| Position(unsigned(number))).ok_or_else(missing);
        let owner = owner.ok_or_else(missing)?;
        Ok(Statics {
            head: position(head)?,
            epoch: Epoch(unsigned(epoch.ok_or_else(missing)?)),
            // Nobody yet: a single byte.
            owner: OwnerId(owner.try_into().map_or(0, u128::from_be_bytes)),
            watermarks: Watermarks { applied: position(applied)?, settled: position(settled)? },
            trimmed: position(trimmed)?,
            last_commit: unsigned(last_commit.ok_or_else(missing)?),
        })
    }
}
