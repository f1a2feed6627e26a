//! Sends statements and turns what the driver says into what the traits say.

use futures_util::TryStreamExt as _;
use scylla::client::session::Session;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::QueryResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;
use tokio::sync::SemaphorePermit;

use super::Cassandra;
use crate::error::StoreError;

/// One statement of a batch with its values.
pub(super) type Bound = (PreparedStatement, Vec<CqlValue>);

impl Cassandra {
    /// Writes one row.
    pub(super) async fn write(
        &self,
        table: &'static str,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<(), StoreError> {
        let _permit = self.permit().await?;
        let written = self.session.execute_unpaged(statement, values).await;
        self.health.note(&written);
        written.map(drop).map_err(|error| unavailable("writing", table, &error))
    }

    /// Writes rows of one partition together; all of them are stored, or it is an error.
    pub(super) async fn write_partition(&self, table: &'static str, rows: Vec<Bound>) -> Result<(), StoreError> {
        let (statements, values): (Vec<_>, Vec<_>) =
            rows.into_iter().map(|(statement, values)| (BatchStatement::from(statement), values)).unzip();
        let mut batch = Batch::new_with_statements(BatchType::Unlogged, statements);
        batch.set_is_idempotent(true);
        let _permit = self.permit().await?;
        let written = self.session.batch(&batch, values).await;
        self.health.note(&written);
        written.map(drop).map_err(|error| unavailable("writing", table, &error))
    }

    /// Reads at most one row.
    pub(super) async fn one<R>(
        &self,
        table: &'static str,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Option<R>, StoreError>
    where
        R: for<'frame> DeserializeRow<'frame, 'frame>,
    {
        let _permit = self.permit().await?;
        let read = self.session.execute_unpaged(statement, values).await;
        self.health.note(&read);
        let rows = read.map_err(|error| unavailable("reading", table, &error))?;
        let rows = rows.into_rows_result().map_err(|error| unavailable("reading", table, &error))?;
        rows.maybe_first_row().map_err(|error| damaged(table, error.to_string()))
    }

    /// Reads all rows, page by page.
    pub(super) async fn all<R>(
        &self,
        table: &'static str,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Vec<R>, StoreError>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> + 'static,
    {
        let _permit = self.permit().await?;
        let pager = self.session.execute_iter(statement.clone(), values).await;
        self.health.note(&pager);
        let pager = pager.map_err(|error| unavailable("reading", table, &error))?;
        let rows = pager.rows_stream::<R>().map_err(|error| damaged(table, error.to_string()))?;
        rows.try_collect().await.map_err(|error| unavailable("reading", table, &error))
    }

    /// The driver's session.
    pub(super) fn driver(&self) -> &Session {
        &self.session
    }

    /// Waits until fewer than the limit are under way.
    pub(super) async fn permit(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        // Nobody closes it.
        self.requests.acquire().await.map_err(|_| StoreError::Unavailable("the store is closed".into()))
    }
}

/// Whether a compare-and-set was applied, as its answer says.
pub(super) fn applied(answer: QueryResult) -> Result<bool, StoreError> {
    let rows = answer.into_rows_result().map_err(|error| damaged("journal", error.to_string()))?;
    let row = rows.maybe_first_row::<scylla::value::Row>().map_err(|error| damaged("journal", error.to_string()))?;
    match row.and_then(|row| row.columns.into_iter().next().flatten()) {
        Some(CqlValue::Boolean(applied)) => Ok(applied),
        _ => Err(damaged("journal", "the answer to a compare-and-set does not begin with [applied]")),
    }
}

/// A request that failed; whether a write was done is not known.
pub(super) fn unavailable(doing: &str, table: &str, error: &impl ToString) -> StoreError {
    StoreError::Unavailable(format!("{doing} table {table} on Cassandra: {}", error.to_string()).into())
}

/// A row that does not decode.
pub(super) fn damaged(table: &'static str, reason: impl Into<std::sync::Arc<str>>) -> StoreError {
    StoreError::Damaged { table, reason: reason.into() }
}

/// Numbers that are positions, seqs, versions and times are far below the sign bit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The way back; a negative one was never written.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
