//! Asks who the masters are: a cluster's nodes for their slots, Sentinels for the master they chose.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::time::timeout;

use super::config::{Settings, Topology};
use super::error::RedisError;
use super::link::Link;
use super::open::{Connection, Opener, join_address, split_address};
use super::slot::SLOTS;

/// Slots `first` to `last`, served by one master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) master: Arc<str>,
}

/// Who is asked, and how.
pub(super) struct Discovery {
    opener: Opener,
    seeds: Vec<Arc<str>>,
    /// The name of the master, where Sentinels are asked.
    sentinel_master: Option<String>,
    /// Another is asked first each time, because one that is cut off from the others does not know that it is wrong.
    turn: usize,
}

impl Discovery {
    pub(super) fn new(settings: &Settings) -> Self {
        let seeds = settings.addresses.clone();
        match &settings.topology {
            Topology::Sentinel { master } => {
                let opener = Opener::of_sentinels(settings);
                Self { opener, seeds, sentinel_master: Some(master.clone()), turn: 0 }
            }
            _ => Self { opener: Opener::of_servers(settings), seeds, sentinel_master: None, turn: 0 },
        }
    }

    /// Asks one after another until one answers; `known` are the servers that are connected anyway.
    ///
    /// # Errors
    /// What the last one said when none answers.
    pub(super) async fn look(&mut self, known: &[Arc<Link>], limit: Duration) -> Result<Vec<Range>, RedisError> {
        self.turn = self.turn.wrapping_add(1);
        let mut failure = RedisError::Unavailable("no server is known".into());
        if self.sentinel_master.is_none() {
            for link in rotated(known, self.turn) {
                let Some(connection) = link.open_now() else { continue };
                match self.ask(&link.address, &connection, limit).await {
                    Ok(ranges) => return Ok(ranges),
                    Err(error) => failure = error,
                }
            }
        }
        for seed in rotated(&self.seeds, self.turn) {
            let asked = match self.opener.open(seed).await {
                Ok(connection) => self.ask(seed, &connection, limit).await,
                Err(error) => Err(error),
            };
            match asked {
                Ok(ranges) => return Ok(ranges),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn ask(
        &self,
        address: &Arc<str>,
        connection: &Connection,
        limit: Duration,
    ) -> Result<Vec<Range>, RedisError> {
        match &self.sentinel_master {
            None => {
                let mut question = redis::cmd("CLUSTER");
                question.arg("SLOTS");
                let slots = answer(address, connection, &question, limit).await?;
                parse_slots(address, slots).ok_or_else(|| RedisError::away(address, "is not a node of a cluster"))
            }
            Some(master) => {
                let mut question = redis::cmd("SENTINEL");
                question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
                let found = answer(address, connection, &question, limit).await?;
                let (host, port): (String, u16) = redis::from_redis_value(found)
                    .map_err(|_| RedisError::away(address, format_args!("no master is called {master}")))?;
                Ok(vec![Range { first: 0, last: SLOTS - 1, master: join_address(&host, port) }])
            }
        }
    }
}

async fn answer(address: &str, connection: &Connection, question: &Cmd, limit: Duration) -> Result<Value, RedisError> {
    let mut driver = connection.driver.clone();
    match timeout(limit, driver.send_packed_command(question)).await {
        Ok(Ok(Value::ServerError(error))) => Err(RedisError::of_server(address, &error)),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(RedisError::of_driver(address, &error)),
        Err(_) => {
            connection.broken.notify_one();
            Err(RedisError::away(address, format_args!("no answer within {limit:?}")))
        }
    }
}

fn rotated<T>(all: &[T], turn: usize) -> impl Iterator<Item = &T> {
    let start = if all.is_empty() { 0 } else { turn % all.len() };
    all[start..].iter().chain(&all[..start])
}

/// Takes the answer to CLUSTER SLOTS apart: `[[first, last, [host, port, …], replicas …], …]`.
fn parse_slots(asked: &str, answer: Value) -> Option<Vec<Range>> {
    let Value::Array(rows) = answer else { return None };
    let mut ranges = rows.into_iter().map(|row| parse_range(asked, row)).collect::<Option<Vec<_>>>()?;
    ranges.sort_by_key(|range| range.first);
    // A node that was taken out of the cluster knows of no slots.
    (!ranges.is_empty()).then_some(ranges)
}

fn parse_range(asked: &str, row: Value) -> Option<Range> {
    let Value::Array(row) = row else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = row.as_slice() else { return None };
    let [host, Value::Int(port), ..] = master.as_slice() else { return None };
    let host = match host {
        Value::BulkString(host) if !host.is_empty() => std::str::from_utf8(host).ok()?,
        // It does not know its own name, or leaves it to us: the one under which we asked.
        _ => split_address(asked)?.0,
    };
    let master = join_address(host, u16::try_from(*port).ok()?);
    Some(Range { first: u16::try_from(*first).ok()?, last: u16::try_from(*last).ok()?, master })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(first: i64, last: i64, host: Value, port: i64) -> Value {
        let node = Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())]);
        Value::Array(vec![Value::Int(first), Value::Int(last), node.clone(), node])
    }

    #[test]
    fn slots_are_sorted_and_a_missing_host_is_the_one_that_was_asked() {
        let named = Value::BulkString(b"10.0.0.2".to_vec());
        let answer = Value::Array(vec![row(8192, 16383, named, 7001), row(0, 8191, Value::Nil, 7000)]);
        let ranges = parse_slots("10.0.0.1:7000", answer).unwrap();
        assert_eq!(
            ranges,
            [
                Range { first: 0, last: 8191, master: "10.0.0.1:7000".into() },
                Range { first: 8192, last: 16383, master: "10.0.0.2:7001".into() },
            ]
        );
        assert_eq!(parse_slots("a:1", Value::Okay), None);
        assert_eq!(parse_slots("a:1", Value::Array(vec![])), None);
        assert_eq!(parse_slots("a:1", Value::Array(vec![Value::Int(1)])), None);
    }

    #[test]
    fn everybody_is_asked_first_once() {
        assert_eq!(rotated(&[1, 2, 3], 4).copied().collect::<Vec<_>>(), [2, 3, 1]);
        assert_eq!(rotated::<u8>(&[], 4).count(), 0);
    }
}
