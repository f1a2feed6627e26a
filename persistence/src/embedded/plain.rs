//! Retained messages by topic and wills by device, as rows of their own tables.

use async_trait::async_trait;
use longwave_model::{DeviceId, UserId};
use prost::Message;

use super::Embedded;
use super::keys;
use super::request::Request;
use super::tables::{Table, damaged};
use crate::error::StoreError;
use crate::plain::{MessageRow, Plain, WillRow};

#[async_trait]
impl Plain for Embedded {
    async fn retained(&self) -> Result<Vec<MessageRow>, StoreError> {
        self.all(Table::Retained)
    }

    async fn retain(&self, changes: Vec<(String, Option<MessageRow>)>) -> Result<(), StoreError> {
        let rows = changes
            .into_iter()
            .map(|(topic, row)| (Table::Retained, topic.into_bytes(), row.map(|row| row.encode_to_vec())))
            .collect();
        self.ask(|answer| Request::PutRows(rows, answer)).await
    }

    async fn wills(&self) -> Result<Vec<WillRow>, StoreError> {
        self.all(Table::Will)
    }

    async fn put_will(&self, user: &UserId, device: &DeviceId, will: Option<WillRow>) -> Result<(), StoreError> {
        let key = keys::pair(user.as_str(), device.as_str());
        let row = (Table::Will, key, will.map(|will| will.encode_to_vec()));
        self.ask(|answer| Request::PutRows(vec![row], answer)).await
    }
}

impl Embedded {
    fn all<T: Message + Default>(&self, table: Table) -> Result<Vec<T>, StoreError> {
        let view = self.shared.view()?;
        let rows = view.prefix(table, &[]);
        rows.map(|row| T::decode(&row?.1[..]).map_err(|error| damaged(table, error.to_string()))).collect()
    }
}
