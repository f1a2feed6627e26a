//! The log of plain topics as the router has it, kept as rows of the store.

use std::sync::Arc;

use async_trait::async_trait;
use longwave_feed::subscription;
use longwave_model::{PlainState, Refusal};
use longwave_persistence::{LogRow, PlainLog as Rows, Reference};
use longwave_port::{LastingSession, LogReference, LoggedMessage, PlainLog, PlainMessage, is_plain};

use crate::plain_store::{PlainRows, message, refusal, row};

#[async_trait]
impl<S: Rows> PlainLog for PlainRows<S> {
    async fn last_number(&self) -> Result<u64, Refusal> {
        self.0.last_number().await.map_err(refusal)
    }

    async fn append(&self, messages: Vec<(u64, LoggedMessage)>, facts: Vec<PlainState>) -> Result<(), Refusal> {
        let rows = messages.into_iter().map(|(number, logged)| (number, log_row(&logged))).collect();
        self.0.append(rows, facts).await.map_err(refusal)
    }

    async fn references(&self, filter: &str, after: u64, most: usize) -> Result<Vec<LogReference>, Refusal> {
        let found = self.0.references(filter, after, most).await.map_err(refusal)?;
        Ok(found.into_iter().map(reference).collect())
    }

    async fn latest_references(&self, filter: &str, most: usize) -> Result<Vec<LogReference>, Refusal> {
        let found = self.0.latest_references(filter, most).await.map_err(refusal)?;
        Ok(found.into_iter().map(reference).collect())
    }

    async fn messages(&self, numbers: Vec<u64>) -> Result<Vec<Option<Arc<PlainMessage>>>, Refusal> {
        let rows = self.0.messages(numbers).await.map_err(refusal)?;
        Ok(rows.into_iter().map(|row| row.and_then(|row| message(row.message)).map(Arc::new)).collect())
    }

    async fn logged(&self, after: u64, most: usize) -> Result<Vec<(u64, LoggedMessage)>, Refusal> {
        let rows = self.0.rows(after, most).await.map_err(refusal)?;
        let logged = |(number, row): (u64, LogRow)| {
            let filters = row.filters.iter().map(|filter| filter.as_str().into()).collect();
            let message = Arc::new(message(row.message)?);
            Some((number, LoggedMessage { message, filters, ts: row.ts }))
        };
        Ok(rows.into_iter().filter_map(logged).collect())
    }

    async fn forget(&self, messages: Vec<(u64, Vec<Arc<str>>)>) -> Result<(), Refusal> {
        let rows =
            messages.into_iter().map(|(number, filters)| (number, filters.iter().map(ToString::to_string).collect()));
        self.0.forget(rows.collect()).await.map_err(refusal)
    }

    async fn consume(&self, references: Vec<(Arc<str>, u64)>) -> Result<(), Refusal> {
        let references = references.into_iter().map(|(filter, number)| (filter.to_string(), number)).collect();
        self.0.consume(references).await.map_err(refusal)
    }

    async fn facts(&self) -> Result<Vec<PlainState>, Refusal> {
        self.0.facts().await.map_err(refusal)
    }

    async fn lasting_sessions(&self) -> Result<Vec<LastingSession>, Refusal> {
        let sessions = self.0.lasting_sessions(is_plain).await.map_err(refusal)?;
        let session = |session: longwave_persistence::LastingSession| LastingSession {
            subscriptions: session.row.subscriptions.iter().map(subscription).collect(),
            user: session.row.user,
            device: session.row.device,
            ends_at: session.ends_at,
        };
        Ok(sessions.into_iter().map(session).collect())
    }
}

fn reference(row: Reference) -> LogReference {
    LogReference { number: row.number, size: row.size as usize }
}

fn log_row(logged: &LoggedMessage) -> LogRow {
    LogRow {
        message: row(&logged.message),
        filters: logged.filters.iter().map(ToString::to_string).collect(),
        ts: logged.ts,
    }
}
