//! Sessions, cursors, marks.

use longwave_model::{ConversationId, FirstSending, Seq};

use super::Backend;
use super::sample::{conversation, device, user};
use crate::cursors::{CursorRaise, MarkRaise};
use crate::sessions::{InFlight, SessionRow, SubscriptionRow};

fn raise(device_name: &str, id: &ConversationId, seq: u64) -> CursorRaise {
    CursorRaise { user: user("alice"), device: device(device_name), conversation: id.clone(), seq: Seq(seq) }
}

fn mark(delivered: u64, read: u64, ts: u64) -> MarkRaise {
    let conversation = conversation("alice:bob");
    MarkRaise { conversation, user: user("bob"), delivered: Seq(delivered), read: Seq(read), ts }
}

/// A session with something in every field.
pub fn session(device_name: &str, connection: u64) -> SessionRow {
    SessionRow {
        user: user("alice"),
        device: device(device_name),
        incarnation: 7,
        connection,
        expiry_seconds: 86_400,
        subscriptions: vec![SubscriptionRow {
            filter: "u/alice/c/+/json".to_owned(),
            qos: 1,
            no_local: true,
            retain_as_published: false,
            retain_handling: 2,
            identifier: Some(9),
        }],
        qos2_uses: vec![(1, 4), (65_535, 1)],
        unsettled: Some(vec![(9, FirstSending { connection: 3, number: 12 })]),
        in_flight: vec![InFlight { packet_id: 3, conversation: conversation("alice:bob"), seq: Seq(12) }],
        connected_at: 1_000,
        disconnected_at: Some(2_000),
    }
}

pub async fn cursors_only_rise(backend: &mut dyn Backend) {
    let (one, two) = (conversation("alice:bob"), conversation("team"));
    let store = backend.store();
    store.raise(vec![raise("phone", &one, 5), raise("phone", &two, 1)], vec![]).await.unwrap();
    store.raise(vec![raise("phone", &one, 3), raise("phone", &two, 2)], vec![]).await.unwrap();
    store.raise(vec![raise("laptop", &one, 9), raise("laptop", &one, 8)], vec![]).await.unwrap();
    let (alice, phone) = (user("alice"), device("phone"));
    let expected = vec![(one.clone(), Seq(5)), (two.clone(), Seq(2))];
    assert_eq!(sorted(store.cursors(&alice, &phone).await.unwrap()), expected);
    assert_eq!(store.cursor(&alice, &phone, &one).await.unwrap(), Some(Seq(5)));
    assert_eq!(store.cursor(&alice, &device("tablet"), &one).await.unwrap(), None);
    let highest = sorted(store.highest_cursors(&alice).await.unwrap());
    assert_eq!(highest, vec![(one, Seq(9)), (two, Seq(2))]);
    drop(store);
    backend.restart().await;
    assert_eq!(sorted(backend.store().cursors(&alice, &phone).await.unwrap()), expected);
}

pub async fn marks_only_rise(backend: &mut dyn Backend) {
    let (id, bob) = (conversation("alice:bob"), user("bob"));
    let store = backend.store();
    assert_eq!(store.mark(&id, &bob).await.unwrap(), None);
    store.raise(vec![], vec![mark(5, 0, 100)]).await.unwrap();
    store.raise(vec![], vec![mark(3, 2, 200)]).await.unwrap();
    store.raise(vec![], vec![mark(1, 1, 300)]).await.unwrap();
    let stored = store.mark(&id, &bob).await.unwrap().unwrap();
    assert_eq!(
        (stored.delivered, stored.read, stored.ts),
        (Seq(5), Seq(2), 200),
        "a raise that changes nothing moves no time"
    );
    assert_eq!(store.marks(&id).await.unwrap(), [stored]);
}

pub async fn a_session_comes_back_as_it_was(backend: &mut dyn Backend) {
    let row = session("phone", 10);
    let mut crashed = session("laptop", 11);
    (crashed.unsettled, crashed.disconnected_at, crashed.expiry_seconds) = (None, None, u32::MAX);
    let store = backend.store();
    assert!(store.put_session(row.clone()).await.unwrap());
    assert!(store.put_session(crashed.clone()).await.unwrap());
    drop(store);
    backend.restart().await;
    let store = backend.store();
    assert_eq!(store.session(&user("alice"), &device("phone")).await.unwrap(), Some(row.clone()));
    let mut all = store.sessions(&user("alice")).await.unwrap();
    all.sort_by(|one, two| one.device.cmp(&two.device));
    assert_eq!(all, [crashed, row]);
    assert_eq!(store.session(&user("alic"), &device("phone")).await.unwrap(), None);
}

pub async fn a_session_that_moved_on_is_not_overwritten(backend: &mut dyn Backend) {
    let store = backend.store();
    assert!(store.put_session(session("phone", 10)).await.unwrap());
    assert!(!store.put_session(session("phone", 9)).await.unwrap());
    let mut same = session("phone", 10);
    same.incarnation = 8;
    assert!(store.put_session(same.clone()).await.unwrap());
    assert_eq!(store.session(&same.user, &same.device).await.unwrap(), Some(same.clone()));
    store.end_session(&same.user, &same.device, 9).await.unwrap();
    assert!(store.session(&same.user, &same.device).await.unwrap().is_some());
}

pub async fn a_clean_start_replaces_all_cursors(backend: &mut dyn Backend) {
    let (one, two, three) = (conversation("a:b"), conversation("a:c"), conversation("a:d"));
    let store = backend.store();
    store
        .raise(vec![raise("phone", &one, 5), raise("phone", &two, 6), raise("laptop", &two, 7)], vec![])
        .await
        .unwrap();
    store.start_session(session("phone", 3), vec![(two.clone(), Seq(1)), (three.clone(), Seq(2))]).await.unwrap();
    let (alice, phone) = (user("alice"), device("phone"));
    let cursors = sorted(store.cursors(&alice, &phone).await.unwrap());
    assert_eq!(cursors, vec![(two.clone(), Seq(1)), (three, Seq(2))], "also where the cursor falls");
    assert_eq!(store.cursor(&alice, &device("laptop"), &two).await.unwrap(), Some(Seq(7)));
    assert!(store.session(&alice, &phone).await.unwrap().is_some());
}

pub async fn ending_a_session_takes_its_cursors(backend: &mut dyn Backend) {
    let id = conversation("alice:bob");
    let store = backend.store();
    store.start_session(session("phone", 3), vec![(id.clone(), Seq(4))]).await.unwrap();
    store.end_session(&user("alice"), &device("phone"), 3).await.unwrap();
    assert_eq!(store.session(&user("alice"), &device("phone")).await.unwrap(), None);
    assert_eq!(store.cursors(&user("alice"), &device("phone")).await.unwrap(), []);
}

pub async fn a_device_named_like_the_start_of_another_is_another(backend: &mut dyn Backend) {
    let id = conversation("alice:bob");
    let store = backend.store();
    store.raise(vec![raise("phone", &id, 5), raise("phone2", &id, 6)], vec![]).await.unwrap();
    store.end_session(&user("alice"), &device("phone"), 1).await.unwrap();
    assert_eq!(store.cursors(&user("alice"), &device("phone")).await.unwrap(), []);
    assert_eq!(store.cursor(&user("alice"), &device("phone2"), &id).await.unwrap(), Some(Seq(6)));
}

fn sorted(mut cursors: Vec<(ConversationId, Seq)>) -> Vec<(ConversationId, Seq)> {
    cursors.sort();
    cursors
}
