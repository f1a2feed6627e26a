//! A power cut, played by cutting off what was not synced: builds with `fault-injection` say how far that is.

use std::fs::OpenOptions;

use longwave_persistence::contract::sample::{Owner, direct, message};
use longwave_persistence::embedded::Embedded;
use longwave_persistence::{Direction, Log};

use crate::bench::{Bench, any};

#[tokio::test]
async fn what_was_synced_survives_the_cut_and_nothing_else_does() {
    let bench = Bench::new();
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    owner.applied(vec![first], &["alice", "bob"]).await;
    for seq in 2..=20 {
        owner.applied(vec![message(&id, seq, "alice")], &["alice", "bob"]).await;
    }
    let early = std::fs::read_to_string(bench.path().join("synced-length")).unwrap();
    owner.applied(vec![message(&id, 21, "alice")], &["alice", "bob"]).await;
    let late = std::fs::read_to_string(bench.path().join("synced-length")).unwrap();
    assert_ne!(early, late);
    assert_eq!(after_cut(&bench, &late, true).await, 21);
    // With the count of commits gone as well, as when nothing was synced after the cut.
    assert_eq!(after_cut(&bench, &early, false).await, 20);
}

async fn after_cut(bench: &Bench, synced: &str, keep_count: bool) -> usize {
    let (log, offset) = synced.trim().split_once(' ').unwrap();
    let offset: u64 = offset.parse().unwrap();
    let copy = bench.copy_from(&bench.path(), &format!("cut-{offset}"));
    let log = OpenOptions::new().write(true).open(copy.join("tables").join(log)).unwrap();
    log.set_len(offset).unwrap();
    if !keep_count {
        std::fs::remove_file(copy.join("commits")).unwrap();
    }
    let store = Embedded::open(bench.config_at(&copy)).unwrap();
    let page = store.page(&direct().0, 1..=100, Direction::Forward, 100, usize::MAX).await.unwrap();
    page.entries.len()
}
