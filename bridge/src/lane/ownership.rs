//! Whether a lane owns its shard, and what becomes of it when another takes the shard.
//!
//! Where this process is the only one, a lane takes its shard at the start, and again should anybody else have taken it. Among several, it
//! takes the shard when it is told to or when something is asked of it, and gives everything back when another has taken the shard: to
//! fight for it would only make both slow. Who should own a shard is decided by those who ask.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use crate::lane::Lane;
use crate::lane::batch::{Batch, Verdict};
use crate::lane::commit::Pauses;
use crate::lane::request::Request;

/// For so long after a shard was lost, only who is told to take it does: what is asked meanwhile was sent before the news got round.
const GRACE: Duration = Duration::from_millis(200);

/// How old an owner's last proof of its ownership may be when it lets others read (protocol rule 3).
const CONFIRMED: Duration = Duration::from_secs(2);

/// An idle owner looks so often whether it is one.
const LOOK: Duration = Duration::from_secs(30);

/// When lanes take their shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ownership {
    /// At the start, and for as long as the process runs: it is the only one.
    #[default]
    Always,
    /// When asked: other processes may own the shard as well.
    OnDemand,
}

/// A lane's hold on its shard.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// When an append or a read last showed that the shard is owned.
    confirmed: Option<Instant>,
    lost: Option<Instant>,
}

impl Hold {
    pub(super) fn is_owned(&self) -> bool {
        self.confirmed.is_some()
    }

    /// The shard is owned, as the store says.
    pub(super) fn confirm(&mut self) {
        self.confirmed = Some(Instant::now());
        self.lost = None;
    }

    fn lose(&mut self) {
        (self.confirmed, self.lost) = (None, Some(Instant::now()));
    }

    /// Whether the shard was lost a moment ago.
    fn was_lost_lately(&self) -> bool {
        self.lost.is_some_and(|lost| lost.elapsed() < GRACE)
    }

    fn is_older_than(&self, age: Duration) -> bool {
        self.confirmed.is_none_or(|confirmed| confirmed.elapsed() >= age)
    }
}

impl Lane {
    /// Takes the shard if the backlog asks for that, or gives the backlog back. Whether the shard is owned.
    pub(super) async fn hold(&mut self) -> bool {
        if self.hold.is_owned() {
            return true;
        }
        let is_told = self.backlog.iter().any(|request| matches!(request, Request::Own));
        let is_asked = self.backlog.iter().any(|request| !matches!(request, Request::Stop));
        if is_told || is_asked && !self.hold.was_lost_lately() {
            self.take_over().await;
            return true;
        }
        for request in std::mem::take(&mut self.backlog) {
            self.give_back(request);
        }
        false
    }

    /// Another owner has the shard: takes it back, or gives everything up that was asked of this one.
    pub(super) async fn lost(&mut self, batch: Batch) {
        if self.parts.ownership == Ownership::Always {
            return self.start_over(batch).await;
        }
        info!(shard = %self.shard, "the shard has another owner");
        self.queue_rest();
        for (request, verdict) in batch.decided {
            if matches!(verdict, Verdict::Superseded) { drop(request) } else { self.give_back(request) }
        }
        for request in std::mem::take(&mut self.backlog) {
            self.give_back(request);
        }
        self.absent_conversations.clear();
        self.memory.clear();
        self.hand_over = None;
        self.hold.lose();
        self.parts.stats.owned.fetch_sub(1, Relaxed);
        self.parts.owned.set(self.shard, false);
    }

    /// An idle owner finds out that another has taken the shard.
    pub(super) async fn look(&mut self) {
        if self.parts.ownership == Ownership::OnDemand
            && self.hold.is_owned()
            && self.hold.is_older_than(LOOK)
            && let Ok(epoch) = self.parts.store.epoch(self.shard).await
        {
            if epoch == self.epoch { self.hold.confirm() } else { self.lost(Batch::default()).await }
        }
    }

    fn give_back(&mut self, request: Request) {
        if matches!(request, Request::Stop) { self.stopping = true } else { request.moved() }
    }

    fn queue_rest(&mut self) {
        while let Ok(request) = self.queue.try_recv() {
            self.backlog.push_back(request);
        }
    }

    /// Makes sure that the shard is still owned, before anybody is told what rests on memory alone. A refusal always has to be proved: an
    /// owner that only refuses appends nothing, and so no fence would ever tell it that another has changed what it refuses for.
    pub(super) async fn confirm(&mut self, batch: Batch) -> Option<Batch> {
        let refuses = |verdict: &Verdict| matches!(verdict, Verdict::Refused(_) | Verdict::Already);
        let reads = |request: &Request| matches!(request, Request::Look { .. } | Request::Read(_));
        let must = batch.decided.iter().any(|(_, verdict)| refuses(verdict));
        let should = self.hold.is_older_than(CONFIRMED) && batch.decided.iter().any(|(request, _)| reads(request));
        if !must && !should {
            return Some(batch);
        }
        let mut pauses = Pauses::new();
        let epoch = loop {
            match self.parts.store.epoch(self.shard).await {
                Ok(epoch) => break epoch,
                Err(error) => pauses.pause(&error, "reading an epoch").await,
            }
        };
        if epoch == self.epoch {
            self.hold.confirm();
            return Some(batch);
        }
        warn!(shard = %self.shard, "another owner has taken the shard unnoticed");
        self.lost(batch).await;
        None
    }
}
