//! Registers: compare-and-set.

use bytes::Bytes;

use super::Backend;
use crate::registers::{Expected, Put};

fn value(text: &'static str) -> Option<Bytes> {
    Some(Bytes::from_static(text.as_bytes()))
}

pub async fn versions_count_up(backend: &mut dyn Backend) {
    let store = backend.store();
    assert_eq!(store.get("user/alice").await.unwrap(), None);
    assert_eq!(store.put("user/alice", value("a"), Expected::Absent).await.unwrap(), Put::Stored(1));
    assert_eq!(store.put("user/alice", value("b"), Expected::Version(1)).await.unwrap(), Put::Stored(2));
    assert_eq!(store.put("user/alice", value("c"), Expected::Any).await.unwrap(), Put::Stored(3));
    drop(store);
    backend.restart().await;
    let read = backend.store().get("user/alice").await.unwrap().unwrap();
    assert_eq!((read.value, read.version), (Bytes::from_static(b"c"), 3));
}

pub async fn only_one_writer_wins(backend: &mut dyn Backend) {
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let store = backend.store();
            tokio::spawn(async move { store.put("one", value("x"), Expected::Absent).await.unwrap() })
        })
        .collect();
    let (mut won, mut lost) = (0, 0);
    for writer in writers {
        match writer.await.unwrap() {
            Put::Stored(1) => won += 1,
            Put::Conflict(Some(there)) if there.version == 1 => lost += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((won, lost), (1, 7));
    let stale = backend.store().put("one", value("y"), Expected::Version(9)).await.unwrap();
    assert!(matches!(stale, Put::Conflict(Some(_))), "{stale:?}");
    let nothing = backend.store().put("two", value("y"), Expected::Version(1)).await.unwrap();
    assert_eq!(nothing, Put::Conflict(None));
}

pub async fn a_removed_register_does_not_come_back_under_its_old_version(backend: &mut dyn Backend) {
    let store = backend.store();
    store.put("key", value("a"), Expected::Any).await.unwrap();
    assert!(matches!(store.put("key", None, Expected::Version(1)).await.unwrap(), Put::Stored(_)));
    assert_eq!(store.get("key").await.unwrap(), None);
    assert_eq!(store.scan("", "", 10).await.unwrap(), []);
    let Put::Stored(version) = store.put("key", value("b"), Expected::Absent).await.unwrap() else {
        panic!("not stored")
    };
    assert!(version > 1);
    let stale = store.put("key", value("c"), Expected::Version(1)).await.unwrap();
    assert!(matches!(stale, Put::Conflict(Some(_))), "{stale:?}");
}

pub async fn scans_are_ordered_and_bounded(backend: &mut dyn Backend) {
    let store = backend.store();
    for key in ["user/b", "user/a", "user/c", "users", "use", "v"] {
        store.put(key, value("x"), Expected::Any).await.unwrap();
    }
    let keys = |rows: Vec<(String, _)>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(store.scan("user/", "", 10).await.unwrap()), ["user/a", "user/b", "user/c"]);
    assert_eq!(keys(store.scan("user/", "user/a", 1).await.unwrap()), ["user/b"]);
    assert_eq!(keys(store.scan("user/", "user/c", 10).await.unwrap()), Vec::<String>::new());
    assert_eq!(keys(store.scan("use", "", 3).await.unwrap()), ["use", "user/a", "user/b"]);
}
