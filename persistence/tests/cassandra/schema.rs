//! The schema: made by several at once, made again, and refused where it does not fit.

use longwave_model::{ErrorCode, Seq};
use longwave_persistence::cassandra::{Cassandra, CassandraConfig, CassandraError, SCHEMA_VERSION, migrate};
use longwave_persistence::contract::sample::{conversation, device, user};
use longwave_persistence::{Expected, PushRecord, PushState, Pushes, Registers};
use scylla::client::session_builder::SessionBuilder;

use crate::engine::Keyspace;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_does_not_fit_is_refused() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let config = keyspace.config.clone();
    // Again, and by several at once.
    let (one, other) = tokio::join!(migrate(&config), migrate(&config));
    assert_eq!((one.unwrap(), other.unwrap()), (SCHEMA_VERSION, SCHEMA_VERSION));

    let more = CassandraConfig { shards: 8, ..config.clone() };
    for refused in [Cassandra::connect(&more).await.err(), migrate(&more).await.err()] {
        assert!(matches!(refused, Some(CassandraError::ShardMismatch { stored: 4, asked: 8 })), "{refused:?}");
    }
    let nowhere = CassandraConfig { keyspace: "test_not_there".to_owned(), ..config.clone() };
    let refused = Cassandra::connect(&nowhere).await.unwrap_err();
    assert!(matches!(refused, CassandraError::SchemaMissing { found: 0, .. }), "{refused}");
    assert!(refused.to_string().contains("longwave schema"));
    assert_eq!(refused.code(), ErrorCode::SchemaMissing);

    let session = SessionBuilder::new().known_nodes(&config.contact_points).build().await.unwrap();
    let newer = format!("UPDATE {}.meta USING TIMESTAMP 9 SET value = 9 WHERE key = 'schema_version'", config.keyspace);
    session.query_unpaged(newer, ()).await.unwrap();
    for refused in [Cassandra::connect(&config).await.err(), migrate(&config).await.err()] {
        assert!(matches!(refused, Some(CassandraError::NewerSchema { found: 9, .. })), "{refused:?}");
    }
    keyspace.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_of_version_1_is_upgraded() {
    let Some(mut keyspace) = Keyspace::fresh().await else { return };
    let store = keyspace.store.take().unwrap();
    store.put("user/alice", Some("secret".into()), Expected::Any).await.unwrap();
    drop(store);
    let config = keyspace.config.clone();
    let session = SessionBuilder::new().known_nodes(&config.contact_points).build().await.unwrap();
    let k = &config.keyspace;
    // The version is written with itself as its timestamp, so no lower one can take its place but in a table of its own.
    for statement in [
        format!("DROP TABLE {k}.push"),
        format!("DROP TABLE {k}.meta"),
        format!("CREATE TABLE {k}.meta (key text PRIMARY KEY, value bigint)"),
        format!("INSERT INTO {k}.meta (key, value) VALUES ('shards', 4) IF NOT EXISTS"),
        format!("UPDATE {k}.meta USING TIMESTAMP 1 SET value = 1 WHERE key = 'schema_version'"),
    ] {
        session.query_unpaged(statement, ()).await.unwrap();
    }
    let refused = Cassandra::connect(&config).await.unwrap_err();
    assert!(matches!(refused, CassandraError::SchemaMissing { found: 1, needed: 2, .. }), "{refused}");
    assert!(refused.to_string().contains("longwave schema"), "{refused}");

    let (one, other) = tokio::join!(migrate(&config), migrate(&config));
    assert_eq!((one.unwrap(), other.unwrap()), (SCHEMA_VERSION, SCHEMA_VERSION));
    let store = Cassandra::connect(&config).await.unwrap();
    assert_eq!(store.get("user/alice").await.unwrap().unwrap().value, "secret");
    assert_eq!(store.push_records(&user("alice")).await.unwrap(), []);
    keyspace.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_record_expires_after_thirty_days() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let store = keyspace.store.clone().unwrap();
    let record = PushRecord {
        user: user("alice"),
        device: device("phone"),
        conversation: conversation("team"),
        seq: Seq(7),
        state: PushState::Sent,
        detail: None,
        ts: 1,
    };
    store.record_pushes(vec![record]).await.unwrap();
    let session = SessionBuilder::new().known_nodes(&keyspace.config.contact_points).build().await.unwrap();
    let text = format!("SELECT TTL(record), WRITETIME(record) FROM {}.push", keyspace.config.keyspace);
    let rows = session.query_unpaged(text, ()).await.unwrap().into_rows_result().unwrap();
    let (left, written): (i32, i64) = rows.single_row().unwrap();
    let thirty_days = 30 * 24 * 60 * 60;
    assert!((thirty_days - 3600..=thirty_days).contains(&left), "{left}");
    assert_eq!(written, 7, "the timestamp is the seq");
    keyspace.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_not_there_is_named() {
    let config = CassandraConfig::new(vec!["127.0.0.1:1".to_owned()]);
    let refused = Cassandra::connect(&config).await.unwrap_err();
    assert!(refused.to_string().contains("127.0.0.1:1"), "{refused}");
    assert_eq!(refused.code(), ErrorCode::StoreUnavailable);
}
