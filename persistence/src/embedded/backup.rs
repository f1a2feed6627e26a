//! Backup and restore: all rows of one snapshot as a stream, taken while the store runs.
//!
//! The stream is a magic number and then blocks, each with its length and checksum: a header, the rows table by table, and a
//! trailer with the counts. A stream that was cut, or has a wrong byte, is refused before the restored store gets its place.

mod stream;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use fjall::PersistMode;
use serde::{Deserialize, Serialize};

use super::Embedded;
use super::config::EmbeddedConfig;
use super::marker::FORMAT;
use super::open_error::OpenError;
use super::opening;
use super::tables::{Table, Tables};
use crate::error::StoreError;
use stream::{BlockReader, BlockWriter};

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
}

/// Why a backup or a restore failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stream cannot be read or written.
    #[error("the backup cannot be read or written: {0}")]
    Stream(#[from] std::io::Error),
    /// The stream is not a whole backup.
    #[error("not a whole backup: {0}; nothing was restored")]
    Damaged(String),
    /// A newer release wrote the backup.
    #[error("the backup has format {found}, this release knows up to {known}; nothing was restored")]
    NewerFormat {
        /// Format of the backup.
        found: u32,
        /// Newest format known here.
        known: u32,
    },
    /// There is something in the folder to restore into.
    #[error("{0} is not empty; a backup is restored into an empty folder")]
    NotEmpty(std::path::PathBuf),
    /// The restored store cannot be made.
    #[error(transparent)]
    Open(#[from] OpenError),
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    shards: u16,
    /// Unix time in milliseconds.
    taken_at: u64,
}

impl Embedded {
    /// Writes all rows of one snapshot. Blocks: call it where blocking is allowed. The caller makes the output durable.
    ///
    /// # Errors
    /// [`BackupError`]; what was written then is not a whole backup and will be refused by [`restore`].
    pub fn backup(&self, output: &mut dyn Write) -> Result<BackupReport, BackupError> {
        let view = self.shared.view()?;
        let mut blocks = BlockWriter::new(output)?;
        let header = Header { format: FORMAT, shards: self.shared.config.shards, taken_at: self.shared.now() };
        blocks.json(stream::HEADER, &header)?;
        let mut report = BackupReport { rows: BTreeMap::new() };
        for table in Table::ALL {
            blocks.block(stream::TABLE, &[table.name().as_bytes()])?;
            let mut count = 0;
            for row in view.prefix(*table, &[]) {
                let (key, row) = row?;
                let length = u16::try_from(key.len()).map_err(std::io::Error::other)?;
                blocks.block(stream::ROW, &[&length.to_be_bytes(), &key, &row])?;
                count += 1;
            }
            report.rows.insert(table.name().to_owned(), count);
        }
        blocks.json(stream::TRAILER, &report)?;
        blocks.finish()?;
        Ok(report)
    }
}

/// Makes a store from a backup, with the number of shards that it was taken with. The folder must be missing or empty, and stays so
/// unless the whole backup is good.
///
/// # Errors
/// [`BackupError`]; nothing is restored then.
pub fn restore(config: &EmbeddedConfig, input: &mut dyn Read) -> Result<BackupReport, BackupError> {
    let _lock = opening::lock(&config.path)?;
    if !opening::is_empty(&config.path)? {
        return Err(BackupError::NotEmpty(config.path.clone()));
    }
    let mut blocks = BlockReader::new(input)?;
    let (kind, body) = blocks.next()?;
    if kind != stream::HEADER {
        return Err(BackupError::Damaged("it does not begin with a header".to_owned()));
    }
    let header: Header = parse_json(&body)?;
    if header.format > FORMAT {
        return Err(BackupError::NewerFormat { found: header.format, known: FORMAT });
    }
    let config = EmbeddedConfig { shards: header.shards, ..config.clone() };
    opening::create(&config, |tables| fill(tables, &mut blocks))
}

fn fill(tables: &Tables, blocks: &mut BlockReader<'_>) -> Result<BackupReport, BackupError> {
    let mut report = BackupReport { rows: BTreeMap::new() };
    let mut current: Option<Table> = None;
    let mut batch = tables.database.batch();
    let failed = |error: fjall::Error| BackupError::Stream(std::io::Error::other(error));
    loop {
        let (kind, body) = blocks.next()?;
        match kind {
            stream::TABLE => {
                let name = String::from_utf8_lossy(&body).into_owned();
                current = Some(
                    Table::from_name(&name).ok_or_else(|| BackupError::Damaged(format!("there is no table {name}")))?,
                );
                report.rows.insert(name, 0);
            }
            stream::ROW => {
                let table = current.ok_or_else(|| BackupError::Damaged("a row of no table".to_owned()))?;
                let (key, row) = split_row(&body)?;
                batch.insert(tables.keyspace(table), key, row);
                *report.rows.entry(table.name().to_owned()).or_default() += 1;
                if batch.len() == 1024 {
                    let full = std::mem::replace(&mut batch, tables.database.batch());
                    full.durability(Some(PersistMode::Buffer)).commit().map_err(failed)?;
                }
            }
            stream::TRAILER => {
                let expected: BackupReport = parse_json(&body)?;
                if expected != report {
                    return Err(BackupError::Damaged("its counts are wrong".to_owned()));
                }
                blocks.end()?;
                batch.durability(Some(PersistMode::SyncAll)).commit().map_err(failed)?;
                return Ok(report);
            }
            other => return Err(BackupError::Damaged(format!("a block of unknown kind {other}"))),
        }
    }
}

fn split_row(body: &[u8]) -> Result<(&[u8], &[u8]), BackupError> {
    let row = body.split_first_chunk::<2>();
    let row = row.and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
    row.ok_or_else(|| BackupError::Damaged("a row is cut short".to_owned()))
}

fn parse_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, BackupError> {
    serde_json::from_slice(body).map_err(|error| BackupError::Damaged(error.to_string()))
}
