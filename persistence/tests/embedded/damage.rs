//! Damaged files: whatever byte is wrong and whatever file is gone, no acknowledged row is lost in silence. Either the store does not
//! open and says where the damage is, or reading says so, or the damage touched nothing that is stored.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use longwave_model::ErrorCode;
use longwave_persistence::contract::devices::session;
use longwave_persistence::contract::sample::{Owner, direct, message, user};
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use longwave_persistence::{Direction, Expected, Inbox, Log, Registers, Sessions, StoreError};

use crate::bench::{Bench, any, files};

const ENTRIES: u64 = 300;

/// A closed store with rows in its log, and, when `flushed`, with all of them in sorted files.
async fn filled(bench: &Bench, flushed: bool) {
    let store = bench.open();
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    owner.applied(vec![first], &["alice", "bob"]).await;
    for seq in 2..=ENTRIES {
        owner.applied(vec![message(&id, seq, "alice")], &["alice", "bob"]).await;
    }
    store.put("user/alice", Some("secret".into()), Expected::Any).await.unwrap();
    store.put_session(session("phone", 5)).await.unwrap();
    if flushed {
        store.write_sorted_files().await.unwrap();
    }
}

/// Reads everything that `filled` wrote; the first error, or what is missing.
async fn read_all(store: &Arc<Embedded>) -> Result<Option<&'static str>, StoreError> {
    let (id, _) = direct();
    let page = store.page(&id, 1..=ENTRIES, Direction::Forward, usize::MAX, usize::MAX).await?;
    if page.entries.len() as u64 != ENTRIES {
        return Ok(Some("entries"));
    }
    if store.get("user/alice").await?.is_none() {
        return Ok(Some("a register"));
    }
    if store.session(&user("alice"), &longwave_persistence::contract::sample::device("phone")).await?.is_none() {
        return Ok(Some("a session"));
    }
    if store.inbox(&user("bob")).await?.len() != 1 {
        return Ok(Some("an inbox"));
    }
    let (summary, found) = store.audit(5).await?;
    assert_eq!(summary.findings, 0, "{found:?}");
    Ok(None)
}

/// What became of a damaged copy.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Fate {
    Refused,
    ReadFailed,
    Harmless,
}

async fn fate(config: EmbeddedConfig, damaged: &Path) -> Fate {
    let path = config.path.clone();
    let store = match Embedded::open(config) {
        Ok(store) => Arc::new(store),
        Err(error) => {
            assert_eq!(error.code(), Some(ErrorCode::StoreDamaged), "{}: {error}", damaged.display());
            let text = error.to_string();
            assert!(text.contains(&path.display().to_string()), "it names the place: {text}");
            assert!(text.contains("restore") || text.contains("delete this file"), "it says what to do: {text}");
            return Fate::Refused;
        }
    };
    match read_all(&store).await {
        Ok(None) => Fate::Harmless,
        Ok(Some(lost)) => panic!("{} was damaged, and {lost} went missing in silence", damaged.display()),
        Err(StoreError::Damaged { .. }) => Fate::ReadFailed,
        Err(other) => panic!("{}: {other}", damaged.display()),
    }
}

async fn damage_each(bench: &Bench, change: impl Fn(&Path) -> bool) -> Vec<(PathBuf, Fate)> {
    let original = bench.path();
    let mut fates = Vec::new();
    for (number, file) in files(&original).into_iter().enumerate() {
        let copy = bench.copy_from(&original, &format!("copy-{number}"));
        let name = file.strip_prefix(&original).unwrap().to_owned();
        if change(&copy.join(&name)) {
            fates.push((name.clone(), fate(bench.config_at(&copy), &name).await));
        }
        std::fs::remove_dir_all(copy).unwrap();
    }
    fates
}

fn flip(file: &Path, at: usize) -> bool {
    let mut bytes = std::fs::read(file).unwrap();
    let Some(byte) = bytes.get_mut(at) else { return false };
    *byte ^= 0x55;
    std::fs::write(file, bytes).unwrap();
    true
}

fn written_length(file: &Path) -> usize {
    std::fs::read(file).unwrap().iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_byte_anywhere_is_told_or_harmless() {
    for flushed in [false, true] {
        let bench = Bench::new();
        filled(&bench, flushed).await;
        let mut told = 0;
        for quarter in 0..4 {
            let fates = damage_each(&bench, |file| flip(file, written_length(file) * quarter / 4)).await;
            told += fates.iter().filter(|(_, fate)| *fate != Fate::Harmless).count();
        }
        assert!(told >= 4, "some of it must matter: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_file_is_told_or_harmless() {
    for flushed in [false, true] {
        let bench = Bench::new();
        filled(&bench, flushed).await;
        let fates = damage_each(&bench, |file| std::fs::remove_file(file).is_ok()).await;
        for (name, fate) in fates {
            let matters = name.extension().is_some_and(|ending| ending == "jnl" || ending == "json")
                || name.file_name().is_some_and(|name| name == "current" || name == "version");
            assert!(!matters || fate == Fate::Refused, "{}: {fate:?}", name.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_cut_short_is_told_or_harmless() {
    for flushed in [false, true] {
        let bench = Bench::new();
        filled(&bench, flushed).await;
        let cut = |file: &Path| {
            let length = written_length(file) as u64 / 2;
            std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(length).unwrap();
            true
        };
        let fates = damage_each(&bench, cut).await;
        let log = fates.iter().find(|(name, _)| name.extension().is_some_and(|ending| ending == "jnl"));
        assert!(flushed || log.is_some_and(|(_, fate)| *fate == Fate::Refused), "{log:?}");
    }
}

#[tokio::test]
async fn a_torn_last_commit_is_no_damage() {
    let bench = Bench::new();
    filled(&bench, false).await;
    // What a power cut leaves of a commit that was being written: the beginning of a batch.
    let log = files(&bench.path()).into_iter().find(|file| file.extension().is_some_and(|ending| ending == "jnl"));
    let log = log.unwrap();
    let mut bytes = std::fs::read(&log).unwrap();
    let torn = bytes[..40].to_vec();
    let end = written_length(&log);
    bytes.splice(end..(end + torn.len()).min(bytes.len()), torn);
    std::fs::write(&log, bytes).unwrap();
    assert_eq!(fate(bench.config(), &log).await, Fate::Harmless);
}
