//! The writing half of the traits: put a request into the queue, wait for the answer.

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{ConversationId, DeviceId, Epoch, OwnerId, Position, Seq, ShardId, UserId};
use tokio::sync::oneshot;

use super::Embedded;
use super::prepare::prepare;
use super::request::Request;
use crate::cursors::{CursorRaise, MarkRaise};
use crate::error::StoreError;
use crate::journal::{Append, Journal, JournalRow, Outcome, Tenure};
use crate::registers::{Expected, Put};
use crate::sessions::SessionRow;
use crate::views::ViewWrite;

impl Embedded {
    /// Asks the commit thread and waits for its answer.
    pub(super) async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(request(answer)).await?;
        answered.await.map_err(|_| unanswered())?
    }

    async fn enqueue(&self, request: Request) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or_else(closed)?;
        queue.send(request).await.map_err(|_| closed())
    }

    pub(super) async fn put_session_row(&self, row: SessionRow) -> Result<bool, StoreError> {
        self.ask(|answer| Request::PutSession(Box::new(row), answer)).await
    }

    pub(super) async fn start_session_row(
        &self,
        row: SessionRow,
        cursors: Vec<(ConversationId, Seq)>,
    ) -> Result<(), StoreError> {
        self.ask(|answer| Request::StartSession(Box::new(row), cursors, answer)).await
    }

    pub(super) async fn end_session_row(
        &self,
        user: &UserId,
        device: &DeviceId,
        connection: u64,
    ) -> Result<(), StoreError> {
        self.ask(|answer| Request::EndSession(user.clone(), device.clone(), connection, answer)).await
    }

    pub(super) async fn raise_rows(&self, cursors: Vec<CursorRaise>, marks: Vec<MarkRaise>) -> Result<(), StoreError> {
        if cursors.is_empty() && marks.is_empty() {
            return Ok(());
        }
        self.ask(|answer| Request::Raise(cursors, marks, answer)).await
    }

    pub(super) async fn put_register(
        &self,
        key: &str,
        value: Option<Bytes>,
        expected: Expected,
    ) -> Result<Put, StoreError> {
        self.ask(|answer| Request::PutRegister(key.to_owned(), value, expected, answer)).await
    }
}

#[async_trait]
impl Journal for Embedded {
    fn shards(&self) -> u16 {
        self.shared.config.shards
    }

    fn views_are_committed(&self) -> bool {
        true
    }

    async fn take(&self, shard: ShardId, owner: OwnerId) -> Result<Tenure, StoreError> {
        self.check_shard(shard)?;
        self.ask(|answer| Request::Take(shard, owner, answer)).await
    }

    async fn epoch(&self, shard: ShardId) -> Result<Epoch, StoreError> {
        self.check_shard(shard)?;
        self.read_epoch(shard)
    }

    async fn append(&self, append: Append) -> Outcome {
        if let Err(error) = self.check_shard(append.shard) {
            return Outcome::Rejected(error);
        }
        let (answer, answered) = oneshot::channel();
        let request = Request::Append(Box::new(prepare(&append)), answer);
        if let Err(error) = self.enqueue(request).await {
            return Outcome::Rejected(error);
        }
        answered.await.unwrap_or_else(|_| Outcome::Unknown(unanswered()))
    }

    /// The append has stored the views already.
    async fn apply(&self, _writes: Vec<ViewWrite>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn tail(&self, shard: ShardId, after: Position, limit: usize) -> Result<Vec<JournalRow>, StoreError> {
        self.check_shard(shard)?;
        self.read_tail(shard, after, limit)
    }

    async fn trim(&self, shard: ShardId, through: Position) -> Result<(), StoreError> {
        self.check_shard(shard)?;
        while self.ask(|answer| Request::Trim(shard, through, answer)).await? {}
        Ok(())
    }
}

impl Embedded {
    fn check_shard(&self, shard: ShardId) -> Result<(), StoreError> {
        let shards = self.shared.config.shards;
        if shard.0 < shards {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!("there are {shards} shards, none has number {shard}").into()))
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

fn unanswered() -> StoreError {
    StoreError::Unavailable("the commit thread gave no answer".into())
}
