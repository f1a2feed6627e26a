//! How pushes ended: one cell per device and conversation, a max register by seq, gone by itself after its time.

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use longwave_model::{ConversationId, DeviceId, UserId};

use super::Cassandra;
use super::execute::{damaged, signed};
use crate::error::StoreError;
use crate::push_row::{self, KEPT_SECONDS};
use crate::pushes::{PushRecord, Pushes};

/// Writes under way at once for one call.
const PARALLEL: usize = 32;

type Columns = (String, String, Option<Vec<u8>>);

#[async_trait]
impl Pushes for Cassandra {
    async fn record_pushes(&self, records: Vec<PushRecord>) -> Result<(), StoreError> {
        stream::iter(records).map(|record| self.record_push(record)).buffer_unordered(PARALLEL).try_collect().await
    }

    async fn push_record(
        &self,
        user: &UserId,
        device: &DeviceId,
        conversation: &ConversationId,
    ) -> Result<Option<PushRecord>, StoreError> {
        let values = (user.as_str(), device.as_str(), conversation.as_str());
        let row: Option<Columns> = self.one("push", &self.statements.push, values).await?;
        row.and_then(|row| record(user, row).transpose()).transpose()
    }

    async fn push_records(&self, user: &UserId) -> Result<Vec<PushRecord>, StoreError> {
        let rows: Vec<Columns> = self.all("push", &self.statements.pushes, (user.as_str(),)).await?;
        rows.into_iter().filter_map(|row| record(user, row).transpose()).collect()
    }
}

impl Cassandra {
    async fn record_push(&self, record: PushRecord) -> Result<(), StoreError> {
        let (user, device, conversation) = (&record.user, &record.device, &record.conversation);
        let values = (
            signed(record.seq.0),
            KEPT_SECONDS,
            push_row::encode(&record),
            user.as_str(),
            device.as_str(),
            conversation.as_str(),
        );
        self.write("push", &self.statements.push_record, values).await
    }
}

/// The record of a row; nothing while it is being written or has just expired.
pub(super) fn record(user: &UserId, row: Columns) -> Result<Option<PushRecord>, StoreError> {
    let (device, conversation, Some(value)) = row else { return Ok(None) };
    let ids = DeviceId::parse(&device).ok().zip(ConversationId::parse(&conversation).ok());
    let record = ids.and_then(|(device, conversation)| push_row::decode(user, device, conversation, &value));
    record.map(Some).ok_or_else(|| damaged("push", format!("{user}, {device}, {conversation}: a row is not one")))
}
