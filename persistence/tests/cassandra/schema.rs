//! The schema: made by several at once, made again, and refused where it does not fit.

use longwave_model::ErrorCode;
use longwave_persistence::cassandra::{Cassandra, CassandraConfig, CassandraError, SCHEMA_VERSION, migrate};
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
async fn a_node_that_is_not_there_is_named() {
    let config = CassandraConfig::new(vec!["127.0.0.1:1".to_owned()]);
    let refused = Cassandra::connect(&config).await.unwrap_err();
    assert!(refused.to_string().contains("127.0.0.1:1"), "{refused}");
    assert_eq!(refused.code(), ErrorCode::StoreUnavailable);
}
