//! Sessions and cursors of devices; registers.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{ConversationId, DeviceId, Seq, UserId};

use crate::cursors::{CursorRaise, Cursors, MarkRaise};
use crate::embedded::Embedded;
use crate::embedded::tables::{Rows, Table, damaged};
use crate::embedded::{keys, rows};
use crate::error::StoreError;
use crate::registers::{Expected, Put, Registers, Versioned};
use crate::session_row;
use crate::sessions::{SessionRow, Sessions};

#[async_trait]
impl Cursors for Embedded {
    async fn cursors(&self, user: &UserId, device: &DeviceId) -> Result<Vec<(ConversationId, Seq)>, StoreError> {
        let view = self.shared.view()?;
        cursor_rows(view.prefix(Table::Cursor, &keys::cursor_prefix(user, device)), user).collect()
    }

    async fn cursor(
        &self,
        user: &UserId,
        device: &DeviceId,
        conversation: &ConversationId,
    ) -> Result<Option<Seq>, StoreError> {
        let row = self.shared.tables()?.get(Table::Cursor, &keys::cursor(user, device, conversation))?;
        row.map(|row| rows::parse_one(&row).map(Seq).ok_or_else(|| damaged(Table::Cursor, format!("{user}, {device}"))))
            .transpose()
    }

    async fn highest_cursors(&self, user: &UserId) -> Result<Vec<(ConversationId, Seq)>, StoreError> {
        let view = self.shared.view()?;
        let mut highest = BTreeMap::new();
        for row in cursor_rows(view.prefix(Table::Cursor, &keys::prefix(user.as_str())), user) {
            let (conversation, seq) = row?;
            let known = highest.entry(conversation).or_insert(seq);
            *known = seq.max(*known);
        }
        Ok(highest.into_iter().collect())
    }

    async fn raise(&self, cursors: Vec<CursorRaise>, marks: Vec<MarkRaise>) -> Result<(), StoreError> {
        self.raise_rows(cursors, marks).await
    }
}

#[async_trait]
impl Sessions for Embedded {
    async fn session(&self, user: &UserId, device: &DeviceId) -> Result<Option<SessionRow>, StoreError> {
        let row = self.shared.tables()?.get(Table::Session, &keys::pair(user.as_str(), device.as_str()))?;
        let Some(row) = row else { return Ok(None) };
        let session = session_row::decode(user.clone(), device.clone(), &row);
        session.map(Some).ok_or_else(|| damaged(Table::Session, format!("{user}, {device}")))
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        let view = self.shared.view()?;
        let mut sessions = Vec::new();
        for row in view.prefix(Table::Session, &keys::prefix(user.as_str())) {
            let (key, row) = row?;
            let device = rows::device_of(&key);
            let session = device.and_then(|device| session_row::decode(user.clone(), device, &row));
            sessions.push(session.ok_or_else(|| damaged(Table::Session, user.to_string()))?);
        }
        Ok(sessions)
    }

    async fn put_session(&self, row: SessionRow) -> Result<bool, StoreError> {
        self.put_session_row(row).await
    }

    async fn start_session(&self, row: SessionRow, cursors: Vec<(ConversationId, Seq)>) -> Result<(), StoreError> {
        self.start_session_row(row, cursors).await
    }

    async fn end_session(&self, user: &UserId, device: &DeviceId, connection: u64) -> Result<(), StoreError> {
        self.end_session_row(user, device, connection).await
    }
}

#[async_trait]
impl Registers for Embedded {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        let Some(row) = self.shared.tables()?.get(Table::Register, key.as_bytes())? else { return Ok(None) };
        let register = rows::parse_register(&row);
        Ok(register.ok_or_else(|| damaged(Table::Register, key.to_owned()))?.1)
    }

    async fn put(&self, key: &str, value: Option<Bytes>, expected: Expected) -> Result<Put, StoreError> {
        self.put_register(key, value, expected).await
    }

    async fn scan(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<(String, Versioned)>, StoreError> {
        let view = self.shared.view()?;
        let mut found = Vec::new();
        let rows = if after < prefix {
            view.prefix(Table::Register, prefix.as_bytes())
        } else {
            view.after(Table::Register, after.as_bytes())
        };
        for row in rows {
            let (key, row) = row?;
            if found.len() == limit || !key.starts_with(prefix.as_bytes()) {
                break;
            }
            let name = std::str::from_utf8(&key).map_err(|_| damaged(Table::Register, "a key is not text"))?;
            let (_, value) = rows::parse_register(&row).ok_or_else(|| damaged(Table::Register, name.to_owned()))?;
            found.extend(value.map(|value| (name.to_owned(), value)));
        }
        Ok(found)
    }
}

fn cursor_rows<'a>(
    rows: Rows<'a>,
    user: &'a UserId,
) -> impl Iterator<Item = Result<(ConversationId, Seq), StoreError>> + 'a {
    rows.map(move |row| {
        let (key, row) = row?;
        let conversation = keys::parse_cursor(&key).map(|(_, _, conversation)| conversation);
        let seq = rows::parse_one(&row).map(Seq);
        conversation.zip(seq).ok_or_else(|| damaged(Table::Cursor, user.to_string()))
    })
}
