//! Push records in memory: the latest per device and conversation.

use async_trait::async_trait;
use longwave_model::{ConversationId, DeviceId, UserId};
use longwave_persistence::{PushRecord, Pushes, StoreError};

use super::memory::MemoryStore;

#[async_trait]
impl Pushes for MemoryStore {
    async fn record_pushes(&self, records: Vec<PushRecord>) -> Result<(), StoreError> {
        let mut pushes = self.pushes.lock();
        for record in records {
            let key = (record.user.clone(), record.device.clone(), record.conversation.clone());
            if pushes.get(&key).is_none_or(|stored| stored.seq < record.seq) {
                pushes.insert(key, record);
            }
        }
        Ok(())
    }

    async fn push_record(
        &self,
        user: &UserId,
        device: &DeviceId,
        conversation: &ConversationId,
    ) -> Result<Option<PushRecord>, StoreError> {
        Ok(self.pushes.lock().get(&(user.clone(), device.clone(), conversation.clone())).cloned())
    }

    async fn push_records(&self, user: &UserId) -> Result<Vec<PushRecord>, StoreError> {
        Ok(self.pushes.lock().values().filter(|record| record.user == *user).cloned().collect())
    }
}
