//! Streams: work that one process hands to whichever of several takes it, one stream per shard, each with one group of consumers.
//!
//! What was read stays with its reader until it is done, and can be claimed from one that died. A stream that is lost (Redis was
//! emptied, or nobody wrote for its life time) counts its entries from the beginning again: so a writer that counts too notices, and hands
//! over again what is not done.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use redis::Value;

use super::Redis;
use super::error::RedisError;
use super::request::Request;
use super::scripts::{STREAM_CLAIM, STREAM_READ, STREAM_STATE};

/// The group of all consumers.
const GROUP: &str = "push";
/// How long a stream lives after the last writing, in milliseconds: 2 h, twice as long as a push is worth sending by default.
const LIFE_MILLIS: u64 = 2 * 60 * 60 * 1000;
/// Entries of one answer at most, so that none is too large for the time limit.
const AT_ONCE: usize = 4096;
/// The name of an entry's only field.
const FIELD: &str = "e";

/// Where an entry is in its stream. Redis makes them so that they rise, as long as it is not emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(
    /// Unix time in milliseconds by the server's clock, unless that went back.
    pub u64,
    /// Counts within the millisecond.
    pub u64,
);

impl StreamId {
    fn parse(text: &[u8]) -> Option<Self> {
        let (millis, number) = std::str::from_utf8(text).ok()?.split_once('-')?;
        Some(Self(millis.parse().ok()?, number.parse().ok()?))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// What a stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamState {
    /// Entries that are not done, read or not.
    pub length: u64,
    /// The oldest of them.
    pub first: Option<StreamId>,
    /// The newest that there ever was since the stream was made; 0-0 in one that a reader made.
    pub last_generated: StreamId,
    /// How many were ever appended since the stream was made. Fewer than a writer appended: the stream was lost in between, even when its
    /// newest entry is newer than before.
    pub added: u64,
}

impl Redis {
    /// Appends items to a shard's stream, in order and in one round trip; answers their ids. Nothing bounds the stream but the writer, who
    /// looks at its length. Never sent twice by this call.
    ///
    /// # Errors
    /// [`RedisError`] when some could not be appended; others may have been.
    pub async fn stream_add(&self, shard: u16, items: &[Bytes]) -> Result<Vec<StreamId>, RedisError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let key = self.0.settings.stream_key(shard);
        let add = |item: &Bytes| Request::command("XADD", &key).arg("*").arg(FIELD).arg(&item[..]);
        let lengthen = Request::command("PEXPIRE", &key).arg(LIFE_MILLIS);
        let mut answers = self.run(items.iter().map(add).chain([lengthen]).collect()).await?;
        answers.pop();
        answers.into_iter().map(|answer| stream_id(&answer)).collect()
    }

    /// The state of each shard's stream, in one round trip; `None` where there is none.
    ///
    /// # Errors
    /// [`RedisError`] when some are not known.
    pub async fn stream_state(&self, shards: &[u16]) -> Result<Vec<Option<StreamState>>, RedisError> {
        let settings = &self.0.settings;
        let requests = shards.iter().map(|shard| Request::script(&STREAM_STATE, &settings.stream_key(*shard)));
        self.run(requests.collect()).await?.into_iter().map(state).collect()
    }

