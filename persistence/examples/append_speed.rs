//! How many messages per second the embedded store makes durable, and where the time goes.
//!
//! `cargo run --release -p longwave-persistence --example append_speed [folder] [seconds] [messages per append]`: 64 shards, one lane each, which
//! appends a batch of 64-byte messages with ids to direct conversations and waits for it before the next.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a benchmark for people")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use longwave_model::{
    Content, ConversationId, Entry, Message, MessageId, OwnerId, Position, Seq, ShardId, UserId, shard_of,
};
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use longwave_persistence::{Append, Appended, Audience, Journal, Outcome, Watermarks};

const SHARDS: u16 = 64;
const CONVERSATIONS: usize = 16;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("append_speed"), PathBuf::from);
    let seconds = arguments.next().map_or(10, |text| text.parse().expect("seconds"));
    let batch = arguments.next().map_or(50, |text| text.parse().expect("messages per append"));
    let _ = std::fs::remove_dir_all(&folder);
    let store = Arc::new(Embedded::open(EmbeddedConfig::new(&folder)).expect("open"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    let (until, done) = (Instant::now() + Duration::from_secs(seconds), Arc::new(AtomicU64::new(0)));
    let started = Instant::now();
    runtime.block_on(async {
        let lanes: Vec<_> = (0..SHARDS)
            .map(|shard| tokio::spawn(lane(store.clone(), ShardId(shard), batch, until, done.clone())))
            .collect();
        for lane in lanes {
            lane.await.expect("lane");
        }
    });
    let (took, stats) = (started.elapsed(), store.stats());
    let per_second = done.load(Ordering::Relaxed) as f64 / took.as_secs_f64();
    println!(
        "{per_second:.0} messages/s, {} commits, {:.0} messages each",
        stats.commits,
        per_second * took.as_secs_f64() / stats.commits as f64
    );
    println!("commit thread busy {:.0} %", 100.0 * stats.commit_time.as_secs_f64() / took.as_secs_f64());
    println!("{:.2} ms per commit", 1000.0 * stats.commit_time.as_secs_f64() / stats.commits as f64);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"))
        .for_each(|line| println!("{line}"));
    drop(store);
    let _ = std::fs::remove_dir_all(&folder);
}

async fn lane(store: Arc<Embedded>, shard: ShardId, batch: usize, until: Instant, done: Arc<AtomicU64>) {
    let tenure = store.take(shard, OwnerId(1)).await.expect("take");
    let mut conversations: Vec<(ConversationId, UserId, Arc<Audience>, u64)> = users(shard)
        .map(|(one, other)| {
            (ConversationId::direct(&one, &other), one.clone(), Arc::new(Audience(vec![one, other])), 0)
        })
        .take(CONVERSATIONS)
        .collect();
    let (mut head, mut count) = (tenure.head, 0_u64);
    while Instant::now() < until {
        let entries: Vec<_> = (0..batch)
            .map(|_| {
                count += 1;
                let (conversation, sender, audience, seq) = &mut conversations[count as usize % CONVERSATIONS];
                *seq += 1;
                let entry = message(conversation, sender, *seq, u128::from(count) << 64 | u128::from(shard.0));
                Appended { entry: Arc::new(entry), audience: audience.clone() }
            })
            .collect();
        let watermarks = Watermarks { applied: head, settled: head };
        let append = Append { shard, epoch: tenure.epoch, head, entries, watermarks };
        match store.append(append).await {
            Outcome::Applied => head = Position(head.0 + batch as u64),
            other => panic!("{other:?}"),
        }
        done.fetch_add(batch as u64, Ordering::Relaxed);
    }
}

/// Pairs of users whose conversation is in a shard.
fn users(shard: ShardId) -> impl Iterator<Item = (UserId, UserId)> {
    (0_u32..)
        .map(|number| {
            let name = |side| UserId::parse(&format!("user-{number:06}-{side}")).expect("a user");
            (name("a"), name("b"))
        })
        .filter(move |(one, other)| shard_of(&ConversationId::direct(one, other), SHARDS) == shard)
}

fn message(conversation: &ConversationId, sender: &UserId, seq: u64, id: u128) -> Entry {
    Entry {
        conversation: conversation.clone(),
        seq: Seq(seq),
        ts: 1_700_000_000_000 + seq,
        sender: sender.clone(),
        device: None,
        id: Some(MessageId::parse(Bytes::copy_from_slice(&id.to_be_bytes())).expect("an id")),
        expires_at: None,
        origin: None,
        content: Content::Message(Message { body: Bytes::from_static(&[b'x'; 64]), ..Message::default() }),
    }
}
