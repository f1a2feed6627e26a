//! How long the disk under the servers takes to make a small append durable: what a server that fsyncs is up against.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

const APPENDS: usize = 200;
const APPEND_BYTES: usize = 300;

/// Time of one append of 300 bytes with fdatasync.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FsyncProbe {
    /// Median in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
}

/// Measures on a new file in `directory`.
pub(super) fn probe(directory: &Path) -> anyhow::Result<FsyncProbe> {
    let path = directory.join("fsync-probe");
    let mut file = File::create(&path)?;
    let mut times_ms = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let start = Instant::now();
        file.write_all(&[b'.'; APPEND_BYTES])?;
        file.sync_data()?;
        times_ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(&path)?;
    times_ms.sort_by(f64::total_cmp);
    Ok(FsyncProbe { p50_ms: times_ms[APPENDS / 2], p99_ms: times_ms[APPENDS * 99 / 100] })
}
