//! What the sweeper found, carried out. Floors only rise.

use longwave_model::ConversationId;

use super::Stage;
use crate::embedded::request::Sweeping;
use crate::embedded::rows;
use crate::embedded::tables::{Table, damaged};
use crate::error::StoreError;

impl Stage<'_> {
    pub(super) fn sweep(&mut self, steps: Vec<Sweeping>) -> Result<(), StoreError> {
        for step in steps {
            match step {
                Sweeping::Delete(table, key) => self.write(table, key, None),
                Sweeping::Write(table, key, row) => self.write(table, key, Some(row)),
                Sweeping::Floor(conversation, floor, purged) => {
                    self.raise_floor(&conversation, floor, purged)?;
                }
                Sweeping::Expire(user, device, now) => self.expire_session(&user, &device, now)?,
                Sweeping::ForgetPush(key, before) => self.forget_push(key, before)?,
            }
        }
        Ok(())
    }

    fn raise_floor(&mut self, conversation: &ConversationId, floor: u64, purged: u64) -> Result<(), StoreError> {
        let key = conversation.as_str().as_bytes();
        let (stored_floor, stored_purged) = match self.read(Table::Floor, key)? {
            Some(row) => rows::parse_two(&row).ok_or_else(|| damaged(Table::Floor, conversation.to_string()))?,
            None => (0, 0),
        };
        let row = rows::two(floor.max(stored_floor), purged.max(stored_purged));
        self.write(Table::Floor, key.to_vec(), Some(row.to_vec()));
        Ok(())
    }
}
