//! `commits`: how many commits are durable and which write-ahead log is the newest, written beside the database after each commit.
//!
//! fjall takes a damaged byte in its write-ahead log for the torn tail of a crash and cuts off everything behind it, acknowledged rows
//! included. The database counts its commits too; when it has fewer than this file says, rows were lost, and the store does not open.
//! The file is not synced: after a power cut it may be behind, never ahead.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use tracing::warn;
use xxhash_rust::xxh3::xxh3_64;

use super::open_error::OpenError;
use super::rows;

/// Name of the file.
pub(super) const FILE: &str = "commits";

/// The open file.
pub(super) struct CommitCount {
    file: File,
    database: PathBuf,
    newest_log: Cell<u64>,
}

impl CommitCount {
    /// Opens the file and compares it with the database's own count.
    pub(super) fn open(path: &Path, counted: u64) -> Result<Self, OpenError> {
        let name = path.join(FILE);
        let file = match OpenOptions::new().read(true).write(true).open(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                warn!("the commit count is missing; whether commits were lost cannot be told");
                Self::create(path, counted)?;
                return Self::open(path, counted);
            }
            Err(error) => return Err(OpenError::Io { path: name, error }),
        };
        let mut row = [0; 24];
        let recorded = match file.read_exact_at(&mut row, 0) {
            Ok(()) => parse(&row),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(OpenError::Io { path: name, error }),
        };
        let Some((recorded, newest_log)) = recorded else {
            return Err(OpenError::Damaged { file: name, reason: "its checksum is wrong".to_owned(), advice: REMAKE });
        };
        if recorded > counted {
            return Err(OpenError::damaged(
                path.join(super::marker::DATABASE).join("*.jnl"),
                format!("{recorded} commits were made durable, only {counted} can be read back"),
            ));
        }
        let database = path.join(super::marker::DATABASE);
        if !log_file(&database, newest_log).is_file() {
            // fjall begins a new one when the newest is missing, and closes one only to begin the next.
            let later = log_file(&database, newest_log + 1);
            if !later.is_file() {
                return Err(OpenError::damaged(log_file(&database, newest_log), "missing"));
            }
        }
        let count = Self { file, database, newest_log: Cell::new(newest_log) };
        count.write(counted).map_err(OpenError::io(&name))?;
        Ok(count)
    }

    /// Makes the file for a new store.
    pub(super) fn create(path: &Path, counted: u64) -> Result<(), OpenError> {
        let name = path.join(FILE);
        let database = path.join(super::marker::DATABASE);
        let create = || {
            let newest_log = Cell::new(super::journal_check::newest(&database)?);
            let count = Self { file: File::create(&name)?, database, newest_log };
            count.write(counted)?;
            count.file.sync_all()
        };
        create().map_err(OpenError::io(&name))
    }

    /// Notes that `counted` commits are durable.
    pub(super) fn write(&self, counted: u64) -> io::Result<()> {
        while log_file(&self.database, self.newest_log.get() + 1).exists() {
            self.newest_log.set(self.newest_log.get() + 1);
        }
        let mut row = [0; 24];
        row[..16].copy_from_slice(&rows::two(counted, self.newest_log.get()));
        let checksum = xxh3_64(&row[..16]).to_be_bytes();
        row[16..].copy_from_slice(&checksum);
        self.file.write_all_at(&row, 0)
    }
}

const REMAKE: &str = "delete this file to start without knowing whether commits were lost, then run `longwave audit`; or restore the latest backup";

fn parse(row: &[u8; 24]) -> Option<(u64, u64)> {
    let (numbers, checksum) = row.split_first_chunk::<16>()?;
    if xxh3_64(numbers).to_be_bytes() != checksum {
        return None;
    }
    rows::parse_two(numbers)
}

fn log_file(database: &Path, number: u64) -> PathBuf {
    database.join(format!("{number}.jnl"))
}
