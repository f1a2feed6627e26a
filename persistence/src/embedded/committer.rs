//! The one thread that writes: drain the queue, one batch, one sync, answer everybody.
//!
//! It is also the store's supervisor. fjall accepts no write after a failed one, and the failed batch may be in its log all the same. So nobody
//! is told "applied", every handle is dropped, and the store is opened again and its heads read anew; meanwhile everybody
//! is told "unavailable".

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fjall::PersistMode;
use longwave_model::ShardId;
use tokio::sync::mpsc::{Receiver, error::TryRecvError};
use tracing::{error, info, warn};

use super::commit_count::CommitCount;
use super::open_error::OpenError;
use super::request::{Completion, Request};
use super::rows::{self, Statics};
use super::shared::Shared;
use super::space::free_bytes;
use super::stage::{Boot, COMMIT_KEY, Stage};
use super::tables::{Table, Tables, damaged};
use crate::error::StoreError;

/// Requests of one commit at most; also bounds how long the first of them waits for the rest to be evaluated.
const REQUESTS: usize = 1024;

/// First wait before the store is opened again; doubled up to the configured longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(20);

/// State of the commit thread.
pub(super) struct Committer {
    shared: Arc<Shared>,
    queue: Receiver<Request>,
    statics: Vec<Statics>,
    commits: u64,
    count: CommitCount,
    boot: Boot,
    #[cfg(feature = "fault-injection")]
    fault: super::fault::Fault,
}

impl Committer {
    pub(super) fn new(
        shared: Arc<Shared>,
        queue: Receiver<Request>,
        tables: &Arc<Tables>,
        boot: Boot,
    ) -> Result<Self, OpenError> {
        let unreadable = |error: StoreError| OpenError::damaged(shared.database(), error);
        let statics = read_statics(tables, shared.config.shards).map_err(unreadable)?;
        let (commits, _) = read_commits(tables).map_err(unreadable)?;
        let count = CommitCount::open(&shared.config.path, commits)?;
        Ok(Self {
            #[cfg(feature = "fault-injection")]
            fault: super::fault::Fault::new(&shared.config.path),
            shared,
            queue,
            statics,
            commits,
            count,
            boot,
        })
    }

    /// Runs until every sender is gone; then the database is closed.
    pub(super) fn run(mut self) {
        let mut requests = Vec::with_capacity(REQUESTS);
        while self.queue.blocking_recv_many(&mut requests, REQUESTS) > 0 {
            // A panic inside fjall drops the waiters, who take that for "unknown".
            let commit = catch_unwind(AssertUnwindSafe(|| self.commit(requests.drain(..))));
            let failure = match commit {
                Ok(Ok(())) => continue,
                Ok(Err(failure)) => failure.to_string(),
                Err(_) => "a panic inside the database".to_owned(),
            };
            error!(error = failure, "a commit failed; opening the store again");
            requests.clear();
            if !self.reopen(&failure) {
                break;
            }
        }
        self.shared.close("the store is closed");
    }

