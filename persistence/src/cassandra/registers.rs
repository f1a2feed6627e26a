//! Registers: the only rows beside the journal that are changed by compare-and-set.
//!
//! A register's partition is the first two segments of its key (`user/alice`), so what is asked for while messages flow (one user's
//! profile, its block list) is one partition. A scan by a shorter prefix is an operator's: it reads all of them and keeps the first few.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;

use super::Cassandra;
use super::execute::{applied, damaged, signed, unavailable, unsigned};
use crate::error::StoreError;
use crate::registers::{Expected, Put, Registers, Versioned};

/// How often a write that expects nothing is tried while others write too.
const ATTEMPTS: usize = 16;

type Columns = (String, Option<i64>, Option<Vec<u8>>);

#[async_trait]
impl Registers for Cassandra {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        let row: Option<(Option<i64>, Option<Vec<u8>>)> =
            self.one("register", &self.statements.register, (part(key), key)).await?;
        Ok(row.and_then(|(version, value)| versioned(version, value)))
    }

    async fn put(&self, key: &str, value: Option<Bytes>, expected: Expected) -> Result<Put, StoreError> {
        for _ in 0..ATTEMPTS {
            let row: Option<(Option<i64>, Option<Vec<u8>>)> =
                self.one("register", &self.statements.register_now, (part(key), key)).await?;
            // A removed register keeps its version, so that a writer who saw the value before the removal does not take a later one for it.
            let version = row.as_ref().and_then(|(version, _)| *version);
            let stored = row.and_then(|(version, value)| versioned(version, value));
            if !expected.is_met_by(stored.as_ref()) {
                return Ok(Put::Conflict(stored));
            }
            if value.is_none() && stored.is_none() {
                return Ok(Put::Stored(unsigned(version.unwrap_or(0))));
            }
            let next = unsigned(version.unwrap_or(0)) + 1;
            if self.replace(key, version, next, value.as_deref()).await? {
                return Ok(Put::Stored(next));
            }
        }
        Err(StoreError::Unavailable(format!("register {key} is being written by others").into()))
    }

    async fn scan(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<(String, Versioned)>, StoreError> {
        let rows = if prefix.bytes().filter(|byte| *byte == b'/').count() >= 2 {
            let values = (part(prefix), after.max(prefix));
            self.all::<Columns>("register", &self.statements.register_part, values).await?
        } else {
            self.first_of_all(prefix, after, limit).await?
        };
        let rows = rows.into_iter().filter(|(key, ..)| key.starts_with(prefix) && key.as_str() > after);
        Ok(rows.filter_map(|(key, version, value)| Some((key, versioned(version, value)?))).take(limit).collect())
    }
}

impl Cassandra {
    async fn replace(
        &self,
        key: &str,
        version: Option<i64>,
        next: u64,
        value: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let (st, part, next) = (&self.statements, part(key), signed(next));
        let _permit = self.permit().await?;
        let answer = match (version, value) {
            (None, value) => {
                let values = (part, key, next, value);
                self.driver().execute_unpaged(&st.register_first, values).await
            }
            (Some(version), Some(value)) => {
                self.driver().execute_unpaged(&st.register_next, (next, value, part, key, version)).await
            }
            (Some(version), None) => self.driver().execute_unpaged(&st.register_gone, (next, part, key, version)).await,
        };
        applied(answer.map_err(|error| unavailable("writing", "register", &error))?)
    }

    /// The first `limit` registers after `after` that begin with `prefix`, of all there are; holds no more than those in memory.
    async fn first_of_all(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<Columns>, StoreError> {
        use futures_util::TryStreamExt as _;

        let pager = self.driver().execute_iter(self.statements.register_all.clone(), ()).await;
        let pager = pager.map_err(|error| unavailable("reading", "register", &error))?;
        let rows = pager.rows_stream::<Columns>().map_err(|error| damaged("register", error.to_string()))?;
        let mut first: BTreeMap<String, (Option<i64>, Option<Vec<u8>>)> = BTreeMap::new();
        let mut rows = std::pin::pin!(rows);
        while let Some((key, version, value)) =
            rows.try_next().await.map_err(|error| unavailable("reading", "register", &error))?
        {
            if key.starts_with(prefix) && key.as_str() > after && value.is_some() {
                first.insert(key, (version, value));
                if first.len() > limit {
                    first.pop_last();
                }
            }
        }
        Ok(first.into_iter().map(|(key, (version, value))| (key, version, value)).collect())
    }
}

fn versioned(version: Option<i64>, value: Option<Vec<u8>>) -> Option<Versioned> {
    Some(Versioned { value: Bytes::from(value?), version: unsigned(version?) })
}

/// The partition of a key: its first two segments.
fn part(key: &str) -> &str {
    let second = key.match_indices('/').nth(1);
    second.map_or(key, |(index, _)| &key[..index])
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn a_users_registers_are_one_partition() {
        assert_eq!(part("user/alice/password"), "user/alice");
        assert_eq!(part("user/alice/block/bob"), "user/alice");
        assert_eq!(part("user/alice/block/"), "user/alice");
        assert_eq!(part("user/alice"), "user/alice");
        assert_eq!(part("one"), "one");
    }
}
