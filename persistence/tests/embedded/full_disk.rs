//! A full disk, on a tmpfs of a few MiB. Needs the right to mount; elsewhere it says so, and fails under CI.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use longwave_model::{Content, Entry, Message};
use longwave_persistence::contract::sample::{Owner, direct, message};
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use longwave_persistence::{Direction, Log, Outcome, StoreError};

use crate::bench::any;

/// A small file system, unmounted when dropped.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        let reason = match mounted {
            Ok(output) if output.status.success() => return Some(Self { folder }),
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        #[allow(clippy::print_stderr, reason = "whoever runs the tests must know what was left out")]
        {
            eprintln!("not tested, because no small file system can be mounted here: {reason}");
        }
        assert!(std::env::var_os("CI").is_none(), "CI must be able to mount: {reason}");
        None
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Leaves about this many bytes free.
    fn fill(&self, leave: u64) -> PathBuf {
        use std::io::Write as _;
        let ballast = self.folder.path().join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        let free = free_bytes(self.folder.path());
        let block = vec![1; 4096];
        for _ in 0..free.saturating_sub(leave) / 4096 {
            if file.write_all(&block).is_err() {
                break;
            }
        }
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

fn free_bytes(path: &Path) -> u64 {
    let output = Command::new("stat").args(["-f", "-c", "%a %S"]).arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(|number| number.parse::<u64>().unwrap()).product()
}

fn config(disk: &SmallDisk, mark: u64) -> EmbeddedConfig {
    let mut config = EmbeddedConfig::new(disk.store());
    config.shards = 4;
    config.free_space_mark = mark;
    config.reopen_backoff = Duration::from_millis(100);
    config
}

/// A message whose body does not compress.
fn large(seq: u64) -> Entry {
    let mut entry = message(&direct().0, seq, "alice");
    let mut state = seq | 1 << 40;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    };
    let body: Vec<u8> = (0..2500).flat_map(|_| next()).collect();
    entry.content = Content::Message(Message { body: body.into(), ..Message::default() });
    entry
}

async fn stored(store: &Embedded) -> Vec<u64> {
    let page = store.page(&direct().0, 1..=u64::MAX, Direction::Forward, usize::MAX, usize::MAX).await.unwrap();
    page.entries.iter().map(|entry| entry.seq.0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_mark_writes_are_refused_and_reads_go_on() {
    let Some(disk) = SmallDisk::mount(32) else { return };
    let store = Arc::new(Embedded::open(config(&disk, 4 << 20)).unwrap());
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    owner.applied(vec![first], &["alice", "bob"]).await;
    let ballast = disk.fill(2 << 20);
    let outcome = owner.append(vec![large(2)], &["alice", "bob"]).await;
    assert!(matches!(outcome, Outcome::Rejected(StoreError::DiskFull { mark: 4_194_304, .. })), "{outcome:?}");
    assert_eq!(stored(&store).await, [1]);
    assert!(store.stats().refused > 0);
    std::fs::remove_file(ballast).unwrap();
    owner.applied(vec![large(2)], &["alice", "bob"]).await;
    assert_eq!(stored(&store).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_mark_nothing_is_acknowledged_that_is_not_stored() {
    let Some(disk) = SmallDisk::mount(32) else { return };
    let store = Arc::new(Embedded::open(config(&disk, 0)).unwrap());
    let (id, first) = direct();
    let mut owner = Owner::of(any(&store), &id).await;
    owner.applied(vec![first], &["alice", "bob"]).await;
    let ballast = disk.fill(300_000);
    let mut acknowledged = 1;
    let failure = loop {
        match owner.append(vec![large(acknowledged + 1)], &["alice", "bob"]).await {
            Outcome::Applied => acknowledged += 1,
            other => break other,
        }
        assert!(acknowledged < 200, "the disk must be full by now");
    };
    assert!(matches!(failure, Outcome::Unknown(_)), "{failure:?}");
    // Nobody is served while there is no space, whatever is tried.
    for _ in 0..10 {
        let outcome = owner.append(vec![large(acknowledged + 1)], &["alice", "bob"]).await;
        assert!(!matches!(outcome, Outcome::Applied), "{outcome:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::remove_file(ballast).unwrap();
    drop(owner);
    let mut owner = retake(&store).await;
    let head = store_head(&store).await;
    // The append whose fate was unknown may be there.
    assert!(head == acknowledged || head == acknowledged + 1, "{acknowledged} acknowledged, {head} stored");
    owner.applied(vec![large(head + 1)], &["alice", "bob"]).await;
    assert_eq!(stored(&store).await, (1..=head + 1).collect::<Vec<_>>());
    assert!(store.stats().reopened > 0);
    let (summary, found) = store.audit(5).await.unwrap();
    assert_eq!(summary.findings, 0, "{found:?}");
    drop((owner, store));
    let store = Embedded::open(config(&disk, 0)).unwrap();
    assert_eq!(stored(&store).await, (1..=head + 1).collect::<Vec<_>>());
}

/// Takes the shard as soon as the store is open again.
async fn retake(store: &Arc<Embedded>) -> Owner {
    use longwave_model::OwnerId;
    use longwave_persistence::Journal as _;
    let shard = longwave_model::shard_of(&direct().0, 4);
    loop {
        if let Ok(tenure) = store.take(shard, OwnerId(7)).await {
            return Owner { store: any(store), shard, tenure };
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn store_head(store: &Embedded) -> u64 {
    loop {
        if let Ok(head) = store.head(&direct().0).await {
            return head.map_or(0, |head| head.seq.0);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
