//! The log of plain topics: messages by number, references by filter, and the facts of sessions.

use async_trait::async_trait;
use fjall::Slice;
use longwave_model::{PlainFact, PlainState};
use prost::Message;

use super::Embedded;
use super::keys;
use super::plain_fact;
use super::request::Request;
use super::stage::is_over;
use super::tables::{Table, damaged};
use crate::error::StoreError;
use crate::plain::{LastingSession, LogRow, PlainLog, Reference};
use crate::session_row::{self, Times};

type Row = (Table, Vec<u8>, Option<Vec<u8>>);

#[async_trait]
impl PlainLog for Embedded {
    async fn last_number(&self) -> Result<u64, StoreError> {
        let view = self.shared.view()?;
        let last = view.prefix(Table::PlainLog, &[]).next_back().transpose()?;
        last.map_or(Ok(0), |(key, _)| number(&key))
    }

    async fn append(&self, rows: Vec<(u64, LogRow)>, facts: Vec<PlainState>) -> Result<(), StoreError> {
        let mut changes = Vec::with_capacity(rows.len() * 2 + facts.len());
        for (number, row) in rows {
            let size = row.message.topic.len() + row.message.payload.len();
            let size = u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes();
            for filter in &row.filters {
                changes.push((Table::PlainReference, keys::reference(filter, number), Some(size.to_vec())));
            }
            changes.push((Table::PlainLog, number.to_be_bytes().to_vec(), Some(row.encode_to_vec())));
        }
        for state in &facts {
            self.change(state, &mut changes)?;
        }
        self.ask(|answer| Request::PutRows(changes, answer)).await
    }

    async fn references(&self, filter: &str, after: u64, most: usize) -> Result<Vec<Reference>, StoreError> {
        let view = self.shared.view()?;
        let (first, last) = (keys::reference(filter, after.saturating_add(1)), keys::reference(filter, u64::MAX));
        view.range(Table::PlainReference, &first, &last).take(most).map(reference).collect()
    }

    async fn latest_references(&self, filter: &str, most: usize) -> Result<Vec<Reference>, StoreError> {
        let view = self.shared.view()?;
        let (first, last) = (keys::reference(filter, 0), keys::reference(filter, u64::MAX));
        let latest = view.range(Table::PlainReference, &first, &last).rev().take(most).map(reference);
        let mut latest = latest.collect::<Result<Vec<_>, _>>()?;
        latest.reverse();
        Ok(latest)
    }

    async fn messages(&self, numbers: Vec<u64>) -> Result<Vec<Option<LogRow>>, StoreError> {
        let view = self.shared.view()?;
        let row = |number: u64| view.get(Table::PlainLog, &number.to_be_bytes())?.map(|row| decode(&row)).transpose();
        numbers.into_iter().map(row).collect()
    }

    async fn rows(&self, after: u64, most: usize) -> Result<Vec<(u64, LogRow)>, StoreError> {
        let view = self.shared.view()?;
        let rows = view.after(Table::PlainLog, &after.to_be_bytes()).take(most);
        rows.map(|row| {
            let (key, row) = row?;
            Ok((number(&key)?, decode(&row)?))
        })
        .collect()
    }

    async fn forget(&self, rows: Vec<(u64, Vec<String>)>) -> Result<(), StoreError> {
        let mut changes: Vec<Row> = Vec::with_capacity(rows.len() * 2);
        for (number, filters) in rows {
            changes.push((Table::PlainLog, number.to_be_bytes().to_vec(), None));
            changes.extend(filters.iter().map(|filter| (Table::PlainReference, keys::reference(filter, number), None)));
        }
        self.ask(|answer| Request::PutRows(changes, answer)).await
    }

    async fn consume(&self, references: Vec<(String, u64)>) -> Result<(), StoreError> {
        let gone = |(filter, number): (String, u64)| (Table::PlainReference, keys::reference(&filter, number), None);
        let changes = references.into_iter().map(gone).collect();
        self.ask(|answer| Request::PutRows(changes, answer)).await
    }

    async fn facts(&self) -> Result<Vec<PlainState>, StoreError> {
        let view = self.shared.view()?;
        view.prefix(Table::PlainFact, &[])
            .map(|row| {
                let (key, value) = row?;
                plain_fact::decode(&key, &value).ok_or_else(|| damaged(Table::PlainFact, "a row is not one"))
            })
            .collect()
    }

    async fn lasting_sessions(&self, wanted: for<'a> fn(&'a str) -> bool) -> Result<Vec<LastingSession>, StoreError> {
        let (view, now) = (self.shared.view()?, self.shared.now());
        let mut found = Vec::new();
        for row in view.prefix(Table::Session, &[]) {
            let (key, row) = row?;
            let owner = keys::parse_pair(&key).and_then(|(user, device)| keys::user(user).zip(keys::device(device)));
            let (user, device) = owner.ok_or_else(|| damaged(Table::Session, "a key is not one"))?;
            let row = session_row::decode(user, device, &row)
                .ok_or_else(|| damaged(Table::Session, "a row does not decode"))?;
            let has_facts = || view.prefix(Table::PlainFact, &keys::cursor_prefix(&row.user, &row.device)).next();
            if !row.subscriptions.iter().any(|subscription| wanted(&subscription.filter)) && has_facts().is_none() {
                continue;
            }
            let times = Times {
                connection: row.connection,
                expiry_seconds: row.expiry_seconds,
                connected_at: row.connected_at,
                disconnected_at: row.disconnected_at,
            };
            if is_over(&times, now, self.boot) {
                continue;
            }
            let since = row.disconnected_at.unwrap_or(self.boot.last_commit.max(row.connected_at));
            let ends_at =
                (row.expiry_seconds != u32::MAX).then(|| since.saturating_add(u64::from(row.expiry_seconds) * 1_000));
            found.push(LastingSession { row, ends_at });
        }
        Ok(found)
    }
}

impl Embedded {
    /// The rows that a fact changes.
    fn change(&self, state: &PlainState, changes: &mut Vec<Row>) -> Result<(), StoreError> {
        if let Some((key, value)) = plain_fact::encode(state) {
            changes.push((Table::PlainFact, key, value));
            return Ok(());
        }
        debug_assert_eq!(state.fact, PlainFact::Ended);
        // What is queued before this is committed before this: there is one writer of facts, which waits for each commit.
        let prefix = keys::cursor_prefix(&state.user, &state.device);
        for row in self.shared.view()?.prefix(Table::PlainFact, &prefix) {
            changes.push((Table::PlainFact, row?.0.to_vec(), None));
        }
        changes
            .retain(|(table, key, value)| *table != Table::PlainFact || value.is_none() || !key.starts_with(&prefix));
        Ok(())
    }
}

fn reference(row: Result<(Slice, Slice), StoreError>) -> Result<Reference, StoreError> {
    let (key, size) = row?;
    let size = size[..].try_into().map(u32::from_be_bytes);
    match (keys::parse_reference(&key), size) {
        (Some(number), Ok(size)) => Ok(Reference { number, size }),
        _ => Err(damaged(Table::PlainReference, "a row is not one")),
    }
}

fn number(key: &[u8]) -> Result<u64, StoreError> {
    let number = key.try_into().map(u64::from_be_bytes);
    number.map_err(|_| damaged(Table::PlainLog, "a key is not one"))
}

fn decode(row: &[u8]) -> Result<LogRow, StoreError> {
    LogRow::decode(row).map_err(|error| damaged(Table::PlainLog, error.to_string()))
}
