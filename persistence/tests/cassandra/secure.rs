//! TLS, a password, permissions and a pinned data centre, against a node that insists on the first two (`cassandra-secure`).
//!
//! The contract is met here as an operator is told to run it: one user makes the keyspace, another has no more than SELECT and MODIFY
//! on it, and everything stays in the home data centre.

use std::path::{Path, PathBuf};
use std::time::Duration;

use longwave_model::ErrorCode;
use longwave_persistence::cassandra::{Cassandra, CassandraConfig, CassandraError, Credentials, Replication, migrate};
use longwave_testkit::engine;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::engine::{Keyspace, address, new, session};

/// The data centre of a node that says nothing of it.
const HOME: &str = "datacenter1";
const PASSWORD: &str = "longwave-test";
/// How long something may take before the test is failed.
const PATIENCE: Duration = Duration::from_secs(60);

// Those that use every kind of statement: conditional batches, range deletes, timestamps, lists, scans.
longwave_persistence::contract_tests!(fresh;
    fence::an_append_counts_positions
    fence::a_zombie_appends_nothing
    fence::of_two_racing_owners_one_wins_each_position
    fence::a_restart_keeps_the_fence
    fence::trimmed_rows_stay_away
    logs::pages_run_both_ways
    logs::dedup_knows_the_first_attempt
    devices::ending_a_session_takes_its_cursors
    registers::only_one_writer_wins
);

/// A keyspace of one user, opened by another, at home.
async fn fresh() -> Option<Keyspace> {
    let config = secure()?;
    prepare(&config).await;
    let maker = CassandraConfig {
        credentials: credentials("longwave_schema", PASSWORD),
        replication: Replication::DataCentres(vec![(HOME.to_owned(), 1)]),
        local_data_centre: Some(HOME.to_owned()),
        ..config
    };
    let mut keyspace = Keyspace::made(maker.clone()).await;
    let grants = session(&maker).await.unwrap();
    for permission in ["SELECT", "MODIFY"] {
        let grant = format!("GRANT {permission} ON KEYSPACE {} TO longwave", maker.keyspace);
        grants.query_unpaged(grant, ()).await.unwrap();
    }
    keyspace.config.credentials = credentials("longwave", PASSWORD);
    keyspace.open().await;
    Some(keyspace)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_right_is_told_so() {
    let Some(config) = secure() else { return };
    prepare(&config).await;
    for (user, password) in [("longwave", "wrong"), ("nobody", PASSWORD)] {
        let wrong = CassandraConfig { credentials: credentials(user, password), ..config.clone() };
        for error in both(&wrong).await {
            assert_eq!(error.code(), ErrorCode::CassandraRefused, "{error}");
            let text = error.to_string();
            assert!(text.contains(&format!("username {user}")), "{text}");
            assert!(text.contains(&config.contact_points[0]) && !text.contains(password), "{text}");
        }
    }
    for error in both(&CassandraConfig { credentials: None, ..config.clone() }).await {
        assert_eq!(error.code(), ErrorCode::CassandraRefused, "{error}");
        assert!(error.to_string().contains("cassandra.password_file"), "{error}");
    }
    let error = migrate(&config).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CassandraRefused, "{error}");
    assert!(error.to_string().contains("User longwave has no CREATE permission"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_what_both_sides_say_or_nothing() {
    let Some(config) = secure() else { return };
    let directory = tempfile::tempdir().unwrap();
    let other = other_authority(directory.path());
    for error in both(&CassandraConfig { root_certificates: Some(other), ..config.clone() }).await {
        assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{error}");
        let text = error.to_string();
        assert!(text.contains("UnknownIssuer") && text.contains("cassandra.root_certificates"), "{text}");
    }
    for error in both(&CassandraConfig { root_certificates: None, ..config.clone() }).await {
        assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{error}");
        let text = error.to_string();
        assert!(text.contains("TLS alone") && text.contains("cassandra.root_certificates"), "{text}");
    }
    for file in ["absent.pem", "empty.pem"] {
        std::fs::write(directory.path().join("empty.pem"), "nothing").unwrap();
        let roots = Some(directory.path().join(file));
        for error in both(&CassandraConfig { root_certificates: roots, ..config.clone() }).await {
            assert_eq!(error.code(), ErrorCode::BadSetting, "{error}");
            assert!(error.to_string().contains(file), "{error}");
        }
    }
    let Some(plain) = address() else { return };
    for error in both(&CassandraConfig { contact_points: vec![plain], ..config }).await {
        assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{error}");
        assert!(error.to_string().contains("does not speak TLS"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_centre_that_is_not_there_is_named_with_those_that_are() {
    let Some(config) = secure() else { return };
    prepare(&config).await;
    for error in both(&CassandraConfig { local_data_centre: Some("east".to_owned()), ..config }).await {
        assert_eq!(error.code(), ErrorCode::BadSetting, "{error}");
        let text = error.to_string();
        assert!(text.contains("\"east\"") && text.contains(HOME), "{text}");
    }
}

/// How opening and making it fail. A driver that tries for ever would hang here.
async fn both(config: &CassandraConfig) -> [CassandraError; 2] {
    let opened = timeout(PATIENCE, Box::pin(Cassandra::connect(config))).await.expect("it never gives up");
    let made = timeout(PATIENCE, Box::pin(migrate(config))).await.expect("it never gives up");
    [opened.unwrap_err(), made.unwrap_err()]
}

fn secure() -> Option<CassandraConfig> {
    let address = engine::find("cassandra-secure", "127.0.0.1:19142")?;
    Some(CassandraConfig {
        root_certificates: Some(engine::authority("cassandra-secure", env!("CARGO_TARGET_TMPDIR"))),
        credentials: credentials("longwave", PASSWORD),
        ..new(address)
    })
}

fn credentials(user: &str, password: &str) -> Option<Credentials> {
    Some(Credentials { user: user.to_owned(), password: password.to_owned() })
}

/// Makes the users, once.
async fn prepare(config: &CassandraConfig) {
    static DONE: OnceCell<()> = OnceCell::const_new();
    let users = async || {
        let config = CassandraConfig { credentials: credentials("cassandra", "cassandra"), ..config.clone() };
        // A new node makes its first user a moment after it serves clients.
        let logged_in = async {
            loop {
                match session(&config).await {
                    Ok(session) => break session,
                    Err(_) => tokio::time::sleep(Duration::from_millis(300)).await,
                }
            }
        };
        let session = timeout(PATIENCE, logged_in).await.expect("Cassandra's own user cannot log in");
        for user in ["longwave", "longwave_schema"] {
            let role = format!("CREATE ROLE IF NOT EXISTS {user} WITH PASSWORD = '{PASSWORD}' AND LOGIN = true");
            session.query_unpaged(role, ()).await.unwrap();
        }
        session.query_unpaged("GRANT CREATE ON ALL KEYSPACES TO longwave_schema", ()).await.unwrap();
    };
    DONE.get_or_init(users).await;
}

fn other_authority(directory: &Path) -> PathBuf {
    let roots = directory.join("other.pem");
    let made = std::process::Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=other".split(' '))
        .arg("-keyout")
        .arg(directory.join("other.key"))
        .arg("-out")
        .arg(&roots)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    roots
}
