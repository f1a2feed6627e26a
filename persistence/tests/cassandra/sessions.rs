//! Sessions that move between processes: the later connection's row and cursors are the ones that count.

use std::sync::Arc;

use longwave_model::Seq;
use longwave_persistence::cassandra::Cassandra;
use longwave_persistence::contract::devices::session;
use longwave_persistence::contract::sample::{conversation, device, user};
use longwave_persistence::{CursorRaise, Cursors as _, Sessions as _};

use crate::engine::Keyspace;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_late_from_the_former_node_changes_nothing() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let here = keyspace.store.clone().unwrap();
    let there = Arc::new(Cassandra::connect(&keyspace.config).await.unwrap());
    let (alice, phone, id) = (user("alice"), device("phone"), conversation("alice:bob"));
    let raise =
        |seq| vec![CursorRaise { user: alice.clone(), device: phone.clone(), conversation: id.clone(), seq: Seq(seq) }];

    here.start_session(session("phone", 100), vec![(id.clone(), Seq(5))]).await.unwrap();
    here.raise(raise(7), vec![]).await.unwrap();
    // Resumed on another node, which goes on with the same cursors.
    assert!(there.session(&alice, &phone).await.unwrap().is_some());
    assert!(there.put_session(session("phone", 200)).await.unwrap());
    assert_eq!(there.cursor(&alice, &phone, &id).await.unwrap(), Some(Seq(7)));
    there.raise(raise(9), vec![]).await.unwrap();
    // The former node closes the session now: its row is older.
    assert!(!here.put_session(session("phone", 100)).await.unwrap());
    here.end_session(&alice, &phone, 100).await.unwrap();
    assert_eq!(there.session(&alice, &phone).await.unwrap().unwrap().connection, 200);
    assert_eq!(there.cursor(&alice, &phone, &id).await.unwrap(), Some(Seq(9)));

    // Started clean on the other node: cursors may fall, and late raises of before are not seen.
    there.start_session(session("phone", 300), vec![(id.clone(), Seq(2))]).await.unwrap();
    here.raise(raise(8), vec![]).await.unwrap();
    assert_eq!(there.cursor(&alice, &phone, &id).await.unwrap(), Some(Seq(2)));
    assert_eq!(there.highest_cursors(&alice).await.unwrap(), [(id.clone(), Seq(2))]);
    // Ended, and started anew.
    there.end_session(&alice, &phone, 300).await.unwrap();
    assert_eq!(there.session(&alice, &phone).await.unwrap(), None);
    there.start_session(session("phone", 400), vec![]).await.unwrap();
    assert_eq!(there.cursors(&alice, &phone).await.unwrap(), []);
    there.raise(raise(1), vec![]).await.unwrap();
    assert_eq!(there.cursor(&alice, &phone, &id).await.unwrap(), Some(Seq(1)), "nothing of before buries it");
    keyspace.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_does_not_count_is_told_so() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let here = keyspace.store.clone().unwrap();
    let there = Arc::new(Cassandra::connect(&keyspace.config).await.unwrap());
    let (alice, phone, id) = (user("alice"), device("phone"), conversation("alice:bob"));
    there.start_session(session("phone", 200), vec![(id.clone(), Seq(5))]).await.unwrap();
    let late = here.start_session(session("phone", 100), vec![]).await;
    assert!(late.is_err(), "a later connection has the session");
    assert_eq!(there.cursor(&alice, &phone, &id).await.unwrap(), Some(Seq(5)));
    // A node whose clock is ahead has ended the session: what a node behind it writes is buried, and it must not believe otherwise.
    there.end_session(&alice, &phone, 200).await.unwrap();
    assert!(here.session(&alice, &phone).await.unwrap().is_none());
    assert!(here.start_session(session("phone", 150), vec![]).await.is_err());
    assert!(!here.put_session(session("phone", 150)).await.unwrap());
    assert!(here.session(&alice, &phone).await.unwrap().is_none());
    here.start_session(session("phone", 201), vec![(id.clone(), Seq(3))]).await.unwrap();
    assert_eq!(here.cursor(&alice, &phone, &id).await.unwrap(), Some(Seq(3)));
    drop((here, there));
    keyspace.drop().await;
}
