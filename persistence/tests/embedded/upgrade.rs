//! Stores and backups of earlier formats. Format 1 had no table `push`, and format 2 neither `retained` nor `will`.

use std::path::Path;
use std::sync::Arc;

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use longwave_model::Seq;
use longwave_persistence::contract::sample::{Owner, device, direct, message, user};
use longwave_persistence::embedded::{Embedded, OpenError, restore};
use longwave_persistence::{Direction, Expected, Log, PushRecord, PushState, Pushes, Registers};
use serde_json::Value;

use crate::bench::{Bench, any};

/// A closed store with entries and a register in it, as the release of format 1 left it.
async fn of_format_1(bench: &Bench) {
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    let entries = std::iter::once(first).chain((2..=50).map(|seq| message(&id, seq, "alice"))).collect();
    owner.applied(entries, &["alice", "bob"]).await;
    store.put("user/alice", Some("secret".into()), Expected::Any).await.unwrap();
    drop((owner, store));
    without_newer_tables(&bench.path());
}

/// Puts a database in the place of the store's that has all its rows and never had the newer tables: one that was deleted leaves traces.
fn without_newer_tables(store: &Path) {
    let (tables, copy) = (store.join("tables"), store.join("copy"));
    let (from, to) = (Database::builder(&tables).open().unwrap(), Database::builder(&copy).open().unwrap());
    let mut marker = marker(store);
    let folders = marker["tables"].as_object_mut().unwrap();
    for new in ["push", "retained", "will"] {
        folders.remove(new).unwrap();
    }
    for (name, folder) in folders {
        let source = from.keyspace(name, KeyspaceCreateOptions::default).unwrap();
        let target = to.keyspace(name, KeyspaceCreateOptions::default).unwrap();
        for row in source.iter() {
            let (key, row) = row.into_inner().unwrap();
            target.insert(key, row).unwrap();
        }
        *folder = target.id().into();
    }
    to.persist(PersistMode::SyncAll).unwrap();
    drop((from, to));
    std::fs::remove_dir_all(&tables).unwrap();
    std::fs::rename(copy, tables).unwrap();
    marker["format"] = 1.into();
    std::fs::write(store.join("store.json"), marker.to_string()).unwrap();
}

fn marker(store: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(store.join("store.json")).unwrap()).unwrap()
}

async fn holds_everything(store: &Embedded) {
    let (id, _) = direct();
    let page = store.page(&id, 1..=100, Direction::Forward, 100, usize::MAX).await.unwrap();
    assert_eq!(page.entries.len(), 50);
    assert_eq!(store.get("user/alice").await.unwrap().unwrap().value, "secret");
    let (summary, found) = store.audit(10).await.unwrap();
    assert_eq!((summary.findings, summary.entries), (0, 50), "{found:?}");
}

async fn takes_pushes(store: &Embedded) {
    let record = PushRecord {
        user: user("bob"),
        device: device("phone"),
        conversation: direct().0,
        seq: Seq(50),
        state: PushState::Sent,
        detail: None,
        ts: 1,
    };
    assert_eq!(store.push_records(&user("bob")).await.unwrap(), []);
    store.record_pushes(vec![record.clone()]).await.unwrap();
    assert_eq!(store.push_records(&user("bob")).await.unwrap(), [record]);
}

#[tokio::test]
async fn a_store_of_format_1_is_upgraded_when_it_is_opened() {
    let bench = Bench::new();
    of_format_1(&bench).await;
    let store = bench.open();
    let marker = marker(&bench.path());
    assert_eq!(marker["format"], 4);
    let folder = bench.path().join("tables/keyspaces").join(marker["tables"]["push"].to_string());
    assert!(folder.join("current").is_file(), "{}", folder.display());
    holds_everything(&store).await;
    takes_pushes(&store).await;
    drop(store);
    let store = bench.open();
    holds_everything(&store).await;
    assert_eq!(store.push_records(&user("bob")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_kill_in_the_middle_of_an_upgrade_does_no_harm() {
    let bench = Bench::new();
    of_format_1(&bench).await;
    let old = std::fs::read(bench.path().join("store.json")).unwrap();
    drop(bench.open());

    // The table is there, and store.json is half written beside the old one.
    std::fs::write(bench.path().join("store.json"), &old).unwrap();
    std::fs::write(bench.path().join("store.json.new"), "{\"format\":").unwrap();
    let store = bench.open();
    takes_pushes(&store).await;
    drop(store);
    let store = bench.open();
    holds_everything(&store).await;
    assert_eq!(store.push_records(&user("bob")).await.unwrap().len(), 1);
    drop(store);
    assert!(!bench.path().join("store.json.new").exists());

    // The table's folder is there without its manifest.
    let bench = Bench::new();
    of_format_1(&bench).await;
    let old = std::fs::read(bench.path().join("store.json")).unwrap();
    drop(bench.open());
    let folder = bench.path().join("tables/keyspaces").join(marker(&bench.path())["tables"]["push"].to_string());
    std::fs::remove_file(folder.join("current")).unwrap();
    std::fs::write(bench.path().join("store.json"), &old).unwrap();
    takes_pushes(&bench.open()).await;
    let store = bench.open();
    holds_everything(&store).await;
    assert_eq!(store.push_records(&user("bob")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_table_that_format_1_had_may_not_be_missing() {
    let bench = Bench::new();
    of_format_1(&bench).await;
    let folder = bench.path().join("tables/keyspaces").join(marker(&bench.path())["tables"]["log"].to_string());
    std::fs::remove_dir_all(folder).unwrap();
    let refused = Embedded::open(bench.config()).expect_err("it must not open");
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
    assert_eq!(marker(&bench.path())["format"], 1, "it is left as it is");
}

/// The file was written by `longwave backup` of the last release with format 1, of a store of 64 shards with the local user `alice`.
#[tokio::test]
async fn a_backup_of_format_1_is_restored() {
    let bench = Bench::new();
    let backup = include_bytes!("fixtures/format-1.backup");
    let report = restore(&bench.config(), &mut &backup[..]).unwrap();
    assert!(!report.rows.contains_key("push"), "{report:?}");
    let mut config = bench.config();
    config.shards = 64;
    let store = Arc::new(Embedded::open(config).unwrap());
    assert_eq!(marker(&bench.path())["format"], 4);
    assert!(store.get("user/alice/password").await.unwrap().is_some());
    takes_pushes(&store).await;
}
