//! Opening and creating the store's folder.
//!
//! A new store is built in a folder beside the wanted one and renamed, so that there is a whole store or none.
//!
//! A store of an earlier format gets the tables that it lacks, empty, before `store.json` names them. One that is killed in between is still
//! of the earlier format, which says nothing of the new tables, and the next opening finds or makes them.

use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fjall::PersistMode;
use tracing::info;

use super::commit_count::CommitCount;
use super::config::EmbeddedConfig;
use super::marker::{DATABASE, FORMAT, Marker};
use super::open_error::OpenError;
use super::rows;
use super::stage::COMMIT_KEY;
use super::tables::{Table, Tables, folders};

/// Takes the lock and opens the database, creating the store when the folder is missing or empty.
pub(super) fn open(config: &EmbeddedConfig) -> Result<(File, Tables), OpenError> {
    let path = &config.path;
    let lock = lock(path)?;
    if is_empty(path)? {
        if config.shards == 0 {
            return Err(OpenError::ShardMismatch { stored: 1, asked: 0 });
        }
        create(config, |_| Ok::<_, OpenError>(()))?;
        info!(path = %path.display(), shards = config.shards, "created a store");
    }
    let marker = Marker::read(path, config.shards)?;
    super::journal_check::check(&path.join(DATABASE))?;
    let tables = open_database(config)?;
    if marker.is_old() {
        upgrade(config, &marker, &tables)?;
    }
    Ok((lock, tables))
}

/// Opens the database of a store whose lock is held.
pub(super) fn open_database(config: &EmbeddedConfig) -> Result<Tables, OpenError> {
    let directory = config.path.join(DATABASE);
    // fjall panics on some kinds of damage.
    match catch_unwind(AssertUnwindSafe(|| Tables::open(&directory, config))) {
        Ok(Ok(tables)) => Ok(tables),
        Ok(Err(error)) => Err(explain(directory, error)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(OpenError::damaged(directory, text.unwrap_or_else(|| "fjall panicked".to_owned())))
        }
    }
}

/// Makes the tables durable that opening the database has added, and then says that they are there.
fn upgrade(config: &EmbeddedConfig, old: &Marker, tables: &Tables) -> Result<(), OpenError> {
    let path = &config.path;
    let directory = path.join(DATABASE);
    tables.sync().map_err(|error| explain(directory.clone(), error))?;
    sync_folder(&folders(&directory))?;
    marker_of(config, tables).replace(path)?;
    sync_folder(path)?;
    info!(path = %path.display(), from = old.format, to = FORMAT, "upgraded the store");
    Ok(())
}

fn marker_of(config: &EmbeddedConfig, tables: &Tables) -> Marker {
    Marker { format: FORMAT, shards: config.shards, tables: tables.folders() }
}

/// Builds a store beside the wanted path, lets `fill` write to it, and moves it there.
pub(super) fn create<T, E: From<OpenError>>(
    config: &EmbeddedConfig,
    fill: impl FnOnce(&Tables) -> Result<T, E>,
) -> Result<T, E> {
    let draft = sibling(&config.path, ".new");
    let tables = begin(config, &draft)?;
    let filled = fill(&tables)?;
    finish(config, &draft, tables)?;
    Ok(filled)
}

fn begin(config: &EmbeddedConfig, draft: &Path) -> Result<Tables, OpenError> {
    if draft.exists() {
        // Left behind by a creation that was interrupted; it was never a store.
        fs::remove_dir_all(draft).map_err(OpenError::io(draft))?;
    }
    fs::create_dir_all(draft).map_err(OpenError::io(draft))?;
    open_database(&EmbeddedConfig { path: draft.to_owned(), ..config.clone() })
}

fn finish(config: &EmbeddedConfig, draft: &Path, tables: Tables) -> Result<(), OpenError> {
    let path = &config.path;
    let directory = draft.join(DATABASE);
    let commits = match super::committer::read_commits(&tables) {
        Ok((commits, _)) => commits,
        Err(_) => {
            let mut batch = tables.database.batch();
            batch.insert(tables.keyspace(Table::Meta), COMMIT_KEY, &rows::two(0, 0)[..]);
            let written = batch.durability(Some(PersistMode::SyncAll)).commit();
            written.map_err(|error| explain(directory.clone(), error))?;
            0
        }
    };
    let marker = marker_of(config, &tables);
    tables.sync().map_err(|error| explain(directory, error))?;
    drop(tables);
    CommitCount::create(draft, commits)?;
    marker.write(draft)?;
    sync_folder(draft)?;
    fs::rename(draft, path).map_err(OpenError::io(path))?;
    sync_folder(parent(path))
}

/// Whether there is no folder, or nothing in it.
pub(super) fn is_empty(path: &Path) -> Result<bool, OpenError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(OpenError::Io { path: path.to_owned(), error }),
    }
}

/// Takes the lock, a file beside the store: it is there before the store is.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    fs::create_dir_all(parent(path)).map_err(OpenError::io(parent(path)))?;
    let name = sibling(path, ".lock");
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(OpenError::io(&name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::Io { path: name, error }),
    }
}

fn explain(directory: PathBuf, error: fjall::Error) -> OpenError {
    match error {
        fjall::Error::Locked => OpenError::Locked { path: directory },
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error))
            if !matches!(
                error.kind(),
                std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::NotFound | std::io::ErrorKind::InvalidData
            ) =>
        {
            OpenError::Io { path: directory, error }
        }
        other => OpenError::damaged(directory, other),
    }
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync_folder(path: &Path) -> Result<(), OpenError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(OpenError::io(path))
}
