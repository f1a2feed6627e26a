//! How pushes ended.

use async_trait::async_trait;
use longwave_model::{ConversationId, DeviceId, UserId};

use crate::embedded::Embedded;
use crate::embedded::keys;
use crate::embedded::request::Request;
use crate::embedded::tables::{Table, damaged};
use crate::error::StoreError;
use crate::push_row;
use crate::pushes::{PushRecord, Pushes};

#[async_trait]
impl Pushes for Embedded {
    async fn record_pushes(&self, records: Vec<PushRecord>) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        self.ask(|answer| Request::RecordPushes(records, answer)).await
    }

    async fn push_record(
        &self,
        user: &UserId,
        device: &DeviceId,
        conversation: &ConversationId,
    ) -> Result<Option<PushRecord>, StoreError> {
        let row = self.shared.tables()?.get(Table::Push, &keys::cursor(user, device, conversation))?;
        let Some(row) = row else { return Ok(None) };
        let record = push_row::decode(user, device.clone(), conversation.clone(), &row);
        record.map(Some).ok_or_else(|| damaged(Table::Push, format!("{user}, {device}")))
    }

    async fn push_records(&self, user: &UserId) -> Result<Vec<PushRecord>, StoreError> {
        let view = self.shared.view()?;
        let records = view.prefix(Table::Push, &keys::prefix(user.as_str())).map(|row| {
            let (key, row) = row?;
            let record = keys::parse_cursor(&key)
                .and_then(|(_, device, conversation)| push_row::decode(user, device, conversation, &row));
            record.ok_or_else(|| damaged(Table::Push, user.to_string()))
        });
        records.collect()
    }
}
