//! The open database: fjall's handles by table.
//!
//! Only the supervisor keeps one of these for long. Readers borrow it for one read, so that after a failed commit all handles can
//! be dropped; fjall gives its lock back only then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fjall::{AbstractTree as _, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Slice, Snapshot};
use longwave_model::ShardId;

use super::config::EmbeddedConfig;
use super::keys;
use super::rows::Statics;
use crate::error::StoreError;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $memtable:literal;)*) => {
        /// The tables. Their order is the order of a backup.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(super) enum Table { $($(#[$doc])* $name,)* }

        impl Table {
            pub(super) const ALL: &'static [Table] = &[$(Table::$name,)*];

            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Bytes of rows kept in memory before they are written as a sorted file.
            fn memtable_bytes(self) -> u64 {
                match self { $(Self::$name => $memtable * 1024 * 1024,)* }
            }

            pub(super) fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|table| table.name() == name)
            }
        }
    };
}

tables! {
    /// The commit counter and the shards' statics.
    Meta = "meta", 1;
    /// (shard, last position) → pointers to log rows.
    Journal = "journal", 2;
    /// (conversation, seq) → entry.
    Log = "log", 8;
    /// (conversation, sender, message id) → seq, ts.
    Dedup = "dedup", 2;
    /// conversation → last seq.
    Head = "head", 4;
    /// conversation → floor, and how far rows below it are deleted.
    Floor = "floor", 1;
    /// (expires at, conversation, seq) → nothing: what the sweeper has to look at, and when.
    Expiry = "expiry", 1;
    /// (user, conversation) → membership. Heads are read where they are: a raise per member would only copy them.
    Inbox = "inbox", 1;
    /// (user, device, conversation) → seq.
    Cursor = "cursor", 1;
    /// (conversation, user) → delivered, read, ts.
    Mark = "mark", 1;
    /// conversation → facts.
    Conversation = "conversation", 1;
    /// (conversation, user) → membership with role.
    Member = "member", 1;
    /// (user, device) → session.
    Session = "session", 1;
    /// key → version, value.
    Register = "register", 1;
    /// (user, device, conversation) → how the latest push ended.
    Push = "push", 1;
    /// topic → retained message.
    Retained = "retained", 1;
    /// (user, device) → will of a device that is connected, or was until lately.
    Will = "will", 1;
    /// number → message on a plain topic that waits for sessions.
    PlainLog = "plain-log", 8;
    /// (filter, number) → bytes of the message.
    PlainReference = "plain-reference", 2;
    /// (user, device, kind of fact, what it is about) → fact about a session on plain topics.
    PlainFact = "plain-fact", 1;
}

impl Table {
    /// The first format of the store that has it.
    pub(super) fn since(self) -> u32 {
        match self {
            Self::Push => 2,
            Self::Retained | Self::Will => 3,
            Self::PlainLog | Self::PlainReference | Self::PlainFact => 4,
            _ => 1,
        }
    }
}

/// The handles. Dropping the last `Arc` closes the database.
pub(super) struct Tables {
    pub(super) database: Database,
    keyspaces: Vec<Keyspace>,
    retired: AtomicBool,
}

impl Tables {
    /// Opens, or creates what is missing.
    pub(super) fn open(directory: &Path, config: &EmbeddedConfig) -> fjall::Result<Self> {
        let database = Database::builder(directory)
            .cache_size(config.cache_bytes)
            .max_journaling_size(config.journal_bytes.max(MIN_JOURNAL_BYTES))
            .manual_journal_persist(true)
            .worker_threads(WORKERS)
            .open()?;
        let keyspaces =
            Table::ALL.iter().map(|table| database.keyspace(table.name(), options)).collect::<fjall::Result<_>>()?;
        Ok(Self { database, keyspaces, retired: AtomicBool::new(false) })
    }

    pub(super) fn keyspace(&self, table: Table) -> &Keyspace {
        &self.keyspaces[table as usize]
    }