    fn commit(&mut self, requests: impl Iterator<Item = Request>) -> Result<(), fjall::Error> {
        let started = Instant::now();
        let tables = match self.shared.tables() {
            Ok(tables) => tables,
            Err(error) => {
                requests.for_each(|request| request.refuse(error.clone()));
                return Ok(());
            }
        };
        let full = self.disk_full();
        let mut statics = self.statics.clone();
        let mut stage = Stage::new(&tables, &mut statics, (self.shared.config.clock)(), self.boot);
        let mut completions = Vec::new();
        for request in requests {
            match &full {
                Some(full) if !request.is_modest() => {
                    self.shared.stats.refused();
                    request.refuse(full.clone());
                }
                _ => completions.extend(stage.evaluate(request)),
            }
        }
        if stage.is_empty() {
            completions.into_iter().for_each(Completion::succeed);
            return Ok(());
        }
        let (entries, answered) = (stage.entries, completions.len() as u64);
        #[cfg(feature = "fault-injection")]
        let mode = if self.fault.acks_before_sync() { PersistMode::Buffer } else { PersistMode::SyncData };
        #[cfg(not(feature = "fault-injection"))]
        let mode = PersistMode::SyncData;
        if let Err(failure) = stage.commit(self.commits + 1, Some(mode)) {
            let unknown = StoreError::Unavailable(format!("a commit failed: {failure}").into());
            completions.into_iter().for_each(|completion| completion.fail(unknown.clone()));
            return Err(failure);
        }
        self.commits += 1;
        self.statics = statics;
        // Before anybody is answered, or a harness that kills between the two would cut off what was acknowledged.
        #[cfg(feature = "fault-injection")]
        if !self.fault.acks_before_sync() {
            self.fault.synced();
        }
        completions.into_iter().for_each(Completion::succeed);
        self.shared.stats.committed(answered, entries, started.elapsed());
        #[cfg(feature = "fault-injection")]
        if self.fault.acks_before_sync() {
            if !self.fault.sync_is_due() {
                return Ok(());
            }
            tables.database.persist(PersistMode::SyncData)?;
            self.fault.synced();
        }
        if let Err(error) = self.count.write(self.commits) {
            warn!(%error, "cannot write the commit count");
        }
        tables.seal_large_memtables()
    }

    fn disk_full(&self) -> Option<StoreError> {
        // A file system that cannot be asked is found out by the commit.
        let free = free_bytes(&self.shared.config.path).unwrap_or(u64::MAX);
        self.shared.stats.free(free);
        let mark = self.shared.config.free_space_mark;
        (free < mark).then_some(StoreError::DiskFull { free, mark })
    }

    /// Drops all handles and opens the store again, for as long as it takes. `false` when the store is being closed.
    fn reopen(&mut self, reason: &str) -> bool {
        self.shared.close(reason);
        let unavailable = StoreError::Unavailable(format!("being opened again after: {reason}").into());
        let mut wait = FIRST_BACKOFF;
        loop {
            let until = Instant::now() + wait;
            while Instant::now() < until {
                match self.queue.try_recv() {
                    Ok(request) => {
                        self.shared.stats.refused();
                        request.refuse(unavailable.clone());
                    }
                    Err(TryRecvError::Empty) => std::thread::sleep(Duration::from_millis(5)),
                    Err(TryRecvError::Disconnected) => return false,
                }
            }
            match self.open_again() {
                Ok(()) => {
                    self.shared.stats.reopened();
                    info!("the store is open again");
                    return true;
                }
                Err(error) => warn!(%error, "the store does not open yet"),
            }
            wait = (wait * 2).min(self.shared.config.reopen_backoff);
        }
    }

    fn open_again(&mut self) -> Result<(), OpenError> {
        let tables = Arc::new(super::opening::open_database(&self.shared.config)?);
        let unreadable = |error: StoreError| OpenError::damaged(self.shared.database(), error);
        let (commits, _) = read_commits(&tables).map_err(unreadable)?;
        if commits < self.commits {
            return Err(OpenError::damaged(
                self.shared.database(),
                format!("{} commits were acknowledged, only {commits} can be read back", self.commits),
            ));
        }
        self.statics = read_statics(&tables, self.shared.config.shards).map_err(unreadable)?;
        self.commits = commits;
        self.shared.open(tables);
        Ok(())
    }
}

fn read_statics(tables: &Arc<Tables>, shards: u16) -> Result<Vec<Statics>, StoreError> {
    let view = tables.view();
    (0..shards).map(|shard| view.statics(ShardId(shard))).collect()
}

/// How many commits there were, and when the last one was.
pub(super) fn read_commits(tables: &Tables) -> Result<(u64, u64), StoreError> {
    let row = tables.get(Table::Meta, COMMIT_KEY)?.ok_or_else(|| damaged(Table::Meta, "no commit count"))?;
    rows::parse_two(&row).ok_or_else(|| damaged(Table::Meta, "the commit count is no number"))
}
