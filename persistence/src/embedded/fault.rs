//! Faults for the torture test, in builds with the feature `fault-injection` only.
//!
//! `LONGWAVE_FAULT=ack-before-fsync`: waiters are answered before the write-ahead log is synced, and it is synced only every
//! 100 ms. With or without a fault, such a build writes `synced-length` (file name and offset of the synced end of the write-ahead log)
//! into the store's folder after every sync, so that a harness can cut off what a power cut would take: that file behind the
//! offset, and all of the log files with greater numbers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::warn;

/// The planted fault and what it needs.
pub(super) struct Fault {
    path: PathBuf,
    ack_before_sync: bool,
    synced: Option<Instant>,
}

impl Fault {
    pub(super) fn new(path: &Path) -> Self {
        let named = std::env::var("LONGWAVE_FAULT").unwrap_or_default();
        let ack_before_sync = named.split(',').any(|one| one == "ack-before-fsync");
        if ack_before_sync {
            warn!("planted fault: acknowledging before the log is synced");
        }
        Self { path: path.to_owned(), ack_before_sync, synced: None }
    }

    pub(super) fn acks_before_sync(&self) -> bool {
        self.ack_before_sync
    }

    /// Whether the delayed sync is due.
    pub(super) fn sync_is_due(&self) -> bool {
        self.synced.is_none_or(|synced| synced.elapsed() > Duration::from_millis(100))
    }

    /// Writes down how far the log is synced. fjall does not tell, but the kernel knows how far the file was written.
    pub(super) fn synced(&mut self) {
        self.synced = Some(Instant::now());
        let Some((name, offset)) = log_position(&self.path.join(super::marker::DATABASE)) else { return };
        let (draft, file) = (self.path.join("synced-length.new"), self.path.join("synced-length"));
        if let Err(error) = fs::write(&draft, format!("{name} {offset}\n")).and_then(|()| fs::rename(&draft, &file)) {
            warn!(%error, "cannot write synced-length");
        }
    }
}

/// Name and written length of the newest log file of this database that is open here.
fn log_position(database: &Path) -> Option<(String, u64)> {
    let database = database.canonicalize().ok()?;
    let mut newest: Option<(u64, String, u64)> = None;
    for entry in fs::read_dir("/proc/self/fd").ok()?.flatten() {
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let Some(name) = target.file_name().and_then(|name| name.to_str()) else { continue };
        let Some(number) = name.strip_suffix(".jnl").and_then(|number| number.parse::<u64>().ok()) else { continue };
        if target.parent() != Some(&database) {
            continue;
        }
        let info = fs::read_to_string(Path::new("/proc/self/fdinfo").join(entry.file_name())).ok()?;
        let offset = info.lines().find_map(|line| line.strip_prefix("pos:"))?.trim().parse().ok()?;
        if newest.as_ref().is_none_or(|(known, _, _)| *known < number) {
            newest = Some((number, name.to_owned(), offset));
        }
    }
    newest.map(|(_, name, offset)| (name, offset))
}
