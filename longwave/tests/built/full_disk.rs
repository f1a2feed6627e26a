//! A disk that fills up, with and without the free-space mark. It is a tmpfs of its own, which only root can mount.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use longwave_testkit::client::{Client, json_of};
use longwave_testkit::wire::Hello;
use serde_json::json;

use crate::rig::{Rig, cannot_run, eventually, run, set};

const MIB: usize = 1024 * 1024;

/// A small file system, unmounted when dropped.
struct SmallDisk {
    path: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(test: &str, mebibytes: usize) -> Option<Self> {
        let path = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mount = run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path.path()), "");
        if mount.code != 0 {
            cannot_run(test, &format!("a tmpfs cannot be mounted: {}", mount.said().trim()));
            return None;
        }
        Some(Self { path })
    }

    fn filler(&self) -> PathBuf {
        self.path.path().join("filler")
    }

    /// Other files take all but this.
    fn leave_free(&self, bytes: usize) {
        let free = free_bytes(self.path.path());
        fs::write(self.filler(), vec![0; free.saturating_sub(bytes)]).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path.path()).status();
    }
}

fn free_bytes(path: &Path) -> usize {
    let ended = run(Command::new("df").args(["--output=avail", "-B1"]).arg(path), "");
    ended.out.lines().nth(1).unwrap().trim().parse().unwrap()
}

fn on(disk: &SmallDisk, settings: &[&str]) -> Rig {
    Rig::with(|plan| {
        plan.data = disk.path.path().join("data");
        plan.arguments = set(settings);
    })
}

#[test]
fn below_the_mark_writes_are_refused_and_reads_go_on() {
    let Some(disk) = SmallDisk::mount("full_disk, with a mark", 192) else { return };
    let mark = format!("store.free_space_mark_bytes={}", 32 * MIB);
    let rig = on(&disk, &[&mark]);
    let mut bob = rig.listener("bob", "phone");
    let mut alice = rig.listener("alice", "laptop");
    let before = alice.say("@bob", "before").unwrap().seq.unwrap();
    disk.leave_free(16 * MIB);
    for _ in 0..10 {
        let refusal = alice.say("@bob", "while it is full").unwrap();
        assert_eq!((refusal.code >= 0x80, refusal.error, refusal.seq), (true, Some(4001), None));
    }
    assert_eq!(bob.bodies(1).unwrap(), ["before"]);
    let page = alice.request("history.page", &json!({"conv": "@bob"})).unwrap();
    assert_eq!(page["result"]["head"], before, "{page}");
    fs::remove_file(disk.filler()).unwrap();
    assert_eq!(alice.say("@bob", "after").unwrap().seq, Some(before + 1));
    assert_eq!(bob.bodies(1).unwrap(), ["after"]);
}

#[test]
fn without_a_mark_nothing_acknowledged_is_lost_and_it_recovers_by_itself() {
    let Some(disk) = SmallDisk::mount("full_disk, without a mark", 160) else { return };
    let rig = on(&disk, &["store.free_space_mark_bytes=0", "limits.answer_seconds=2"]);
    rig.listener("bob", "phone").leave().unwrap();
    let mut sender = Sender { rig: &rig, client: None, acknowledged: Vec::new(), next: 0 };
    for _ in 0..20 {
        assert!(sender.send_next(), "there is room");
    }

    // Other files leave little, messages take the rest; then nothing is acknowledged any more.
    disk.leave_free(4 * MIB);
    let started = Instant::now();
    let mut unanswered = 0;
    while unanswered < 3 {
        unanswered = if sender.send_next() { 0 } else { unanswered + 1 };
        assert!(started.elapsed() < Duration::from_secs(240), "the disk does not fill up");
    }
    let stored_when_full = sender.acknowledged.len();
    let pid = rig.server.pid();

    fs::remove_file(disk.filler()).unwrap();
    eventually("it takes messages again", || sender.send_next());
    for _ in 0..20 {
        eventually("every message is taken", || sender.send_next());
    }
    assert_eq!(rig.server.pid(), pid, "without a restart");
    assert!(sender.acknowledged.len() >= stored_when_full + 21);

    // Seqs have no gap among them, for what was resent was stored once.
    assert!(sender.acknowledged.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{:?}", sender.acknowledged);
    let mut bob = rig.device("bob", "phone");
    for (number, seq) in sender.acknowledged.iter().enumerate() {
        let event = json_of(&bob.receive().unwrap());
        assert_eq!((&event["id"], &event["seq"]), (&json!(number.to_string()), &json!(seq)));
    }
}

/// Sends numbered messages of 64 KiB, each until it is acknowledged, as a client does.
struct Sender<'a> {
    rig: &'a Rig,
    client: Option<Client>,
    acknowledged: Vec<u64>,
    next: usize,
}

impl Sender<'_> {
    /// One attempt to send the next message; whether it was acknowledged.
    fn send_next(&mut self) -> bool {
        if self.client.is_none() {
            let hello = Hello::durable("alice", "laptop");
            self.client = Client::try_connect(self.rig.mqtt(), &hello).ok().and_then(Result::ok);
        }
        let Some(client) = &mut self.client else { return false };
        let command = json!({"id": self.next.to_string(), "body": incompressible(self.next)});
        match client.command("@bob", &command) {
            Ok(receipt) if receipt.code < 0x80 => {
                self.acknowledged.push(receipt.seq.unwrap());
                self.next += 1;
                true
            }
            // A refusal leaves the connection as it is.
            Ok(_) => false,
            Err(_) => {
                self.client = None;
                false
            }
        }
    }
}

/// 64 KiB of text that differs from number to number: the store compresses what it can.
fn incompressible(number: usize) -> String {
    let mut state = number as u64 * 2 + 1;
    let letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + u8::try_from(state >> 58).unwrap())
    };
    (0..64 * 1024).map(letter).collect()
}
