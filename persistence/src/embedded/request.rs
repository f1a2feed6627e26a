//! What the commit thread is asked, and how it answers.

use bytes::Bytes;
use fjall::Slice;
use longwave_model::{ConversationId, DeviceId, Epoch, OwnerId, Position, ShardId, UserId};
use tokio::sync::oneshot;

use super::pointers::PointersBuilder;
use super::tables::Table;
use crate::cursors::{CursorRaise, MarkRaise};
use crate::error::StoreError;
use crate::journal::{Outcome, Tenure, Watermarks};
use crate::pushes::PushRecord;
use crate::registers::{Expected, Put};
use crate::sessions::SessionRow;
use crate::views::ViewWrite;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// An append whose rows are encoded already, on the caller's thread.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) shard: ShardId,
    pub(super) epoch: Epoch,
    pub(super) head: Position,
    pub(super) watermarks: Watermarks,
    pub(super) count: u64,
    pub(super) pointers: PointersBuilder,
    /// Rows that need nothing read before.
    pub(super) rows: Vec<(Table, Slice, Slice)>,
    /// Last seq per conversation.
    pub(super) heads: Vec<(ConversationId, u64)>,
    /// Membership and facts, which change rows that are there.
    pub(super) facts: Vec<ViewWrite>,
}

/// One write.
#[derive(Debug)]
pub(super) enum Request {
    Append(Box<Prepared>, oneshot::Sender<Outcome>),
    Take(ShardId, OwnerId, Answer<Tenure>),
    /// Answers whether there is more to trim.
    Trim(ShardId, Position, Answer<bool>),
    Raise(Vec<CursorRaise>, Vec<MarkRaise>, Answer<()>),
    PutSession(Box<SessionRow>, Answer<bool>),
    StartSession(Box<SessionRow>, Vec<(ConversationId, longwave_model::Seq)>, Answer<()>),
    EndSession(UserId, DeviceId, u64, Answer<()>),
    PutRegister(String, Option<Bytes>, Expected, Answer<Put>),
    RecordPushes(Vec<PushRecord>, Answer<()>),
    /// Rows of tables that nothing else reads, as they are.
    PutRows(Vec<(Table, Vec<u8>, Option<Vec<u8>>)>, Answer<()>),
    Sweep(Vec<Sweeping>, Answer<()>),
}

/// One step of the sweeper.
#[derive(Debug)]
pub(super) enum Sweeping {
    /// Deletes a row.
    Delete(Table, Vec<u8>),
    /// Writes a row.
    Write(Table, Vec<u8>, Vec<u8>),
    /// Raises a floor, and how far the rows below are deleted.
    Floor(ConversationId, u64, u64),
    /// Ends a session that is still disconnected and past its expiry at this time.
    Expire(UserId, DeviceId, u64),
    /// Deletes a push record that ended before this time.
    ForgetPush(Vec<u8>, u64),
}

impl Request {
    /// Whether it may be done while the disk is nearly full: what frees space or takes none worth counting.
    pub(super) fn is_modest(&self) -> bool {
        matches!(self, Self::Take(..) | Self::Trim(..) | Self::EndSession(..) | Self::Sweep(..))
            || matches!(self, Self::PutRegister(_, None, ..))
            || matches!(self, Self::PutRows(rows, _) if rows.iter().all(|(.., row)| row.is_none()))
            || matches!(self, Self::Append(append, _) if append.count == 0)
    }

    /// Answers that nothing was written, with certainty.
    pub(super) fn refuse(self, error: StoreError) {
        match self {
            Self::Append(_, answer) => drop(answer.send(Outcome::Rejected(error))),
            Self::Take(.., answer) => drop(answer.send(Err(error))),
            Self::Trim(.., answer) => drop(answer.send(Err(error))),
            Self::PutSession(.., answer) => drop(answer.send(Err(error))),
            Self::PutRegister(.., answer) => drop(answer.send(Err(error))),
            Self::Raise(.., answer)
            | Self::StartSession(.., answer)
            | Self::EndSession(.., answer)
            | Self::RecordPushes(.., answer)
            | Self::PutRows(.., answer)
            | Self::Sweep(.., answer) => drop(answer.send(Err(error))),
        }
    }
}

/// An answer that waits for the commit.
#[derive(Debug)]
pub(super) enum Completion {
    Append(oneshot::Sender<Outcome>, Outcome),
    Take(Answer<Tenure>, Tenure),
    Flag(Answer<bool>, bool),
    Done(Answer<()>),
    Put(Answer<Put>, Put),
}

impl Completion {
    /// The commit is durable. A waiter that went away is no fault.
    pub(super) fn succeed(self) {
        match self {
            Self::Append(answer, outcome) => drop(answer.send(outcome)),
            Self::Take(answer, tenure) => drop(answer.send(Ok(tenure))),
            Self::Flag(answer, flag) => drop(answer.send(Ok(flag))),
            Self::Done(answer) => drop(answer.send(Ok(()))),
            Self::Put(answer, put) => drop(answer.send(Ok(put))),
        }
    }

    /// Nobody knows what became of the commit.
    pub(super) fn fail(self, error: StoreError) {
        match self {
            Self::Append(answer, _) => drop(answer.send(Outcome::Unknown(error))),
            Self::Take(answer, _) => drop(answer.send(Err(error))),
            Self::Flag(answer, _) => drop(answer.send(Err(error))),
            Self::Done(answer) => drop(answer.send(Err(error))),
            Self::Put(answer, _) => drop(answer.send(Err(error))),
        }
    }
}
