//! A store in a folder of its own, with a clock that tests turn.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use longwave_persistence::Store;
use longwave_persistence::contract::sample::now;
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use tempfile::TempDir;

/// A folder for stores.
pub(crate) struct Bench {
    folder: TempDir,
    clock: Arc<AtomicU64>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: Arc::new(AtomicU64::new(now())) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) fn config(&self) -> EmbeddedConfig {
        self.config_at(&self.path())
    }

    pub(crate) fn config_at(&self, path: &Path) -> EmbeddedConfig {
        let clock = self.clock.clone();
        let mut config = EmbeddedConfig::new(path);
        config.shards = 4;
        config.free_space_mark = 0;
        config.clock = Arc::new(move || clock.load(Ordering::Relaxed));
        config
    }

    pub(crate) fn open(&self) -> Arc<Embedded> {
        Arc::new(Embedded::open(self.config()).unwrap())
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    pub(crate) fn pass(&self, millis: u64) {
        self.clock.fetch_add(millis, Ordering::Relaxed);
    }

    /// Copies a store as it lies on the disk while it is open, as a kill of the process would leave it.
    pub(crate) fn copy_from(&self, from: &Path, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        copy_folder(from, &copy);
        copy
    }
}

pub(crate) fn any(store: &Arc<Embedded>) -> Arc<dyn Store> {
    store.clone()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            copy_sparse(&entry.path(), &target).unwrap();
        }
    }
}

/// fjall allocates its log in advance; the zeros need no place in a copy.
fn copy_sparse(from: &Path, to: &Path) -> std::io::Result<()> {
    let bytes = std::fs::read(from)?;
    let copy = std::fs::File::create(to)?;
    copy.set_len(bytes.len() as u64)?;
    const BLOCK: usize = 1 << 16;
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        if block != &[0; BLOCK][..block.len()] {
            copy.write_all_at(block, (number * BLOCK) as u64)?;
        }
    }
    Ok(())
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}