    /// One row as it is now.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        self.keyspace(table).get(key).map_err(|error| read_error(table, &error))
    }

    /// All tables as of one commit.
    pub(super) fn view(self: &Arc<Self>) -> View {
        View { snapshot: self.database.snapshot(), tables: self.clone() }
    }

    /// Writes all rows in memory as sorted files.
    pub(super) fn write_sorted_files(&self) -> Result<(), StoreError> {
        let failed = |error: fjall::Error| StoreError::Unavailable(error.to_string().into());
        self.keyspaces.iter().try_for_each(|keyspace| keyspace.rotate_memtable_and_wait().map_err(failed))
    }

    /// Seals the rows in memory of each table that has enough of them, so that a worker writes them as a sorted file. Only for
    /// the commit thread, between two commits: then fjall's journal lock is free.
    pub(super) fn seal_large_memtables(&self) -> fjall::Result<()> {
        for table in Table::ALL {
            let keyspace = self.keyspace(*table);
            if keyspace.tree.active_memtable().size() >= table.memtable_bytes() {
                keyspace.rotate_memtable()?;
            }
        }
        Ok(())
    }

    /// fjall's number of each table's folder.
    pub(super) fn folders(&self) -> BTreeMap<String, u64> {
        Table::ALL.iter().map(|table| (table.name().to_owned(), self.keyspace(*table).id())).collect()
    }

    /// Makes the contents of all files durable, for creation, upgrade and restore.
    pub(super) fn sync(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncAll)
    }

    /// Tells long readers (backup, audit) to let go.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }
}

/// All tables as of one commit.
pub(super) struct View {
    snapshot: Snapshot,
    tables: Arc<Tables>,
}

impl View {
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        self.snapshot.get(self.tables.keyspace(table), key).map_err(|error| read_error(table, &error))
    }

    /// A shard's fence and watermarks.
    pub(super) fn statics(&self, shard: ShardId) -> Result<Statics, StoreError> {
        match self.get(Table::Meta, &keys::shard(shard))? {
            Some(row) => Statics::decode(&row).ok_or_else(|| damaged(Table::Meta, format!("shard {shard}"))),
            None => Ok(Statics::EMPTY),
        }
    }

    /// Rows whose keys begin with `prefix`, in order.
    pub(super) fn prefix(&self, table: Table, prefix: &[u8]) -> Rows<'_> {
        Rows { table, view: self, inner: self.snapshot.prefix(self.tables.keyspace(table), prefix) }
    }

    /// Rows from `first` to `last`, both included, in order.
    pub(super) fn range(&self, table: Table, first: &[u8], last: &[u8]) -> Rows<'_> {
        let inner = self.snapshot.range::<&[u8], _>(self.tables.keyspace(table), first..=last);
        Rows { table, view: self, inner }
    }

    /// Rows after `after`, in order.
    pub(super) fn after(&self, table: Table, after: &[u8]) -> Rows<'_> {
        use std::ops::Bound;
        let bounds = (Bound::Excluded(after), Bound::Unbounded);
        Rows { table, view: self, inner: self.snapshot.range::<&[u8], _>(self.tables.keyspace(table), bounds) }
    }
}

/// An iterator over rows, from either end.
pub(super) struct Rows<'a> {
    table: Table,
    view: &'a View,
    inner: fjall::Iter,
}

impl Rows<'_> {
    fn row(&self, guard: fjall::Guard) -> Result<(Slice, Slice), StoreError> {
        if self.view.tables.retired.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("the store is being opened again".into()));
        }
        guard.into_inner().map_err(|error| read_error(self.table, &error))
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<(Slice, Slice), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.inner.next().map(|guard| self.row(guard))
    }
}

impl DoubleEndedIterator for Rows<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.inner.next_back().map(|guard| self.row(guard))
    }
}

/// A row that does not decode.
pub(super) fn damaged(table: Table, reason: impl Into<Arc<str>>) -> StoreError {
    StoreError::Damaged { table: table.name(), reason: reason.into() }
}

/// Where fjall's folders of the tables are.
pub(super) fn folders(directory: &Path) -> PathBuf {
    directory.join("keyspaces")
}

/// fjall's folder of a table inside the database folder.
pub(super) fn folder(directory: &Path, keyspace: u64) -> PathBuf {
    folders(directory).join(keyspace.to_string())
}

/// With more than one worker fjall lets the first one spin while another compacts (it puts the job back into the queue and takes it
/// out again): half a core on a loaded machine.
const WORKERS: usize = 1;

/// Where fjall itself asks for a memtable to be sealed. It asks at every commit until it is done, and each time a worker has
/// to wait for the lock that the commit thread holds nearly always: at full load the queue is seconds long, and the memtable grows all that
/// time. So this is above what the commit thread lets happen, and serves only where there is none (restore).
const FJALL_MEMTABLE_BYTES: u64 = 64 * 1024 * 1024;

// fjall refuses less.
const MIN_JOURNAL_BYTES: u64 = 64 * 1024 * 1024;

fn options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(FJALL_MEMTABLE_BYTES).manual_journal_persist(true)
}

fn read_error(table: Table, error: &fjall::Error) -> StoreError {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error))
            if error.kind() != std::io::ErrorKind::UnexpectedEof && error.kind() != std::io::ErrorKind::NotFound =>
        {
            StoreError::Unavailable(format!("reading table {}: {error}", table.name()).into())
        }
        other => damaged(table, other.to_string()),
    }
}
