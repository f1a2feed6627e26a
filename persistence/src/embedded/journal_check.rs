//! Reads fjall's write-ahead log before fjall does.
//!
//! fjall takes whatever it cannot parse for the torn tail of a crash, cuts it off and goes on, also in the middle of a log and in logs that
//! were closed in good order. Here only the newest log may have a torn tail, and nothing whole may follow it: every commit is
//! synced before the next one begins. The layout is that of fjall 3: batches of start, items, end with a checksum; zeros behind.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::open_error::OpenError;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: &[u8] = b"FJL\x03";

/// Checks all write-ahead logs of a database.
pub(super) fn check(database: &Path) -> Result<(), OpenError> {
    let mut logs = logs(database).map_err(OpenError::io(database))?;
    let gap = logs.windows(2).find(|pair| pair[0].0 + 1 != pair[1].0);
    if let Some([(before, _), _]) = gap {
        return Err(OpenError::damaged(database.join(format!("{}.jnl", before + 1)), "missing"));
    }
    let Some(newest) = logs.pop() else {
        return Err(OpenError::damaged(database.join("*.jnl"), "there is no write-ahead log"));
    };
    for (_, log) in &logs {
        check_log(log, false)?;
    }
    check_log(&newest.1, true)
}

/// Number of the newest write-ahead log.
pub(super) fn newest(database: &Path) -> io::Result<u64> {
    let newest = logs(database)?.pop().ok_or_else(|| io::Error::other("there is no write-ahead log"))?;
    Ok(newest.0)
}

fn check_log(path: &Path, may_be_torn: bool) -> Result<(), OpenError> {
    let mut log = LogReader::open(path).map_err(OpenError::io(path))?;
    let end = loop {
        let start = log.position;
        match log.batch() {
            Ok(true) => {}
            Ok(false) => break start,
            Err(error) => return Err(OpenError::Io { path: path.to_owned(), error }),
        }
    };
    let damage = |what: &str| OpenError::damaged(path, format!("{what} at byte {end}"));
    if log.only_zeros_from(end).map_err(OpenError::io(path))? {
        return Ok(());
    }
    if !may_be_torn {
        return Err(damage("not a valid batch"));
    }
    if log.whole_batch_behind(end).map_err(OpenError::io(path))? {
        return Err(damage("not a valid batch, though valid ones follow"));
    }
    Ok(())
}

fn logs(database: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(database)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".jnl"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            logs.push((number, path));
        }
    }
    logs.sort_unstable();
    Ok(logs)
}

struct LogReader {
    reader: BufReader<File>,
    position: u64,
    length: u64,
    scratch: Vec<u8>,
}

impl LogReader {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { reader: BufReader::with_capacity(1 << 18, file), position: 0, length, scratch: Vec::new() })
    }

    /// Reads one batch; `false` when there is no valid one here.
    fn batch(&mut self) -> io::Result<bool> {
        match self.whole_batch() {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            other => other,
        }
    }

    fn whole_batch(&mut self) -> io::Result<bool> {
        let start = self.take::<13>()?;
        if start[0] != START {
            return Ok(false);
        }
        let count = u32::from_le_bytes([start[1], start[2], start[3], start[4]]);
        let mut hash = Xxh3::new();
        for _ in 0..count {
            match self.take::<1>()?[0] {
                ITEM => {
                    let head = self.take::<20>()?;
                    hash.update(&[ITEM]);
                    hash.update(&head);
                    let key = u64::from(u16::from_le_bytes([head[10], head[11]]));
                    let value = u64::from(u32::from_le_bytes([head[16], head[17], head[18], head[19]]));
                    self.hash(key + value, &mut hash)?;
                }
                CLEAR => {
                    hash.update(&[CLEAR]);
                    hash.update(&self.take::<8>()?);
                }
                _ => return Ok(false),
            }
        }
        let end = self.take::<13>()?;
        Ok(end[0] == END && end[1..9] == hash.digest().to_le_bytes() && &end[9..] == TRAILER)
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.position += N as u64;
        Ok(bytes)
    }

    fn hash(&mut self, length: u64, hash: &mut Xxh3) -> io::Result<()> {
        if length > self.length.saturating_sub(self.position) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Shorter than the file, so it fits.
        self.scratch.resize(usize::try_from(length).map_err(io::Error::other)?, 0);
        self.reader.read_exact(&mut self.scratch)?;
        hash.update(&self.scratch);
        self.position += length;
        Ok(())
    }

    fn seek(&mut self, position: u64) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(position))?;
        self.position = position;
        Ok(())
    }

    fn only_zeros_from(&mut self, position: u64) -> io::Result<bool> {
        const ZEROS: &[u8] = &[0; 1 << 16];
        self.seek(position)?;
        let mut block = vec![0; ZEROS.len()];
        loop {
            let read = self.reader.read(&mut block)?;
            if read == 0 {
                return Ok(true);
            }
            if block[..read] != ZEROS[..read] {
                return Ok(false);
            }
        }
    }

    /// Whether a valid batch follows somewhere behind a damaged one.
    fn whole_batch_behind(&mut self, position: u64) -> io::Result<bool> {
        self.seek(position)?;
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest)?;
        let mut at = 0;
        while let Some(found) = rest[at..].windows(TRAILER.len()).position(|window| window == TRAILER) {
            at += found + TRAILER.len();
            self.seek(position + at as u64)?;
            if self.batch()? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