    /// The next entries that no consumer has read yet, at most `count` of each shard (4,096 at most), in one round trip; each shard's in order. They are this
    /// consumer's until they are done or claimed. A stream or group that is not there is made, and read from its beginning.
    ///
    /// It does not wait for entries: all calls share one connection to each server, which a blocking command would hold up. The caller
    /// pauses when nothing comes.
    ///
    /// # Errors
    /// [`RedisError`] when some could not be read; what was read all the same has to be claimed later.
    pub async fn stream_read(
        &self,
        consumer: &str,
        shards: &[u16],
        count: usize,
    ) -> Result<Vec<(u16, StreamId, Bytes)>, RedisError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let read = |shard: &u16| {
            let key = self.0.settings.stream_key(*shard);
            Request::script(&STREAM_READ, &key).arg(GROUP).arg(consumer).arg(count.min(AT_ONCE)).arg(LIFE_MILLIS)
        };
        let answers = self.run(shards.iter().map(read).collect()).await?;
        let mut all = Vec::new();
        for (shard, answer) in shards.iter().zip(answers) {
            all.extend(entries(answer)?.into_iter().map(|(id, item)| (*shard, id, item)));
        }
        Ok(all)
    }

    /// Makes entries this consumer's that were read at least `idle` ago and are not done, at most `count`, the oldest first; its own too.
    /// Consumers that have nothing left and were not heard of for as long are forgotten.
    ///
    /// # Errors
    /// [`RedisError`] when it is not known; some may be this consumer's now, and can be claimed again.
    pub async fn stream_claim(
        &self,
        consumer: &str,
        shard: u16,
        idle: Duration,
        count: usize,
    ) -> Result<Vec<(StreamId, Bytes)>, RedisError> {
        let key = self.0.settings.stream_key(shard);
        let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX).min(LIFE_MILLIS);
        let mut claimed = Vec::new();
        let mut from = StreamId(0, 0);
        // Redis looks at a bounded number of entries at a time, and says where to go on.
        while claimed.len() < count {
            let request = Request::script(&STREAM_CLAIM, &key)
                .arg(GROUP)
                .arg(consumer)
                .arg(idle)
                .arg(from.to_string())
                .arg((count - claimed.len()).min(AT_ONCE));
            let answer = self.run(vec![request]).await?.pop();
            let Some(Value::Array(parts)) = answer else { return Err(RedisError::odd("claim")) };
            let [next, rows] = <[Value; 2]>::try_from(parts).map_err(|_| RedisError::odd("claim"))?;
            claimed.append(&mut entries(rows)?);
            from = stream_id(&next)?;
            if from == StreamId(0, 0) {
                break;
            }
        }
        Ok(claimed)
    }

    /// Takes entries away for good. Those that are gone already are no error.
    ///
    /// # Errors
    /// [`RedisError`] when some may still be there; they can be claimed, and taken away again.
    pub async fn stream_done(&self, shard: u16, ids: &[StreamId]) -> Result<(), RedisError> {
        if ids.is_empty() {
            return Ok(());
        }
        let key = self.0.settings.stream_key(shard);
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        // In this order: an entry without its acknowledgement is found by whoever claims, one that is acknowledged and not deleted by nobody.
        let delete = Request::command("XDEL", &key).arg(&ids);
        let acknowledge = Request::command("XACK", &key).arg(GROUP).arg(&ids);
        self.run(vec![delete, acknowledge]).await.map(drop)
    }
}

fn stream_id(answer: &Value) -> Result<StreamId, RedisError> {
    let id = match answer {
        Value::BulkString(text) => StreamId::parse(text),
        Value::SimpleString(text) => StreamId::parse(text.as_bytes()),
        _ => None,
    };
    id.ok_or_else(|| RedisError::odd("id of a stream's entry"))
}

fn state(answer: Value) -> Result<Option<StreamState>, RedisError> {
    let parts = match answer {
        Value::Nil => return Ok(None),
        Value::Array(parts) => parts,
        _ => return Err(RedisError::odd("state of a stream")),
    };
    let [length, last, first, added] =
        <[Value; 4]>::try_from(parts).map_err(|_| RedisError::odd("state of a stream"))?;
    let number = |answer| redis::from_redis_value(answer).map_err(|_| RedisError::odd("count of entries"));
    let first = if first == Value::BulkString(Vec::new()) { None } else { Some(stream_id(&first)?) };
    Ok(Some(StreamState { length: number(length)?, first, last_generated: stream_id(&last)?, added: number(added)? }))
}

fn entries(answer: Value) -> Result<Vec<(StreamId, Bytes)>, RedisError> {
    match answer {
        Value::Nil => Ok(Vec::new()),
        // One that was deleted before it was done has no fields, on some versions not even a row.
        Value::Array(rows) => rows.into_iter().filter_map(|row| entry(row).transpose()).collect(),
        _ => Err(RedisError::odd("list of entries")),
    }
}

fn entry(row: Value) -> Result<Option<(StreamId, Bytes)>, RedisError> {
    let parts = match row {
        Value::Nil => return Ok(None),
        Value::Array(parts) => parts,
        _ => return Err(RedisError::odd("entry")),
    };
    let [id, fields] = <[Value; 2]>::try_from(parts).map_err(|_| RedisError::odd("entry"))?;
    match fields {
        Value::Nil => Ok(None),
        Value::Array(mut fields) => match fields.pop() {
            Some(Value::BulkString(item)) => Ok(Some((stream_id(&id)?, Bytes::from(item)))),
            _ => Err(RedisError::odd("entry")),
        },
        _ => Err(RedisError::odd("entry")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_as_numbers() {
        let parse = |text: &str| StreamId::parse(text.as_bytes());
        assert_eq!(parse("1700000000000-12"), Some(StreamId(1_700_000_000_000, 12)));
        assert!(parse("9-10") > parse("9-9"));
        assert!(parse("10-0") > parse("9-99"));
        assert_eq!(StreamId(7, 8).to_string(), "7-8");
        for bad in ["", "7", "7-", "-7", "7-8-9", "a-b"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_deleted_entry_is_passed_over() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let row = |id: &str, fields| Value::Array(vec![text(id), fields]);
        let rows = vec![row("1-0", Value::Nil), Value::Nil, row("2-0", Value::Array(vec![text("e"), text("body")]))];
        let read = entries(Value::Array(rows)).unwrap();
        assert_eq!(read, [(StreamId(2, 0), Bytes::from_static(b"body"))]);
        assert!(entries(Value::Array(vec![row("x", Value::Array(vec![text("e"), text("body")]))])).is_err());
    }
}
