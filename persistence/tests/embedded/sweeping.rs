//! What the sweeper removes, and what it leaves.

use longwave_model::{Position, Seq, Updated};
use longwave_persistence::contract::devices::session;
use longwave_persistence::contract::sample::{Owner, device, direct, message, message_id, updated, user};
use longwave_persistence::embedded::{Embedded, JOURNAL_MILLIS, RetentionPolicy, SweepReport};
use longwave_persistence::{Cursors, Direction, Head, Journal, Log, PushRecord, PushState, Pushes, Sessions};

use crate::bench::{Bench, any};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

async fn sweep(store: &Embedded, policy: RetentionPolicy) -> SweepReport {
    store.sweep(policy, 10_000).await.unwrap()
}

async fn seqs(store: &Embedded) -> Vec<u64> {
    let page = store.page(&direct().0, 1..=1000, Direction::Forward, 1000, usize::MAX).await.unwrap();
    page.entries.iter().map(|entry| entry.seq.0).collect()
}

async fn assert_sound(store: &Embedded) {
    let (summary, found) = store.audit(10).await.unwrap();
    assert_eq!(summary.findings, 0, "{found:?}");
}

#[tokio::test]
async fn an_expired_body_goes_and_its_place_stays() {
    let bench = Bench::new();
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    let mut fleeting = message(&id, 2, "alice");
    fleeting.expires_at = Some(bench.now() + 1000);
    owner.applied(vec![first, fleeting, message(&id, 3, "alice")], &["alice", "bob"]).await;
    owner.settle().await;
    assert_eq!(sweep(&store, RetentionPolicy::default()).await.expired, 0);
    assert_eq!(seqs(&store).await, [1, 2, 3]);
    bench.pass(2000);
    assert_eq!(sweep(&store, RetentionPolicy::default()).await.expired, 1);
    assert_eq!(seqs(&store).await, [1, 3]);
    let tail = store.tail(owner.shard, Position(0), 10).await.unwrap();
    assert_eq!(tail.len(), 3, "the journal's tail has no holes");
    assert!(tail[1].entry.message().unwrap().body.is_empty());
    bench.pass(3 * HOUR);
    assert_eq!(sweep(&store, RetentionPolicy::default()).await.expired, 1);
    assert_eq!(store.tail(owner.shard, Position(0), 10).await.unwrap(), []);
    assert_eq!(seqs(&store).await, [1, 3]);
    assert_eq!(store.head(&id).await.unwrap().unwrap().seq, Seq(3));
    assert_sound(&store).await;
}

#[tokio::test]
async fn dedup_rows_live_seven_days() {
    let bench = Bench::new();
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    owner.applied(vec![first, message(&id, 2, "alice")], &["alice", "bob"]).await;
    let (alice, message) = (user("alice"), message_id("alice-2"));
    bench.pass(7 * DAY - HOUR);
    assert_eq!(sweep(&store, RetentionPolicy::default()).await.dedup, 0);
    assert!(store.dedup(&id, &alice, &message).await.unwrap().is_some());
    bench.pass(2 * HOUR);
    assert_eq!(store.dedup(&id, &alice, &message).await.unwrap(), None, "also before it is swept");
    assert_eq!(sweep(&store, RetentionPolicy::default()).await.dedup, 1);
    assert_sound(&store).await;
}

#[tokio::test]
async fn the_journal_keeps_an_hour_below_its_watermarks() {
    let bench = Bench::new();
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    owner.applied(vec![first, message(&id, 2, "alice")], &["alice", "bob"]).await;
    bench.pass(JOURNAL_MILLIS + 1);
    sweep(&store, RetentionPolicy::default()).await;
    assert_eq!(store.tail(owner.shard, Position(0), 10).await.unwrap().len(), 2, "it is not settled");
    owner.settle().await;
    owner.applied(vec![message(&id, 3, "alice")], &["alice", "bob"]).await;
    owner.settle().await;
    sweep(&store, RetentionPolicy::default()).await;
    let tail = store.tail(owner.shard, Position(0), 10).await.unwrap();
    assert_eq!(tail.iter().map(|row| row.position.0).collect::<Vec<_>>(), [3]);
    assert_sound(&store).await;
}

#[tokio::test]
async fn retention_by_number_raises_the_floor() {
    let bench = Bench::new();
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    let entries = std::iter::once(first).chain((2..=20).map(|seq| message(&id, seq, "alice"))).collect();
    owner.applied(entries, &["alice", "bob"]).await;
    owner.settle().await;
    let policy = RetentionPolicy { age_seconds: None, entries: Some(5) };
    sweep(&store, policy).await;
    assert_eq!(store.head(&id).await.unwrap(), Some(Head { seq: Seq(20), floor: Seq(15) }));
    assert_eq!(seqs(&store).await, [16, 17, 18, 19, 20]);
    assert_eq!(store.tail(owner.shard, Position(0), 100).await.unwrap().len(), 20, "the journal still needs them");
    bench.pass(2 * HOUR);
    assert_eq!(sweep(&store, policy).await.retired, 15);
    assert_eq!(seqs(&store).await, [16, 17, 18, 19, 20]);
    let below = store.page(&id, 1..=9, Direction::Forward, 10, 1000).await.unwrap();
    assert_eq!((below.covered, below.head.floor), (None, Seq(15)));
    assert_sound(&store).await;
    owner.applied(vec![message(&id, 21, "alice")], &["alice", "bob"]).await;
    sweep(&store, policy).await;
    assert_eq!(seqs(&store).await, [17, 18, 19, 20, 21]);
}

