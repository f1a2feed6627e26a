//! Random operations, crashes in between, and a model in memory that says what must be there afterwards.
//!
//! A crash is a copy of the files as they lie there, sometimes while an append is under way, which then is there as a whole or not at all.

mod model;

use std::sync::Arc;

use longwave_model::{ConversationKind, Role};
use longwave_persistence::contract::sample::{Owner, conversation, created, message, user};
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use longwave_persistence::{Expected, Journal, Outcome, Put, Registers, Sessions};
use proptest::prelude::*;

use crate::bench::{Bench, any};
use model::Model;

/// Conversations of the test.
const NAMES: [&str; 3] = ["alice:bob", "team", "news"];

#[derive(Debug, Clone)]
enum Op {
    Append {
        conversation: usize,
        entries: u64,
    },
    /// An owner that was replaced tries once more.
    Zombie {
        conversation: usize,
    },
    Raise {
        device: usize,
        conversation: usize,
        seq: u64,
    },
    PutSession {
        device: usize,
        connection: u64,
    },
    StartSession {
        device: usize,
        connection: u64,
        conversation: usize,
    },
    EndSession {
        device: usize,
        connection: u64,
    },
    Register {
        key: usize,
        value: Option<u8>,
        expected: u64,
    },
    Trim {
        conversation: usize,
    },
    Crash,
    CrashWhileAppending {
        conversation: usize,
        entries: u64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let (conversation, device) = (0..NAMES.len(), 0..3_usize);
    prop_oneof![
        6 => (conversation.clone(), 1..6_u64).prop_map(|(conversation, entries)| Op::Append { conversation, entries }),
        1 => conversation.clone().prop_map(|conversation| Op::Zombie { conversation }),
        3 => (device.clone(), conversation.clone(), 0..20_u64)
            .prop_map(|(device, conversation, seq)| Op::Raise { device, conversation, seq }),
        2 => (device.clone(), 0..4_u64).prop_map(|(device, connection)| Op::PutSession { device, connection }),
        1 => (device.clone(), 0..4_u64, conversation.clone())
            .prop_map(|(device, connection, conversation)| Op::StartSession { device, connection, conversation }),
        1 => (device, 0..4_u64).prop_map(|(device, connection)| Op::EndSession { device, connection }),
        3 => (0..3_usize, any_value(), 0..4_u64)
            .prop_map(|(key, value, expected)| Op::Register { key, value, expected }),
        1 => conversation.clone().prop_map(|conversation| Op::Trim { conversation }),
        1 => Just(Op::Crash),
        1 => (conversation, 1..6_u64)
            .prop_map(|(conversation, entries)| Op::CrashWhileAppending { conversation, entries }),
    ]
}

fn any_value() -> impl Strategy<Value = Option<u8>> {
    proptest::option::weighted(0.8, 0..255_u8)
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 40, ..ProptestConfig::default() })]
    #[test]
    fn what_was_acknowledged_is_there_after_every_crash(ops in proptest::collection::vec(op(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for op in ops {
                run.step(op).await;
            }
            run.crash(None).await;
        });
    }
}

struct Run {
    bench: Bench,
    config: EmbeddedConfig,
    store: Arc<Embedded>,
    owners: Vec<Owner>,
    model: Model,
    crashes: usize,
}

impl Run {
    async fn new() -> Self {
        let bench = Bench::new();
        let (store, config) = (bench.open(), bench.config());
        let owners = take_all(&store).await;
        Self { bench, config, store, owners, model: Model::default(), crashes: 0 }
    }

