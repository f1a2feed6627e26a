//! Session rows, ordered by connection number, and the cursors that live and die with them.

use longwave_model::{ConversationId, DeviceId, Seq, UserId};

use super::{Boot, Stage};
use crate::embedded::keys;
use crate::embedded::tables::{Table, damaged};
use crate::error::StoreError;
use crate::session_row::{self, Times};
use crate::sessions::SessionRow;

impl Stage<'_> {
    pub(super) fn put_session(&mut self, row: &SessionRow) -> Result<bool, StoreError> {
        let stored = self.session_times(&row.user, &row.device)?;
        if stored.is_some_and(|stored| stored.connection > row.connection) {
            return Ok(false);
        }
        self.write_session(row);
        Ok(true)
    }

    pub(super) fn start_session(
        &mut self,
        row: &SessionRow,
        cursors: &[(ConversationId, Seq)],
    ) -> Result<(), StoreError> {
        self.drop_cursors(&row.user, &row.device)?;
        self.write_session(row);
        for (conversation, seq) in cursors {
            let key = keys::cursor(&row.user, &row.device, conversation);
            self.write(Table::Cursor, key, Some(seq.0.to_be_bytes().to_vec()));
        }
        Ok(())
    }

    pub(super) fn end_session(&mut self, user: &UserId, device: &DeviceId, connection: u64) -> Result<(), StoreError> {
        let stored = self.session_times(user, device)?;
        if stored.is_some_and(|stored| stored.connection > connection) {
            return Ok(());
        }
        self.drop_session(user, device)
    }

    /// Ends a session that outlived its expiry, unless it was connected again meanwhile.
    pub(super) fn expire_session(&mut self, user: &UserId, device: &DeviceId, now: u64) -> Result<(), StoreError> {
        match self.session_times(user, device)? {
            Some(stored) if is_over(&stored, now, self.boot) => self.drop_session(user, device),
            _ => Ok(()),
        }
    }

    fn session_times(&self, user: &UserId, device: &DeviceId) -> Result<Option<Times>, StoreError> {
        let row = self.read(Table::Session, &keys::pair(user.as_str(), device.as_str()))?;
        row.map(|row| session_row::times(&row).ok_or_else(|| damaged(Table::Session, format!("{user}, {device}"))))
            .transpose()
    }

    fn write_session(&mut self, row: &SessionRow) {
        let key = keys::pair(row.user.as_str(), row.device.as_str());
        self.write(Table::Session, key, Some(session_row::encode(row)));
    }

    fn drop_session(&mut self, user: &UserId, device: &DeviceId) -> Result<(), StoreError> {
        self.drop_cursors(user, device)?;
        self.write(Table::Session, keys::pair(user.as_str(), device.as_str()), None);
        Ok(())
    }

    fn drop_cursors(&mut self, user: &UserId, device: &DeviceId) -> Result<(), StoreError> {
        let prefix = keys::cursor_prefix(user, device);
        let mut doomed: Vec<Vec<u8>> =
            self.overlay[Table::Cursor as usize].keys().filter(|key| key.starts_with(&prefix)).cloned().collect();
        for row in self.tables.view().prefix(Table::Cursor, &prefix) {
            doomed.push(row?.0.to_vec());
        }
        for key in doomed {
            self.write(Table::Cursor, key, None);
        }
        Ok(())
    }
}

/// Whether a session is past its expiry (MQTT 5, 3.1.2.11.2). One that an earlier process left connected when it was killed counts
/// from that process's last commit.
pub(in crate::embedded) fn is_over(times: &Times, now: u64, boot: Boot) -> bool {
    if times.expiry_seconds == u32::MAX {
        return false;
    }
    let since = match times.disconnected_at {
        Some(at) => at,
        None if times.connected_at < boot.opened_at => boot.last_commit.max(times.connected_at),
        None => return false,
    };
    since.saturating_add(u64::from(times.expiry_seconds) * 1000) < now
}
