//! Cursors: max registers under the generation of the device's session.

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hashbrown::HashMap;
use longwave_model::{ConversationId, DeviceId, Seq, UserId};

use super::Cassandra;
use super::execute::{damaged, signed, unsigned};
use crate::cursors::{CursorRaise, Cursors, MarkRaise};
use crate::error::StoreError;

/// Writes under way at once for one call.
const PARALLEL: usize = 32;

type AllColumns = (String, i64, String, Option<i64>);

#[async_trait]
impl Cursors for Cassandra {
    async fn cursors(&self, user: &UserId, device: &DeviceId) -> Result<Vec<(ConversationId, Seq)>, StoreError> {
        let generation = self.generation(user, device).await?;
        let values = (user.as_str(), device.as_str(), generation);
        let rows: Vec<(String, Option<i64>)> = self.all("cursor", &self.statements.cursors, values).await?;
        rows.into_iter().filter_map(|(name, seq)| Some(cursor(user, &name, seq?))).collect()
    }

    async fn cursor(
        &self,
        user: &UserId,
        device: &DeviceId,
        conversation: &ConversationId,
    ) -> Result<Option<Seq>, StoreError> {
        let generation = self.generation(user, device).await?;
        let values = (user.as_str(), device.as_str(), generation, conversation.as_str());
        let row: Option<(Option<i64>,)> = self.one("cursor", &self.statements.cursor, values).await?;
        Ok(row.and_then(|(seq,)| seq).map(|seq| Seq(unsigned(seq))))
    }

    async fn highest_cursors(&self, user: &UserId) -> Result<Vec<(ConversationId, Seq)>, StoreError> {
        let (sessions, rows) = tokio::join!(
            self.session_rows(user),
            self.all::<AllColumns>("cursor", &self.statements.all_cursors, (user.as_str(),)),
        );
        let generations: HashMap<String, i64> =
            sessions?.into_iter().map(|row| (row.device.as_str().to_owned(), row.generation)).collect();
        let mut highest: HashMap<ConversationId, Seq> = HashMap::new();
        for (device, generation, conversation, seq) in rows? {
            let Some(seq) = seq else { continue };
            if generations.get(&device).copied().unwrap_or(0) == generation {
                let (conversation, seq) = cursor(user, &conversation, seq)?;
                let known = highest.entry(conversation).or_default();
                *known = seq.max(*known);
            }
        }
        Ok(highest.into_iter().collect())
    }

    async fn raise(&self, cursors: Vec<CursorRaise>, marks: Vec<MarkRaise>) -> Result<(), StoreError> {
        let cursors = stream::iter(cursors).map(|raise| self.raise_cursor(raise)).buffer_unordered(PARALLEL);
        let marks = stream::iter(marks).map(|raise| self.raise_mark(raise)).buffer_unordered(PARALLEL);
        let (cursors, marks): (Result<(), _>, Result<(), _>) = tokio::join!(cursors.try_collect(), marks.try_collect());
        cursors.and(marks)
    }
}

impl Cassandra {
    async fn raise_cursor(&self, raise: CursorRaise) -> Result<(), StoreError> {
        let generation = self.generation(&raise.user, &raise.device).await?;
        self.write_cursor(&raise.user, &raise.device, generation, &raise.conversation, raise.seq).await
    }

    /// Raises one cursor of a generation.
    pub(super) async fn write_cursor(
        &self,
        user: &UserId,
        device: &DeviceId,
        generation: i64,
        conversation: &ConversationId,
        seq: Seq,
    ) -> Result<(), StoreError> {
        let seq = signed(seq.0);
        let values = (seq, seq, user.as_str(), device.as_str(), generation, conversation.as_str());
        self.write("cursor", &self.statements.cursor_raise, values).await
    }

    /// The generation whose cursors count.
    async fn generation(&self, user: &UserId, device: &DeviceId) -> Result<i64, StoreError> {
        if let Some(known) = self.devices.lock().get(user, device) {
            return Ok(known.generation);
        }
        Ok(self.session_row(user, device).await?.map_or(0, |row| row.generation))
    }
}

fn cursor(user: &UserId, conversation: &str, seq: i64) -> Result<(ConversationId, Seq), StoreError> {
    let bad = |_| damaged("cursor", format!("{user}, {conversation}: not a conversation"));
    Ok((ConversationId::parse(conversation).map_err(bad)?, Seq(unsigned(seq))))
}
