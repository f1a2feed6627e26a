//! What a push worker takes out of the streams that bridges fill, and gives back when it is done.
//!
//! Each shard is read by one worker, which all of them choose alike (rendezvous hashing over those that are there), so that pushes of one
//! conversation wait in one place. A choice that is wrong for a moment sends nothing twice: what is recorded is recorded for all. What a
//! worker that died has read is claimed after some seconds (protocol rule 23).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use longwave_model::{NodeId, ShardId};
use longwave_persistence::redis::{NodeRecord, NodeRole, Redis, StreamId};
use longwave_port::{PushSink, PushTicket};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};
use xxhash_rust::xxh3::xxh3_64;

use crate::push_item::{self, Handed, Read};

/// Items of one reading, per shard.
const AT_ONCE: usize = 32;
/// Pauses between readings that brought nothing: from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);
/// An item that was read so long ago and is not done may be another worker's that died.
const IDLE: Duration = Duration::from_secs(15);
/// How often such are looked for.
const CLAIM: Duration = Duration::from_secs(5);
/// Items of one claim.
const CLAIMED: usize = 256;
/// Items given back at once.
const DONE: usize = 1_024;

/// One item: its shard and its place.
type Place = (u16, StreamId);

/// The work of one worker. Dropping it stops reading, and gives nothing back any more.
pub struct PushWork {
    tasks: [AbortHandle; 2],
}

impl PushWork {
    /// Starts it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(
        redis: Redis,
        node: NodeId,
        shards: u16,
        nodes: watch::Receiver<Vec<NodeRecord>>,
        sink: Arc<dyn PushSink>,
    ) -> Self {
        let (done, given_back) = mpsc::unbounded_channel();
        let held = Arc::new(Mutex::new(HashSet::new()));
        let reader = Reader { redis: redis.clone(), node, shards, nodes, sink, done, held: held.clone() };
        let tasks = [
            tokio::spawn(reader.run()).abort_handle(),
            tokio::spawn(give_back(redis, given_back, held)).abort_handle(),
        ];
        Self { tasks }
    }
}

impl Drop for PushWork {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

struct Reader {
    redis: Redis,
    node: NodeId,
    shards: u16,
    nodes: watch::Receiver<Vec<NodeRecord>>,
    sink: Arc<dyn PushSink>,
    done: mpsc::UnboundedSender<Place>,
    /// Items taken and not done; those are not taken again.
    held: Arc<Mutex<HashSet<Place>>>,
}

impl Reader {
    async fn run(mut self) {
        let mut own = Vec::new();
        let mut pause = FIRST_PAUSE;
        let mut claim_at = Instant::now();
        loop {
            if self.nodes.has_changed().unwrap_or(false) || own.is_empty() {
                let workers = workers(&self.nodes.borrow_and_update());
                let chosen = chosen(&workers, &self.node, self.shards);
                if chosen.len() != own.len() {
                    info!(shards = chosen.len(), workers = workers.len(), "shards whose pushes are sent here");
                }
                own = chosen;
            }
            let items = self.redis.stream_read(self.node.as_str(), &own, AT_ONCE).await;
            let items = items.unwrap_or_else(|error| {
                debug!(%error, "no messages from bridges");
                Vec::new()
            });
            pause = if items.is_empty() { LONGEST_PAUSE.min(pause * 2) } else { FIRST_PAUSE };
            for (shard, id, item) in items {
                self.take(shard, id, &item).await;
            }
            if Instant::now() >= claim_at {
                claim_at = Instant::now() + CLAIM;
                for shard in &own {
                    let claimed = self.redis.stream_claim(self.node.as_str(), *shard, IDLE, CLAIMED).await;
                    for (id, item) in claimed.unwrap_or_default() {
                        self.take(*shard, id, &item).await;
                    }
                }
            }
            sleep(pause).await;
        }
    }

    async fn take(&self, shard: u16, id: StreamId, item: &[u8]) {
        if !self.held.lock().insert((shard, id)) {
            return;
        }
        let Some(Handed { messages, reads }) = push_item::decode(item) else {
            // It stays in the stream, for a worker of the release that wrote it.
            warn!(shard, "an item of a stream is not understood");
            return;
        };
        let ticket = PushTicket::new(Taken { done: self.done.clone(), place: (shard, id) });
        for Read { conversation, user, seq } in reads {
            self.sink.read(&conversation, &user, seq);
        }
        if !messages.is_empty() {
            self.sink.hand_over(ShardId(shard), messages, ticket).await;
        }
    }
}

/// An item that is not done.
struct Taken {
    done: mpsc::UnboundedSender<Place>,
    place: Place,
}

impl Drop for Taken {
    fn drop(&mut self) {
        // A worker that has stopped gives nothing back: others claim it.
        let _ = self.done.send(self.place);
    }
}

async fn give_back(redis: Redis, mut done: mpsc::UnboundedReceiver<Place>, held: Arc<Mutex<HashSet<Place>>>) {
    let mut places = Vec::new();
    while done.recv_many(&mut places, DONE).await > 0 {
        let mut by_shard: BTreeMap<u16, Vec<StreamId>> = BTreeMap::new();
        for (shard, id) in places.drain(..) {
            by_shard.entry(shard).or_default().push(id);
        }
        for (shard, ids) in by_shard {
            while let Err(error) = redis.stream_done(shard, &ids).await {
                debug!(%error, shard, "what is done is not taken out of its stream yet");
                sleep(LONGEST_PAUSE).await;
            }
            let mut held = held.lock();
            for id in ids {
                held.remove(&(shard, id));
            }
        }
    }
}

fn workers(nodes: &[NodeRecord]) -> Vec<NodeId> {
    nodes.iter().filter(|node| node.role == NodeRole::Push).map(|node| node.id.clone()).collect()
}

/// The shards of one worker.
fn chosen(workers: &[NodeId], node: &NodeId, shards: u16) -> Vec<u16> {
    let weight = |worker: &NodeId, shard: u16| xxh3_64(format!("{worker} {shard}").as_bytes());
    let is_chosen = |shard: &u16| workers.iter().max_by_key(|worker| weight(worker, *shard)) == Some(node);
    (0..shards).filter(is_chosen).collect()
}

impl std::fmt::Debug for PushWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushWork")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_has_one_worker_and_few_move() {
        let all: Vec<NodeId> = ["a", "b", "c"].map(|name| NodeId::parse(name).unwrap()).into();
        let of = |workers: &[NodeId], worker: &NodeId| chosen(workers, worker, 256);
        let mut shards: Vec<u16> = all.iter().flat_map(|worker| of(&all, worker)).collect();
        shards.sort_unstable();
        assert_eq!(shards, (0..256).collect::<Vec<_>>());
        assert!(all.iter().all(|worker| of(&all, worker).len() > 50));
        // One goes: what the others had stays where it is.
        for worker in &all[..2] {
            let (before, after) = (of(&all, worker), of(&all[..2], worker));
            assert!(before.iter().all(|shard| after.contains(shard)));
        }
    }
}