    async fn step(&mut self, op: Op) {
        match op {
            Op::Append { conversation, entries } => {
                let entries = self.model.next_entries(NAMES[conversation], entries, self.bench.now());
                let outcome = self.owner(conversation).append(entries.clone(), &["alice", "bob"]).await;
                assert!(matches!(outcome, Outcome::Applied), "{outcome:?}");
                self.model.appended(&entries);
            }
            Op::Zombie { conversation } => {
                let tenure = self.owner(conversation).tenure;
                let fresh = Owner::take(any(&self.store), self.owner(conversation).shard).await;
                let zombie = self.owner(conversation);
                assert!(fresh.tenure.epoch > tenure.epoch);
                let id = longwave_persistence::contract::sample::conversation("zombie");
                let outcome = zombie.append(vec![message(&id, 9, "alice")], &[]).await;
                assert!(matches!(outcome, Outcome::NotApplied), "{outcome:?}");
                self.reown(conversation, fresh);
            }
            Op::Raise { device, conversation, seq } => {
                self.model.raise(&self.store, device, NAMES[conversation], seq).await
            }
            Op::PutSession { device, connection } => {
                let row = Model::session(device, connection);
                let written = self.store.put_session(row.clone()).await.unwrap();
                assert_eq!(written, self.model.put_session(row));
            }
            Op::StartSession { device, connection, conversation } => {
                let row = Model::session(device, connection);
                let cursors = vec![(
                    longwave_persistence::contract::sample::conversation(NAMES[conversation]),
                    longwave_model::Seq(connection),
                )];
                self.store.start_session(row.clone(), cursors.clone()).await.unwrap();
                self.model.start_session(row, cursors);
            }
            Op::EndSession { device, connection } => {
                let row = Model::session(device, connection);
                self.store.end_session(&row.user, &row.device, connection).await.unwrap();
                self.model.end_session(&row);
            }
            Op::Register { key, value, expected } => {
                let expected = match expected {
                    0 => Expected::Absent,
                    1 => Expected::Any,
                    version => Expected::Version(version - 1),
                };
                let key = format!("register/{key}");
                let value = value.map(|byte| bytes::Bytes::from(vec![byte]));
                let put: Put = self.store.put(&key, value.clone(), expected).await.unwrap();
                assert_eq!(put, self.model.put_register(&key, value, expected));
            }
            Op::Trim { conversation } => {
                let owner = self.owner(conversation);
                owner.settle().await;
                let (shard, through) = (owner.shard, owner.tenure.head);
                self.store.trim(shard, through).await.unwrap();
                assert_eq!(self.store.tail(shard, longwave_model::Position(0), 10).await.unwrap(), []);
            }
            Op::Crash => self.crash(None).await,
            Op::CrashWhileAppending { conversation, entries } => {
                self.crash(Some((conversation, entries))).await;
            }
        }
    }

    /// Goes on with a copy of the files, and compares everything.
    async fn crash(&mut self, appending: Option<(usize, u64)>) {
        self.crashes += 1;
        let copy = format!("crash-{}", self.crashes);
        let in_flight = appending.map(|(conversation, entries)| {
            (conversation, self.model.next_entries(NAMES[conversation], entries, self.bench.now()))
        });
        let path = match &in_flight {
            None => self.bench.copy_from(&self.config.path, &copy),
            Some((conversation, entries)) => {
                let owner = &mut self.owners[slot(*conversation)];
                let (bench, from) = (&self.bench, self.config.path.clone());
                let copying = async {
                    tokio::task::yield_now().await;
                    tokio::task::block_in_place(|| bench.copy_from(&from, &copy))
                };
                let (outcome, path) = tokio::join!(owner.append(entries.clone(), &["alice", "bob"]), copying);
                assert!(matches!(outcome, Outcome::Applied), "{outcome:?}");
                path
            }
        };
        self.config.path = path;
        self.store = Arc::new(Embedded::open(self.config.clone()).unwrap());
        self.owners = take_all(&self.store).await;
        if let Some((_, entries)) = in_flight {
            self.model.perhaps_appended(&self.store, &entries).await;
        }
        self.model.compare(&self.store).await;
    }

    fn owner(&mut self, conversation: usize) -> &mut Owner {
        &mut self.owners[slot(conversation)]
    }

    fn reown(&mut self, conversation: usize, owner: Owner) {
        self.owners[slot(conversation)] = owner;
    }
}

/// The shard of a conversation, in the order of `take_all`.
fn slot(conversation_index: usize) -> usize {
    usize::from(longwave_model::shard_of(&conversation(NAMES[conversation_index]), 4).0)
}

async fn take_all(store: &Arc<Embedded>) -> Vec<Owner> {
    let mut owners = Vec::new();
    for shard in 0..4 {
        owners.push(Owner::take(any(store), longwave_model::ShardId(shard)).await);
    }
    owners
}

/// The first entry of each conversation of the test.
fn first_entry(name: &str) -> longwave_model::Entry {
    let kind = if name.contains(':') { ConversationKind::Direct } else { ConversationKind::Group };
    assert!(user("alice") < user("bob"));
    created(&conversation(name), kind, &[("alice", Role::Owner), ("bob", Role::Member)])
}
