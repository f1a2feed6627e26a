//! The last entries of conversations that are busy now, so that the feeds of many nodes do not all read the log.
//!
//! Nothing says which entries are missing, so a range counts only if every seq of it is there (protocol rule 6).

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use longwave_model::{ConversationId, Entry};

use super::Redis;
use super::error::RedisError;
use super::request::Request;
use super::scripts::REMEMBER;

/// Entries of one conversation that are kept.
const KEPT: u64 = 50;
/// A larger entry is left to the log, or fifty of them would fill the memory of Redis.
const LARGEST: usize = 16 * 1024;

impl Redis {
    /// Keeps these entries; an earlier one of the same seq is replaced. Only entries whose log rows are stored may be given. The caller
    /// gives an entry again when its content has changed.
    ///
    /// # Errors
    /// [`RedisError`] when some could not be kept; then a range has a gap, or content from before a change, for the life time of hot entries.
    pub async fn remember(&self, entries: &[Arc<Entry>]) -> Result<(), RedisError> {
        let settings = &self.0.settings;
        let mut requests: HashMap<&ConversationId, Request> = HashMap::new();
        for entry in entries {
            let bytes = entry.encode();
            if bytes.len() > LARGEST {
                continue;
            }
            let request = requests.entry(&entry.conversation).or_insert_with(|| {
                Request::script(&REMEMBER, &settings.hot_key(&entry.conversation)).arg(settings.hot_millis).arg(KEPT)
            });
            request.command.arg(entry.seq.0).arg(bytes);
        }
        self.run(requests.into_values().collect()).await.map(drop)
    }

    /// Exactly the entries of these seqs in order, or `None` if one is missing or its content has expired: then the log has to be read.
    ///
    /// # Errors
    /// [`RedisError`] when it is not known.
    pub async fn recall(
        &self,
        conversation: &ConversationId,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Vec<Arc<Entry>>>, RedisError> {
        let (first, last) = range.into_inner();
        if first > last {
            return Ok(Some(Vec::new()));
        }
        if last - first >= KEPT {
            return Ok(None);
        }
        let request = Request::command("ZRANGEBYSCORE", &self.0.settings.hot_key(conversation)).arg(first).arg(last);
        let answer = self.run(vec![request]).await?.pop().ok_or_else(|| RedisError::odd("answer"))?;
        let rows: Vec<Vec<u8>> = redis::from_redis_value(answer).map_err(|_| RedisError::odd("list of entries"))?;
        Ok(exactly(conversation, first..=last, rows))
    }
}

fn exactly(conversation: &ConversationId, range: RangeInclusive<u64>, rows: Vec<Vec<u8>>) -> Option<Vec<Arc<Entry>>> {
    if rows.len() as u64 != range.end() - range.start() + 1 {
        return None;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let entries = rows.into_iter().zip(range).map(|(row, seq)| {
        // One that this release cannot read was written by a newer one; the log says so better.
        let entry = Entry::decode(Bytes::from(row)).ok()?;
        let lives = entry.expires_at.is_none_or(|at| u128::from(at) > now);
        (entry.seq.0 == seq && entry.conversation == *conversation && lives).then(|| Arc::new(entry))
    });
    entries.collect()
}