#[tokio::test]
async fn retention_by_age_and_a_conversations_own_setting() {
    let bench = Bench::new();
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    owner.applied(vec![first, message(&id, 2, "alice")], &["alice", "bob"]).await;
    owner.settle().await;
    bench.pass(2 * DAY);
    let mut young = message(&id, 3, "alice");
    young.ts = bench.now();
    owner.applied(vec![young], &["alice", "bob"]).await;
    owner.settle().await;
    let policy = RetentionPolicy { age_seconds: Some(7 * 86_400), entries: None };
    sweep(&store, policy).await;
    assert_eq!(seqs(&store).await, [1, 2, 3]);
    let mut own = updated(&id, 4, Updated { retention_age_seconds: Some(86_400), ..Updated::default() });
    own.ts = bench.now();
    owner.applied(vec![own], &["alice", "bob"]).await;
    sweep(&store, policy).await;
    assert_eq!(seqs(&store).await, [3, 4]);
    assert_sound(&store).await;
}

#[tokio::test]
async fn a_budget_spreads_the_work() {
    let bench = Bench::new();
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    let entries = std::iter::once(first).chain((2..=100).map(|seq| message(&id, seq, "alice"))).collect();
    owner.applied(entries, &["alice", "bob"]).await;
    owner.settle().await;
    bench.pass(8 * DAY);
    let policy = RetentionPolicy { age_seconds: Some(86_400), entries: None };
    let (mut retired, mut dedup) = (0, 0);
    for _ in 0..20 {
        let report = store.sweep(policy, 10).await.unwrap();
        assert!(report.retired <= 10 && report.dedup <= 10);
        retired += report.retired;
        dedup += report.dedup;
    }
    assert_eq!((retired, dedup), (100, 99));
    assert_eq!(store.head(&id).await.unwrap(), Some(Head { seq: Seq(100), floor: Seq(100) }));
    assert_sound(&store).await;
}

#[tokio::test]
async fn sessions_end_after_their_expiry() {
    let bench = Bench::new();
    let mut closed = session("phone", 1);
    (closed.connected_at, closed.disconnected_at) = (bench.now(), Some(bench.now()));
    closed.expiry_seconds = 60;
    let mut eternal = session("tablet", 1);
    (eternal.disconnected_at, eternal.expiry_seconds) = (Some(0), u32::MAX);
    let mut connected = session("laptop", 1);
    (connected.connected_at, connected.disconnected_at, connected.expiry_seconds) = (bench.now(), None, 60);
    let store = bench.open();
    let cursors = vec![(direct().0, Seq(0))];
    store.start_session(closed.clone(), cursors).await.unwrap();
    store.put_session(eternal.clone()).await.unwrap();
    store.put_session(connected.clone()).await.unwrap();
    bench.pass(59_000);
    assert_eq!(sweep(&store, RetentionPolicy::default()).await.sessions, 0);
    bench.pass(2_000);
    assert_eq!(sweep(&store, RetentionPolicy::default()).await.sessions, 1);
    let alice = user("alice");
    assert_eq!(store.session(&alice, &device("phone")).await.unwrap(), None);
    assert_eq!(store.cursors(&alice, &device("phone")).await.unwrap(), []);
    assert!(store.session(&alice, &device("laptop")).await.unwrap().is_some(), "it is connected");
    // The process is killed: the laptop was connected until then, and nobody wrote down when that was.
    drop(store);
    bench.pass(120_000);
    let store = bench.open();
    assert_eq!(sweep(&store, RetentionPolicy::default()).await.sessions, 1);
    assert_eq!(store.sessions(&alice).await.unwrap(), [eternal]);
}

#[tokio::test]
async fn push_records_live_thirty_days() {
    let bench = Bench::new();
    let store = bench.open();
    let record = |on, ts| PushRecord {
        user: user("bob"),
        device: device(on),
        conversation: direct().0,
        seq: Seq(1),
        state: PushState::Sent,
        detail: None,
        ts,
    };
    let (old, young) = (record("phone", bench.now()), record("tablet", bench.now() + DAY));
    store.record_pushes(vec![old, young.clone()]).await.unwrap();
    bench.pass(30 * DAY);
    assert_eq!(sweep(&store, RetentionPolicy::default()).await.pushes, 0);
    bench.pass(1);
    assert_eq!(sweep(&store, RetentionPolicy::default()).await.pushes, 1);
    assert_eq!(store.push_records(&user("bob")).await.unwrap(), [young]);
}
