//! A backup holds everything, and half a backup is none.

use std::path::Path;

use longwave_model::Seq;
use longwave_persistence::audit::Summary;
use longwave_persistence::contract::devices::session;
use longwave_persistence::contract::sample::{Owner, device, direct, message, user};
use longwave_persistence::embedded::{BackupError, Embedded, EmbeddedConfig, restore};
use longwave_persistence::{Direction, Expected, Inbox, Log, PushRecord, PushState, Pushes, Registers, Sessions};

use crate::bench::{Bench, any};

fn push() -> PushRecord {
    PushRecord {
        user: user("bob"),
        device: device("phone"),
        conversation: direct().0,
        seq: Seq(500),
        state: PushState::Failed,
        detail: Some("BadTopic".to_owned()),
        ts: 1_700_000_000_000,
    }
}

async fn filled(bench: &Bench) -> Vec<u8> {
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    let entries = std::iter::once(first).chain((2..=500).map(|seq| message(&id, seq, "alice"))).collect();
    owner.applied(entries, &["alice", "bob"]).await;
    store.put("user/alice", Some("secret".into()), Expected::Any).await.unwrap();
    store.put_session(session("phone", 5)).await.unwrap();
    store.record_pushes(vec![push()]).await.unwrap();
    let mut backup = Vec::new();
    let report = store.backup(&mut backup).unwrap();
    assert_eq!(report.rows["log"], 500);
    backup
}

fn target(bench: &Bench) -> EmbeddedConfig {
    let mut config = bench.config_at(&bench.path().with_file_name("restored"));
    config.shards = 64;
    config
}

#[tokio::test]
async fn a_restored_store_holds_what_the_backup_held() {
    let bench = Bench::new();
    let backup = filled(&bench).await;
    let mut config = target(&bench);
    restore(&config, &mut &backup[..]).unwrap();
    config.shards = 4;
    let store = std::sync::Arc::new(Embedded::open(config).unwrap());
    let (id, _) = direct();
    let page = store.page(&id, 1..=1000, Direction::Forward, 1000, usize::MAX).await.unwrap();
    assert_eq!(page.entries.len(), 500);
    assert_eq!(store.get("user/alice").await.unwrap().unwrap().value, "secret");
    assert_eq!(store.sessions(&user("alice")).await.unwrap(), [session("phone", 5)]);
    assert_eq!(store.inbox(&user("bob")).await.unwrap()[0].head.0, 500);
    assert_eq!(store.push_records(&user("bob")).await.unwrap(), [push()]);
    let (Summary { findings, entries, .. }, found) = store.audit(10).await.unwrap();
    assert_eq!((findings, entries), (0, 500), "{found:?}");
    let mut owner = Owner::of(any(&store), &id).await;
    owner.applied(vec![message(&id, 501, "alice")], &["alice", "bob"]).await;
}

#[tokio::test]
async fn a_cut_or_changed_backup_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    let backup = filled(&bench).await;
    let config = target(&bench);
    for cut in [0, 7, 20, backup.len() / 2, backup.len() - 1] {
        let error = restore(&config, &mut &backup[..cut]).unwrap_err();
        assert!(matches!(error, BackupError::Damaged(_)), "cut at {cut}: {error}");
    }
    for changed in [0, 9, 15, backup.len() / 3, backup.len() - 2] {
        let mut backup = backup.clone();
        backup[changed] ^= 0x10;
        let error = restore(&config, &mut &backup[..]).unwrap_err();
        assert!(matches!(error, BackupError::Damaged(_)), "changed at {changed}: {error}");
    }
    let longer = [&backup[..], b"x"].concat();
    assert!(matches!(restore(&config, &mut &longer[..]), Err(BackupError::Damaged(_))));
    assert!(!Path::new(&config.path).exists());
    restore(&config, &mut &backup[..]).unwrap();
}

#[tokio::test]
async fn a_backup_is_restored_into_an_empty_folder_only() {
    let bench = Bench::new();
    let backup = filled(&bench).await;
    let error = restore(&bench.config(), &mut &backup[..]).unwrap_err();
    assert!(matches!(error, BackupError::NotEmpty(_)), "{error}");
}
