//! `commits`: how many commits are durable, written beside the database after each one.
//!
//! fjall takes a damaged byte in its write-ahead log for the torn tail of a crash and cuts off everything behind it, acknowledged rows
//! included. The database counts its commits too; when it has fewer than this file says, rows were lost, and the store does not open.
//! The file is not synced: after a power cut it may be behind, never ahead.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use tracing::warn;
use xxhash_rust::xxh3::xxh3_64;

use super::open_error::OpenError;

/// Name of the file.
pub(super) const FILE: &str = "commits";

/// The open file.
pub(super) struct CommitCount(File);

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
        let mut row = [0; 16];
        let recorded = match file.read_exact_at(&mut row, 0) {
            Ok(()) => parse(&row),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(OpenError::Io { path: name, error }),
        };
        let Some(recorded) = recorded else {
            return Err(OpenError::Damaged { file: name, reason: "its checksum is wrong".to_owned(), advice: REMAKE });
        };
        if recorded > counted {
            return Err(OpenError::damaged(
                path.join(super::marker::DATABASE).join("*.jnl"),
                format!("{recorded} commits were made durable, only {counted} can be read back"),
            ));
        }
        let count = Self(file);
        count.write(counted).map_err(OpenError::io(&name))?;
        Ok(count)
    }

    /// Makes the file for a new store.
    pub(super) fn create(path: &Path, counted: u64) -> Result<(), OpenError> {
        let name = path.join(FILE);
        let create = || {
            let count = Self(File::create(&name)?);
            count.write(counted)?;
            count.0.sync_all()
        };
        create().map_err(OpenError::io(&name))
    }

    /// Notes that `counted` commits are durable.
    pub(super) fn write(&self, counted: u64) -> io::Result<()> {
        let number = counted.to_be_bytes();
        let mut row = [0; 16];
        row[..8].copy_from_slice(&number);
        row[8..].copy_from_slice(&xxh3_64(&number).to_be_bytes());
        self.0.write_all_at(&row, 0)
    }
}

const REMAKE: &str = "delete this file to start without knowing whether commits were lost, then run `longwave audit`; or restore the latest backup";

fn parse(row: &[u8; 16]) -> Option<u64> {
    let (number, checksum) = row.split_first_chunk::<8>()?;
    (xxh3_64(number).to_be_bytes() == checksum).then(|| u64::from_be_bytes(*number))
}
