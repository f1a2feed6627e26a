//! `store.json`: what the folder holds, readable before the database is touched.
//!
//! It names fjall's folder of each table, because fjall takes a table whose folder lost its manifest for one that was never
//! finished, deletes it and starts it empty.
//!
//! Format 2 has the table `push`. A store of an earlier format lacks some tables; opening it makes them (see `opening`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::open_error::OpenError;
use super::tables::{Table, folder};

/// The format that this release writes.
pub(super) const FORMAT: u32 = 4;

/// Name of the file.
pub(super) const FILE: &str = "store.json";

/// What it is written as before it takes the place of an earlier one.
const DRAFT: &str = "store.json.new";

/// Name of the database's folder beside it.
pub(super) const DATABASE: &str = "tables";

/// Contents of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    pub(super) format: u32,
    pub(super) shards: u16,
    /// Table name → number of fjall's folder.
    pub(super) tables: BTreeMap<String, u64>,
}

/// Only the format, which every future version keeps.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl Marker {
    /// Reads the file and compares it with what is asked for and what is there.
    pub(super) fn read(path: &Path, shards: u16) -> Result<Self, OpenError> {
        let file = path.join(FILE);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(OpenError::Damaged {
                    file,
                    reason: "missing, though the folder is not empty".to_owned(),
                    advice: "choose an empty folder for a new store, or restore the latest backup",
                });
            }
            Err(error) => return Err(OpenError::Io { path: file, error }),
        };
        let format: FormatOnly = serde_json::from_slice(&text).map_err(|error| OpenError::damaged(&file, error))?;
        if format.format > FORMAT {
            return Err(OpenError::NewerFormat { found: format.format, known: FORMAT });
        }
        let marker: Self = serde_json::from_slice(&text).map_err(|error| OpenError::damaged(&file, error))?;
        if marker.shards != shards {
            return Err(OpenError::ShardMismatch { stored: marker.shards, asked: shards });
        }
        marker.check_folders(path)?;
        Ok(marker)
    }

    /// Whether an earlier release wrote it, so that tables may be missing.
    pub(super) fn is_old(&self) -> bool {
        self.format < FORMAT
    }

    /// Puts the file in the place of an earlier one: whoever looks finds one of the two. The caller makes the folder durable.
    pub(super) fn replace(&self, path: &Path) -> Result<(), OpenError> {
        let (draft, file) = (path.join(DRAFT), path.join(FILE));
        self.write_as(&draft)?;
        fs::rename(&draft, &file).map_err(OpenError::io(&file))
    }

    /// Writes the file; the caller makes the folder durable.
    pub(super) fn write(&self, path: &Path) -> Result<(), OpenError> {
        self.write_as(&path.join(FILE))
    }

    fn write_as(&self, file: &Path) -> Result<(), OpenError> {
        use std::io::Write as _;
        let text = serde_json::to_vec_pretty(self).map_err(|error| OpenError::damaged(file, error))?;
        let write = || {
            let mut handle = fs::File::create(file)?;
            handle.write_all(&text)?;
            handle.sync_all()
        };
        write().map_err(OpenError::io(file))
    }

    fn check_folders(&self, path: &Path) -> Result<(), OpenError> {
        let database = path.join(DATABASE);
        if !database.join("version").is_file() {
            return Err(OpenError::damaged(database.join("version"), "missing"));
        }
        // fjall's own table of tables has number 0.
        let mut folders = vec![("fjall's own".to_owned(), 0)];
        for table in Table::ALL.iter().filter(|table| table.since() <= self.format) {
            let number = self
                .tables
                .get(table.name())
                .ok_or_else(|| OpenError::damaged(path.join(FILE), format!("table {} is not listed", table.name())))?;
            folders.push((table.name().to_owned(), *number));
        }
        for (name, number) in folders {
            let manifest = folder(&database, number).join("current");
            if !manifest.is_file() {
                return Err(OpenError::damaged(manifest, format!("missing; table {name} cannot be read")));
            }
        }
        Ok(())
    }
}
