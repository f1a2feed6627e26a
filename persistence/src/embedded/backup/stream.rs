//! Blocks of a backup: kind, length, checksum, body.

use std::io::{self, BufReader, BufWriter, Read, Write};

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use super::BackupError;

const MAGIC: &[u8; 8] = b"LWBACKUP";

/// The first block.
pub(super) const HEADER: u8 = 1;
/// The rows that follow belong to this table.
pub(super) const TABLE: u8 = 2;
/// Length of the key, key, row.
pub(super) const ROW: u8 = 3;
/// The last block.
pub(super) const TRAILER: u8 = 4;

/// Larger than any row can be; a greater length is damage, not a reason to allocate.
const LONGEST: u32 = 64 * 1024 * 1024;

/// Writes blocks.
pub(super) struct BlockWriter<'a>(BufWriter<&'a mut dyn Write>);

impl<'a> BlockWriter<'a> {
    pub(super) fn new(output: &'a mut dyn Write) -> io::Result<Self> {
        let mut writer = BufWriter::with_capacity(1 << 18, output);
        writer.write_all(MAGIC)?;
        Ok(Self(writer))
    }

    pub(super) fn block(&mut self, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).map_err(io::Error::other)?;
        self.0.write_all(&[kind])?;
        self.0.write_all(&length.to_be_bytes())?;
        self.0.write_all(&checksum(kind, parts).to_be_bytes())?;
        parts.iter().try_for_each(|part| self.0.write_all(part))
    }

    pub(super) fn json(&mut self, kind: u8, value: &impl Serialize) -> io::Result<()> {
        let body = serde_json::to_vec(value).map_err(io::Error::other)?;
        self.block(kind, &[&body])
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads blocks and refuses damaged ones.
pub(super) struct BlockReader<'a>(BufReader<&'a mut dyn Read>);

impl<'a> BlockReader<'a> {
    pub(super) fn new(input: &'a mut dyn Read) -> Result<Self, BackupError> {
        let mut reader = Self(BufReader::with_capacity(1 << 18, input));
        let mut magic = [0; MAGIC.len()];
        reader.fill(&mut magic)?;
        if &magic != MAGIC {
            return Err(BackupError::Damaged("this is no backup of a longwave store".to_owned()));
        }
        Ok(reader)
    }

    pub(super) fn next(&mut self) -> Result<(u8, Vec<u8>), BackupError> {
        let mut head = [0; 13];
        self.fill(&mut head)?;
        let kind = head[0];
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        if length > LONGEST {
            return Err(BackupError::Damaged(format!("a block of {length} bytes")));
        }
        let mut body = vec![0; length as usize];
        self.fill(&mut body)?;
        if checksum(kind, &[&body]).to_be_bytes() != head[5..] {
            return Err(BackupError::Damaged("the checksum of a block is wrong".to_owned()));
        }
        Ok((kind, body))
    }

    /// Nothing may follow the trailer: two files in one are not what was asked for.
    pub(super) fn end(&mut self) -> Result<(), BackupError> {
        match self.0.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(BackupError::Damaged("something follows its trailer".to_owned())),
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), BackupError> {
        match self.0.read_exact(buffer) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(BackupError::Damaged("it ends before its trailer".to_owned()))
            }
            other => Ok(other?),
        }
    }
}

fn checksum(kind: u8, parts: &[&[u8]]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&[kind]);
    parts.iter().for_each(|part| hash.update(part));
    hash.digest()
}
