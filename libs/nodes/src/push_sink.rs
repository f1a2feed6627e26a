//! Hands messages to push workers in other processes, through a stream per shard in Redis.
//!
//! A ticket is kept until its item has left the stream, which a worker does when everything in it is recorded. Streams may be emptied at any
//! time: a stream that counts fewer items than it must has lost some, and those still held are put into it again. How much may be
//! held is bounded; then the caller waits, and the journal keeps what follows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{ConversationId, Seq, ShardId, UserId, shard_of};
use longwave_persistence::redis::{Redis, StreamId, StreamState};
use longwave_port::{PushMessage, PushSink, PushTicket};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::sleep;
use tracing::{debug, info};

use crate::push_item::{self, Read};

/// KiB of items that may be held, all shards together.
const HELD_KIB: usize = 16 * 1024;
/// How often it looks what has been done.
const LOOK: Duration = Duration::from_millis(300);
/// Pause while Redis is away.
const PAUSE: Duration = Duration::from_millis(500);

/// Reads that may wait to be told; more are not told.
const READS: usize = 10_000;
/// Items in a stream at which reads are not told either: nobody takes them.
const LONG: u64 = 1_000;

/// The hand-over of one bridge.
pub struct RedisPush {
    shared: Arc<Shared>,
    reads: mpsc::Sender<Read>,
    tasks: [tokio::task::AbortHandle; 2],
}

struct Shared {
    redis: Redis,
    shards: u16,
    lines: Mutex<BTreeMap<u16, Arc<tokio::sync::Mutex<Line>>>>,
    room: Arc<Semaphore>,
}

/// What was put into a shard's stream and is not done.
#[derive(Default)]
struct Line {
    items: VecDeque<Item>,
    /// The least number of items that the stream has ever had, unless it was lost.
    added: u64,
}

struct Item {
    id: StreamId,
    content: Bytes,
    _ticket: PushTicket,
    _room: OwnedSemaphorePermit,
}

impl RedisPush {
    /// Starts it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(redis: Redis, shards: u16) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(HELD_KIB));
        let shared = Arc::new(Shared { redis, shards, lines: Mutex::default(), room });
        let (reads, queue) = mpsc::channel(READS);
        let tasks = [
            tokio::spawn(look(shared.clone())).abort_handle(),
            tokio::spawn(tell(shared.clone(), queue)).abort_handle(),
        ];
        Arc::new(Self { shared, reads, tasks })
    }
}

impl Drop for RedisPush {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

#[async_trait]
impl PushSink for RedisPush {
    async fn hand_over(&self, shard: ShardId, messages: Vec<PushMessage>, ticket: PushTicket) {
        let content = push_item::encode(&messages);
        let kib = u32::try_from(content.len().div_ceil(1_024).clamp(1, HELD_KIB)).unwrap_or(1);
        // Fails only when it is closed, which nobody does.
        let Ok(room) = self.shared.room.clone().acquire_many_owned(kib).await else { return };
        let line = self.shared.lines.lock().entry(shard.0).or_default().clone();
        let mut line = line.lock().await;
        let ids = self.shared.add(shard.0, &mut line, std::slice::from_ref(&content)).await;
        if let Some(id) = ids.into_iter().next() {
            line.items.push_back(Item { id, content, _ticket: ticket, _room: room });
        }
    }

    fn read(&self, conversation: &ConversationId, user: &UserId, seq: Seq) {
        // Without room a notification stays where it is until the application is opened.
        let _ = self.reads.try_send(Read { conversation: conversation.clone(), user: user.clone(), seq });
    }

    /// Workers elsewhere read it again within seconds.
    fn registered(&self, _: &UserId) {}
}

impl Shared {
    /// Puts items into a stream, however long it takes.
    async fn add(&self, shard: u16, line: &mut Line, items: &[Bytes]) -> Vec<StreamId> {
        loop {
            match self.redis.stream_add(shard, items).await {
                Ok(ids) => {
                    line.added += items.len() as u64;
                    return ids;
                }
                Err(error) => {
                    debug!(%error, shard, "messages are not handed to push workers yet");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Lets go of what is done, and puts in again what was lost.
    async fn settle(&self) {
        let lines: Vec<_> = self.lines.lock().iter().map(|(shard, line)| (*shard, line.clone())).collect();
        let mut held = Vec::new();
        for (shard, line) in lines {
            // One that is being written to is looked at the next time.
            if let Ok(line) = line.try_lock_owned()
                && !line.items.is_empty()
            {
                held.push((shard, line));
            }
        }
        let shards: Vec<u16> = held.iter().map(|(shard, _)| *shard).collect();
        let Ok(states) = self.redis.stream_state(&shards).await else { return };
        for ((shard, mut line), state) in held.into_iter().zip(states) {
            match state {
                Some(state) if state.added >= line.added => done(&mut line, &state),
                _ => {
                    info!(shard, items = line.items.len(), "a stream was lost; what was in it is handed over again");
                    line.added = 0;
                    let contents: Vec<Bytes> = line.items.iter().map(|item| item.content.clone()).collect();
                    let ids = self.add(shard, &mut line, &contents).await;
                    line.items.iter_mut().zip(ids).for_each(|(item, id)| item.id = id);
                }
            }
        }
    }
}

fn done(line: &mut Line, state: &StreamState) {
    line.added = state.added;
    let is_done = |id: StreamId| match state.first {
        Some(first) => id < first,
        None => id <= state.last_generated,
    };
    while line.items.pop_front_if(|item| is_done(item.id)).is_some() {}
}

/// Tells workers what was read, many at a time; it may be lost.
async fn tell(shared: Arc<Shared>, mut queue: mpsc::Receiver<Read>) {
    let mut reads = Vec::new();
    while queue.recv_many(&mut reads, READS).await > 0 {
        let mut by_shard: BTreeMap<u16, Vec<Read>> = BTreeMap::new();
        for read in reads.drain(..) {
            by_shard.entry(shard_of(&read.conversation, shared.shards).0).or_default().push(read);
        }
        let shards: Vec<u16> = by_shard.keys().copied().collect();
        let states = shared.redis.stream_state(&shards).await.unwrap_or_default();
        for ((shard, reads), state) in by_shard.into_iter().zip(states) {
            if state.is_none_or(|state| state.length < LONG)
                && let Err(error) = shared.redis.stream_add(shard, &[push_item::encode_reads(&reads)]).await
            {
                debug!(%error, shard, "push workers are not told what was read");
            }
        }
        sleep(LOOK).await;
    }
}

async fn look(shared: Arc<Shared>) {
    loop {
        sleep(LOOK).await;
        shared.settle().await;
    }
}

impl std::fmt::Debug for RedisPush {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisPush").field("room_kib", &self.shared.room.available_permits()).finish_non_exhaustive()
    }
}
