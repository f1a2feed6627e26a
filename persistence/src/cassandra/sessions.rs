//! Session rows. Not compare-and-set: a row's timestamp is (connection number, write of that connection), so an older connection's
//! write changes nothing wherever it lands, and reading the row back says who won.

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use longwave_model::{ConversationId, DeviceId, Seq, UserId};

use super::Cassandra;
use super::devices::{Known, last_timestamp};
use super::execute::{damaged, signed, unsigned};
use crate::error::StoreError;
use crate::session_row;
use crate::sessions::{SessionRow, Sessions};

/// After everything that is ever written into a generation.
const AFTER_ALL: i64 = i64::MAX - 1;

/// Writes under way at once for one call.
const PARALLEL: usize = 32;

type Columns = (String, Option<i64>, Option<i64>, Option<i64>, Option<Vec<u8>>);

/// A session row as it is stored.
pub(super) struct Stored {
    pub(super) device: DeviceId,
    pub(super) generation: i64,
    connection: u64,
    version: u64,
    content: Vec<u8>,
}

impl Stored {
    fn known(&self) -> Known {
        Known { generation: self.generation, connection: self.connection, version: self.version }
    }

    fn into_row(self, user: &UserId) -> Result<SessionRow, StoreError> {
        let bad = damaged("session", format!("{user}, {}", self.device));
        session_row::decode(user.clone(), self.device, &self.content).ok_or(bad)
    }
}

#[async_trait]
impl Sessions for Cassandra {
    async fn session(&self, user: &UserId, device: &DeviceId) -> Result<Option<SessionRow>, StoreError> {
        let Some(stored) = self.session_row(user, device).await? else { return Ok(None) };
        stored.into_row(user).map(Some)
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        self.session_rows(user).await?.into_iter().map(|stored| stored.into_row(user)).collect()
    }

    async fn put_session(&self, row: SessionRow) -> Result<bool, StoreError> {
        match self.next_write(&row).await? {
            Some(known) => self.write_session(&row, known).await,
            None => Ok(false),
        }
    }

    async fn start_session(&self, row: SessionRow, cursors: Vec<(ConversationId, Seq)>) -> Result<(), StoreError> {
        let Some(known) = self.next_write(&row).await? else { return Err(moved_on(&row)) };
        let generation = signed(row.connection);
        // Nobody reads them until the row names their generation.
        let writes = stream::iter(cursors).map(|(conversation, seq)| {
            let row = &row;
            async move { self.write_cursor(&row.user, &row.device, generation, &conversation, seq).await }
        });
        let _: () = writes.buffer_unordered(PARALLEL).try_collect().await?;
        if !self.write_session(&row, Known { generation, ..known }).await? {
            return Err(moved_on(&row));
        }
        let values = (AFTER_ALL, row.user.as_str(), row.device.as_str(), generation);
        self.write("cursor", &self.statements.cursors_before, values).await
    }

    async fn end_session(&self, user: &UserId, device: &DeviceId, connection: u64) -> Result<(), StoreError> {
        let values = (last_timestamp(connection), user.as_str(), device.as_str());
        self.write("session", &self.statements.session_end, values).await?;
        self.devices.lock().forget(user, device);
        // A later connection's row is still there, and the cursors are its.
        if self.session_row(user, device).await?.is_none() {
            let values = (AFTER_ALL, user.as_str(), device.as_str(), signed(connection));
            self.write("cursor", &self.statements.cursors_through, values).await?;
        }
        Ok(())
    }
}

impl Cassandra {
    /// One row; what it says of the device is remembered.
    pub(super) async fn session_row(&self, user: &UserId, device: &DeviceId) -> Result<Option<Stored>, StoreError> {
        let values = (user.as_str(), device.as_str());
        let row: Option<Columns> = self.one("session", &self.statements.session, values).await?;
        let stored = row.map_or(Ok(None), |row| stored(user, row))?;
        let known = stored.as_ref().map(Stored::known).unwrap_or_default();
        self.devices.lock().learn(user, device, known);
        Ok(stored)
    }

    /// All rows of a user.
    pub(super) async fn session_rows(&self, user: &UserId) -> Result<Vec<Stored>, StoreError> {
        let rows: Vec<Columns> = self.all("session", &self.statements.sessions, (user.as_str(),)).await?;
        rows.into_iter().filter_map(|row| stored(user, row).transpose()).collect()
    }

    /// How the row will be written by its connection; `None` when a later one has written it.
    async fn next_write(&self, row: &SessionRow) -> Result<Option<Known>, StoreError> {
        let remembered = self.devices.lock().get(&row.user, &row.device);
        let known = match remembered {
            Some(known) => known,
            None => self.session_row(&row.user, &row.device).await?.as_ref().map(Stored::known).unwrap_or_default(),
        };
        if known.connection > row.connection {
            return Ok(None);
        }
        let worn = || StoreError::Unavailable("a connection has stored its session too often; connect anew".into());
        known.written_by(row.connection).ok_or_else(worn).map(Some)
    }

    /// Writes the row, all of it: the end of a former connection may have buried any column. Returns whether it is the row now; of two
    /// connections that write at once, at least one sees the other's. It is not where nothing is read back: a connection with this
    /// number or a higher one, given by a node whose clock is ahead, has ended the session, and its deletion buries what this one writes.
    async fn write_session(&self, row: &SessionRow, known: Known) -> Result<bool, StoreError> {
        let values = (
            row.user.as_str(),
            row.device.as_str(),
            signed(known.connection),
            signed(known.version),
            session_row::encode(row),
            known.generation,
            known.timestamp(),
        );
        self.write("session", &self.statements.session_put, values).await?;
        let stored = self.session_row(&row.user, &row.device).await?;
        Ok(stored.is_some_and(|stored| stored.known().timestamp() <= known.timestamp()))
    }
}

/// A start that lost: nothing of it counts, and a client that still wants the session connects once more.
fn moved_on(row: &SessionRow) -> StoreError {
    let (user, device) = (&row.user, &row.device);
    StoreError::Unavailable(format!("the session of {user}, {device} has moved on to a later connection").into())
}

/// `None` where only a deleted row's shadow is left.
fn stored(user: &UserId, row: Columns) -> Result<Option<Stored>, StoreError> {
    let (device, connection, version, generation, content) = row;
    let (Some(connection), Some(version), Some(content)) = (connection, version, content) else { return Ok(None) };
    let device = DeviceId::parse(&device).map_err(|_| damaged("session", format!("{user}, {device}: not a device")))?;
    let generation = generation.unwrap_or(0);
    Ok(Some(Stored { device, generation, connection: unsigned(connection), version: unsigned(version), content }))
}
