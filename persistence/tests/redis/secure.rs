//! TLS and ACL: a user with exactly the permissions that docs/operate/redis.md lists can do everything, and nobody else can do anything.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use longwave_model::{Content, ConversationKind, Created, Entry, ErrorCode, Seq};
use longwave_persistence::redis::{BusEvent, NodeRecord, NodeRole, RedisConfig, Topology};
use longwave_testkit::engine;

use crate::engine::{at, connect, conversation, next, node, session, take, user};

fn secure() -> Option<RedisConfig> {
    let address = engine::find("redis-secure", "127.0.0.1:16381")?;
    Some(listed_user(address, "redis-secure"))
}

fn secure_cluster() -> Option<RedisConfig> {
    let address = engine::find("redis-secure-cluster", "127.0.0.1:17104")?;
    let config = listed_user(address, "redis-secure-cluster");
    Some(RedisConfig { topology: Topology::Cluster, ..config })
}

fn listed_user(address: String, name: &str) -> RedisConfig {
    RedisConfig {
        user: Some("longwave".to_owned()),
        password: Some("longwave-test".to_owned()),
        root_certificates: Some(engine::authority(name, env!("CARGO_TARGET_TMPDIR"))),
        // The only one whose keys and channels the user may touch.
        prefix: "lw".to_owned(),
        ..at(address)
    }
}

/// Runs a check on one server and on a cluster.
macro_rules! on_both {
    ($($check:ident),* $(,)?) => {
        mod alone {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                let Some(config) = super::secure() else { return };
                super::$check(config).await;
            })*
        }
        mod cluster {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                let Some(config) = super::secure_cluster() else { return };
                super::$check(config).await;
            })*
        }
    };
}
on_both!(
    the_listed_permissions_are_enough,
    every_master_is_reached,
    others_are_kept_out,
    a_server_of_another_authority_is_not_trusted
);

async fn the_listed_permissions_are_enough(config: RedisConfig) {
    let redis = connect(&config).await;
    let name = format!("n{}", std::process::id());
    let (one, phone, channel) = (node(&name), [session(&name, "phone")], [conversation(&name)]);
    redis.ping().await.unwrap();
    redis.register(&one, &phone).await.unwrap();
    redis.refresh(&one, &phone).await.unwrap();
    assert_eq!(redis.nodes_of(&[user(&name)]).await.unwrap()[0].as_slice(), std::slice::from_ref(&one));
    assert_eq!(redis.node_of_device(&phone[0].0, &phone[0].1).await.unwrap(), Some(one.clone()));
    redis.unregister(&one, &phone).await.unwrap();
    redis.register_interest(&one, &channel).await.unwrap();
    assert_eq!(redis.interested(&channel).await.unwrap()[0].as_slice(), std::slice::from_ref(&one));
    redis.unregister_interest(&one, &channel).await.unwrap();
    let record =
        NodeRecord { id: one.clone(), role: NodeRole::Broker, address: None, started: 1, version: "1".to_owned() };
    redis.announce(&record).await.unwrap();
    assert!(redis.nodes().await.unwrap().contains(&record));
    redis.withdraw(&one).await.unwrap();
    let entry = Arc::new(Entry {
        conversation: channel[0].clone(),
        seq: Seq(1),
        ts: 1,
        sender: user(&name),
        device: None,
        id: None,
        expires_at: None,
        origin: None,
        content: Content::Created(Created { kind: ConversationKind::Group, title: None, members: Vec::new() }),
    });
    redis.remember(std::slice::from_ref(&entry)).await.unwrap();
    assert_eq!(redis.recall(&channel[0], 1..=1).await.unwrap(), Some(vec![entry]));
    assert_eq!(take(&redis, &name, 1, 1, 1).await.unwrap(), None);
    let mut receiver = redis.subscribe(&one);
    assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
    let hello = Bytes::from_static(b"hello");
    // All tests of these servers have the same prefix, so this one takes what an earlier one left.
    redis.stream_add(60_000, std::slice::from_ref(&hello)).await.unwrap();
    assert!(redis.stream_state(&[60_000]).await.unwrap()[0].is_some());
    assert!(!redis.stream_read("other", &[60_000], 10).await.unwrap().is_empty());
    let claimed = redis.stream_claim("one", 60_000, Duration::ZERO, 100).await.unwrap();
    let ids: Vec<_> = claimed.iter().map(|(id, _)| *id).collect();
    redis.stream_done(60_000, &ids).await.unwrap();
    assert_eq!(redis.publish(vec![(one.clone(), hello.clone())]).await.unwrap(), [1]);
    assert_eq!(next(&mut receiver).await, BusEvent::Message(hello));
    assert_eq!(redis.unavailable(), None);
}

/// Keys and channels in all parts of the key space, each over a connection and a script of its own where there are several masters.
async fn every_master_is_reached(config: RedisConfig) {
    let redis = connect(&config).await;
    for number in 0..64 {
        let name = format!("m{}-{number}", std::process::id());
        let (one, phone) = (node(&name), [session(&name, "phone")]);
        redis.register(&one, &phone).await.unwrap();
        assert_eq!(redis.node_of_device(&phone[0].0, &phone[0].1).await.unwrap(), Some(one.clone()));
        redis.unregister(&one, &phone).await.unwrap();
        assert_eq!(take(&redis, &name, 1, 1, 1).await.unwrap(), None);
    }
    let names = (0..8).map(|number| node(&format!("b{}-{number}", std::process::id())));
    let hello = Bytes::from_static(b"hello");
    for name in names {
        let mut receiver = redis.subscribe(&name);
        assert_eq!(next(&mut receiver).await, BusEvent::Subscribed);
        assert_eq!(redis.publish(vec![(name, hello.clone())]).await.unwrap(), [1]);
        assert_eq!(next(&mut receiver).await, BusEvent::Message(hello.clone()));
    }
}

async fn others_are_kept_out(config: RedisConfig) {
    let wrong_password = RedisConfig { password: Some("longwave".to_owned()), ..config.clone() };
    let nobody = RedisConfig { user: None, password: None, ..config.clone() };
    let other_keys = RedisConfig { prefix: "other".to_owned(), ..config.clone() };
    for refused in [wrong_password, nobody, other_keys] {
        let error = connect(&refused).await.ping().await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::RedisRefused, "{error}");
    }
    let plain = RedisConfig { root_certificates: None, ..config.clone() };
    let error = connect(&plain).await.ping().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::RedisUnavailable, "{error}");
}

async fn a_server_of_another_authority_is_not_trusted(config: RedisConfig) {
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("other.pem");
    let made = std::process::Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=other".split(' '))
        .arg("-keyout")
        .arg(directory.path().join("other.key"))
        .arg("-out")
        .arg(&roots)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let redis = connect(&RedisConfig { root_certificates: Some(roots), ..config }).await;
    let error = redis.ping().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::RedisUnavailable);
    assert!(error.to_string().contains("certificate"), "{error}");
}
