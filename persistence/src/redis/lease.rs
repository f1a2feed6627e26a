//! Fields of a hash that each live for a time: who holds what, unless it is refreshed.
//!
//! A value is stored as `<end in Unix milliseconds of the server> <value>`, because fields of a hash have no life time of their own
//! before Redis 7.4.

use redis::Value;

use super::error::RedisError;
use super::execute::Answer;
use super::request::Request;
use super::scripts::{LEASE_DROP, LEASE_PUT};

/// What happens to a field that somebody else holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contest {
    /// The later one wins.
    Take,
    /// The holder keeps it.
    Keep,
}

/// Puts a field for this many milliseconds; [`put_answer`] reads the answer.
pub(super) fn put(key: &str, millis: u64, field: &str, value: &str, contest: Contest) -> Request {
    let contest = match contest {
        Contest::Take => "take",
        Contest::Keep => "keep",
    };
    Request::script(&LEASE_PUT, key).arg(millis).arg(field).arg(value).arg(contest)
}

/// The value that was there before, if one was and lived.
pub(super) fn put_answer(answer: Value) -> Result<Option<String>, RedisError> {
    redis::from_redis_value(answer).map_err(|_| RedisError::odd("value of a lease"))
}

/// Takes a field away if it has this value.
pub(super) fn drop_if(key: &str, field: &str, value: &str) -> Request {
    Request::script(&LEASE_DROP, key).arg(field).arg(value)
}

/// Asks for all fields; [`living`] reads the answer, which must come with the server's clock.
pub(super) fn all(key: &str) -> Request {
    Request::command("HGETALL", key)
}

/// Asks for one field; [`living_one`] reads the answer, which must come with the server's clock.
pub(super) fn one(key: &str, field: &str) -> Request {
    Request::command("HGET", key).arg(field)
}

/// The value if it still lives.
pub(super) fn living_one(answer: Answer) -> Result<Option<String>, RedisError> {
    let stored: Option<String> = redis::from_redis_value(answer.value).map_err(|_| RedisError::odd("lease"))?;
    Ok(stored.and_then(|stored| alive(&stored, answer.millis).map(str::to_owned)))
}

/// Fields and values that still live.
pub(super) fn living(answer: Answer) -> Result<impl Iterator<Item = (String, String)>, RedisError> {
    let fields: Vec<(String, String)> =
        redis::from_redis_value(answer.value).map_err(|_| RedisError::odd("hash of leases"))?;
    let now = answer.millis;
    Ok(fields.into_iter().filter_map(move |(field, value)| Some((field, alive(&value, now)?.to_owned()))))
}

/// The value of a stored field if it still lives.
fn alive(stored: &str, now: u64) -> Option<&str> {
    let (till, value) = stored.split_once(' ')?;
    (till.parse::<u64>().ok()? > now).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lives_until_its_time() {
        assert_eq!(alive("1000 node a", 999), Some("node a"));
        assert_eq!(alive("1000 ", 999), Some(""));
        assert_eq!(alive("1000 node", 1000), None);
        assert_eq!(alive("node", 0), None);
    }
}
