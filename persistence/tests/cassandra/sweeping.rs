//! The sweeper: floors, what lies below them, expired sessions, and that one process sweeps.

use std::sync::Arc;

use longwave_model::{ConversationId, ConversationKind, Entry, Role, Seq, Updated};
use longwave_persistence::cassandra::Cassandra;
use longwave_persistence::contract::devices::session;
use longwave_persistence::contract::sample::{Owner, conversation, created, device, message, now, updated, user};
use longwave_persistence::views::views;
use longwave_persistence::{Audience, Direction, Journal as _, Log as _, RetentionPolicy, Sessions as _, SweepReport};
use scylla::client::session_builder::SessionBuilder;

use crate::engine::Keyspace;

const BUDGET: usize = 10_000;

async fn apply(store: &Cassandra, entries: impl IntoIterator<Item = Entry>) {
    let nobody = Arc::new(Audience::default());
    let writes = entries.into_iter().flat_map(|entry| views(&Arc::new(entry), &nobody)).collect();
    store.apply(writes).await.unwrap();
}

/// Seqs of the log rows in one bucket, whatever the floor says.
async fn rows(keyspace: &Keyspace, id: &ConversationId, bucket: i64) -> Vec<u64> {
    let session = SessionBuilder::new().known_nodes(&keyspace.config.contact_points).build().await.unwrap();
    let text =
        format!("SELECT key FROM {}.log WHERE conversation = ? AND bucket = ? AND kind = 0", keyspace.config.keyspace);
    let answer = session.query_unpaged(text, (id.as_str(), bucket)).await.unwrap().into_rows_result().unwrap();
    let keys = answer.rows::<(Vec<u8>,)>().unwrap();
    keys.map(|row| u64::from_be_bytes(row.unwrap().0.try_into().unwrap())).collect()
}

fn group(id: &ConversationId) -> Entry {
    created(id, ConversationKind::Group, &[("alice", Role::Owner)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_floor_rises_past_what_is_too_many() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let store = keyspace.store.clone().unwrap();
    let (kept, own) = (conversation("kept"), conversation("own-limit"));
    for id in [&kept, &own] {
        let mut owner = Owner::of(store.clone(), id).await;
        let rest = (2..=9).map(|seq| message(id, seq, "alice"));
        owner.applied(std::iter::once(group(id)).chain(rest).collect(), &["alice"]).await;
        let limit = Updated { retention_entries: Some(3), ..Updated::default() };
        let last = if *id == own { updated(id, 10, limit) } else { message(id, 10, "alice") };
        owner.applied(vec![last], &["alice"]).await;
    }
    let report = store.sweep(RetentionPolicy::default(), BUDGET).await.unwrap();
    assert_eq!((report.retired, report.unfinished), (7, false));
    let head = store.head(&own).await.unwrap().unwrap();
    assert_eq!((head.floor, head.seq), (Seq(7), Seq(10)));
    assert_eq!(store.head(&kept).await.unwrap().unwrap().floor, Seq(0));
    assert_eq!(rows(&keyspace, &own, 0).await, [8, 9, 10]);
    let page = store.page(&own, 1..=10, Direction::Forward, 10, usize::MAX).await.unwrap();
    assert_eq!(page.covered, Some(8..=10), "what is below the floor is no page's");

    // A former owner stores an old entry once more: its row stays away.
    apply(&store, [message(&own, 5, "alice")]).await;
    assert_eq!(rows(&keyspace, &own, 0).await, [8, 9, 10]);
    assert_eq!(store.head(&own).await.unwrap().unwrap().seq, Seq(10));
    let (summary, found) = store.audit(10).await.unwrap();
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(summary.conversations, 2);

    let again = store.sweep(RetentionPolicy::default(), BUDGET).await.unwrap();
    assert_eq!(again.retired, 0);
    let global = RetentionPolicy { entries: Some(1), age_seconds: None };
    assert_eq!(store.sweep(global, BUDGET).await.unwrap().retired, 9, "a conversation's own limit comes first");
    drop(store);
    keyspace.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_floor_rises_past_what_is_too_old_across_buckets() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let store = keyspace.store.clone().unwrap();
    let id = conversation("old");
    let old = |seq| Entry { ts: now() - 3_600_000, ..message(&id, seq, "alice") };
    let first = Entry { ts: now() - 3_600_000, ..group(&id) };
    apply(&store, std::iter::once(first).chain((4092..=4097).map(old))).await;
    apply(&store, (4098..=4100).map(|seq| message(&id, seq, "alice"))).await;
    let hour = RetentionPolicy { age_seconds: Some(1800), entries: None };
    let report = store.sweep(hour, BUDGET).await.unwrap();
    assert_eq!(report.retired, 4097);
    assert_eq!(store.head(&id).await.unwrap().unwrap().floor, Seq(4097));
    assert_eq!((rows(&keyspace, &id, 0).await, rows(&keyspace, &id, 1).await), (vec![], vec![4098, 4099, 4100]));

    store.raise_floor(&id, Seq(9_999)).await.unwrap();
    let head = store.head(&id).await.unwrap().unwrap();
    assert_eq!((head.floor, head.seq), (Seq(4100), Seq(4100)), "never above the head");
    store.raise_floor(&id, Seq(1)).await.unwrap();
    assert_eq!(store.head(&id).await.unwrap().unwrap().floor, Seq(4100), "never down");
    drop(store);
    keyspace.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_past_their_expiry_end_and_one_process_sweeps() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let store = keyspace.store.clone().unwrap();
    let other = Cassandra::connect(&keyspace.config).await.unwrap();
    let mut connected = session("connected", 10);
    connected.disconnected_at = None;
    let mut fresh = session("fresh", 10);
    fresh.disconnected_at = Some(now());
    let mut forever = session("forever", 10);
    forever.expiry_seconds = u32::MAX;
    for row in [session("over", 10), connected, fresh, forever] {
        assert!(store.put_session(row).await.unwrap());
    }
    assert_eq!(store.sweep(RetentionPolicy::default(), BUDGET).await.unwrap().sessions, 1);
    let mut left: Vec<_> = store.sessions(&user("alice")).await.unwrap().into_iter().map(|row| row.device).collect();
    left.sort();
    assert_eq!(left, ["connected", "forever", "fresh"].map(device));
    let idle = other.sweep(RetentionPolicy::default(), BUDGET).await.unwrap();
    assert_eq!(idle, SweepReport::default(), "the lease is another's");
    assert!(store.sweep(RetentionPolicy::default(), BUDGET).await.unwrap().examined > 0, "and is kept");
    drop((store, other));
    keyspace.drop().await;
}
