//! Faults between the driver and Cassandra: what an append that got no clear answer did is *unknown* until the owner has raised its
//! epoch and looked (protocol rule 1).

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use longwave_model::{Entry, Position, ShardId};
use longwave_persistence::cassandra::{Cassandra, CassandraConfig};
use longwave_persistence::contract::sample::{Owner, conversation, message};
use longwave_persistence::{Appended, Audience, Journal as _, Outcome};
use scylla::errors::{DbError, WriteType};
use scylla::statement::Consistency;
use scylla_proxy::{
    Condition, Node, Proxy, Reaction as _, RequestOpcode, RequestReaction, RequestRule, ResponseOpcode,
    ResponseReaction, ResponseRule, RunningProxy, ShardAwareness,
};

use crate::engine::{Keyspace, address};

/// A store whose every packet goes through a proxy.
struct Faulty {
    keyspace: Keyspace,
    proxy: RunningProxy,
    store: Arc<Cassandra>,
}

impl Faulty {
    async fn fresh(number: u8) -> Option<Self> {
        let keyspace = Keyspace::fresh().await?;
        let real: SocketAddr = address()?.to_socket_addrs().unwrap().next().unwrap();
        let proxied = SocketAddr::from(([127, 0, 200, number], real.port()));
        let node = Node::builder().real_address(real).proxy_address(proxied).shard_awareness(ShardAwareness::Unaware);
        let proxy = Proxy::new([node.build()]).run().await.unwrap();
        let config = CassandraConfig {
            contact_points: vec![proxied.to_string()],
            translations: vec![(real, proxied)],
            request_timeout: Duration::from_secs(3),
            ..keyspace.config.clone()
        };
        let store = Arc::new(Cassandra::connect(&config).await.unwrap());
        Some(Self { keyspace, proxy, store })
    }

    fn requests(&mut self, rules: Vec<RequestRule>) {
        self.proxy.running_nodes[0].change_request_rules(Some(rules));
    }

    fn responses(&mut self, rules: Vec<ResponseRule>) {
        self.proxy.running_nodes[0].change_response_rules(Some(rules));
    }

    async fn end(mut self) {
        self.proxy.turn_off_rules();
        drop(self.store);
        // Not `finish`, which panics when connections that rules have cut end at the same moment.
        drop(self.proxy);
        self.keyspace.drop().await;
    }
}

/// The next append, as conditional batches are the only ones here.
fn next_append() -> Condition {
    Condition::RequestOpcode(RequestOpcode::Batch).and(Condition::TrueForLimitedTimes(1))
}

fn cas_timeout() -> DbError {
    DbError::WriteTimeout { consistency: Consistency::Serial, received: 0, required: 1, write_type: WriteType::Cas }
}

fn entry(seq: u64, sender: &str) -> Entry {
    Entry { id: None, ..message(&conversation("alice:bob"), seq, sender) }
}

async fn append(store: &Cassandra, owner: &Owner, entry: Entry) -> Outcome {
    let appended = Appended { entry: Arc::new(entry), audience: Arc::new(Audience::default()) };
    store.append(owner.request(vec![appended])).await
}

/// What an owner does about an unknown outcome: raise the epoch, then compare.
async fn resolve(store: &Arc<Cassandra>, owner: &mut Owner, wanted: &str) -> bool {
    let before = owner.tenure.head;
    loop {
        // Taking the shard may meet the same fault.
        match store.take(ShardId(2), longwave_model::OwnerId(7)).await {
            Ok(tenure) => {
                owner.tenure = tenure;
                break;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    let there = store.tail(ShardId(2), before, 10).await.unwrap();
    there.first().is_some_and(|row| row.entry.sender.as_str() == wanted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_before_it_is_applied() {
    let Some(mut faulty) = Faulty::fresh(1).await else { return };
    let mut owner = Owner::take(faulty.store.clone(), ShardId(2)).await;
    faulty.requests(vec![RequestRule(next_append(), RequestReaction::forge_with_error(cas_timeout()))]);
    let outcome = append(&faulty.store, &owner, entry(1, "alice")).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert!(!resolve(&faulty.store, &mut owner, "alice").await);
    assert_eq!(owner.tenure.head, Position(0));
    assert!(matches!(append(&faulty.store, &owner, entry(1, "alice")).await, Outcome::Applied));
    faulty.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_after_it_was_applied() {
    let Some(mut faulty) = Faulty::fresh(2).await else { return };
    let mut owner = Owner::take(faulty.store.clone(), ShardId(2)).await;
    let answer = Condition::ResponseOpcode(ResponseOpcode::Result)
        .and(Condition::BodyContainsCaseSensitive(b"[applied]".to_vec().into()))
        .and(Condition::TrueForLimitedTimes(1));
    faulty.responses(vec![ResponseRule(answer, ResponseReaction::drop_frame())]);
    let outcome = append(&faulty.store, &owner, entry(1, "alice")).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert!(resolve(&faulty.store, &mut owner, "alice").await, "it is there, once");
    assert_eq!(owner.tenure.head, Position(1));
    faulty.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut() {
    let Some(mut faulty) = Faulty::fresh(3).await else { return };
    let mut owner = Owner::take(faulty.store.clone(), ShardId(2)).await;
    faulty.requests(vec![RequestRule(next_append(), RequestReaction::drop_connection())]);
    let outcome = append(&faulty.store, &owner, entry(1, "alice")).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    let landed = resolve(&faulty.store, &mut owner, "alice").await;
    assert_eq!(owner.tenure.head, Position(u64::from(landed)));
    faulty.end().await;
}

/// The execution that makes `head` alone worthless: the batch lands after the owner has looked, inside what would be the same epoch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_lands_late_is_fenced_by_the_raised_epoch() {
    let Some(mut faulty) = Faulty::fresh(4).await else { return };
    let mut owner = Owner::take(faulty.store.clone(), ShardId(2)).await;
    // Held back for longer than the driver waits, and then sent on.
    let held = RequestReaction::delay(Duration::from_secs(6));
    faulty.requests(vec![RequestRule(next_append(), held)]);
    let outcome = append(&faulty.store, &owner, entry(1, "late")).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert!(!resolve(&faulty.store, &mut owner, "late").await, "it has not landed yet");
    // The proxy holds back what comes after it on the same connection too.
    let direct = faulty.keyspace.store.clone().unwrap();
    let second = append(&direct, &owner, entry(1, "prompt")).await;
    assert!(matches!(second, Outcome::Applied), "{second:?}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let tail = direct.tail(ShardId(2), Position(0), 10).await.unwrap();
    let senders: Vec<_> = tail.iter().map(|row| (row.position.0, row.entry.sender.as_str())).collect();
    assert_eq!(senders, [(1, "prompt")], "what was acknowledged is what is stored");
    faulty.end().await;
}
