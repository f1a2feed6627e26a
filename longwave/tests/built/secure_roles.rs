//! A broker and a bridge that reach each other, Cassandra and Redis by TLS alone, with users and passwords.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use longwave_testkit::client::Client;
use longwave_testkit::server::{Role, Server, ServerPlan};
use longwave_testkit::wire::Hello;
use longwave_testkit::{engine, http};

use crate::rig::{binary, eventually, longwave, set};

/// A secure engine, and its authority's certificate.
struct Engine {
    address: String,
    roots: PathBuf,
}

impl Engine {
    fn find(name: &str, usual: &str) -> Option<Self> {
        let address = engine::find(name, usual)?;
        let roots = engine::authority(name, env!("CARGO_TARGET_TMPDIR"));
        Some(Self { address, roots })
    }
}

#[test]
fn messages_pass_where_every_connection_is_tls() {
    let Some(cassandra) = Engine::find("cassandra-secure", "127.0.0.1:19142") else { return };
    let Some(redis) = Engine::find("redis-secure", "127.0.0.1:16381") else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let pair = rcgen::generate_simple_self_signed(vec!["brokers.longwave".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["brokers.longwave".to_owned()]).unwrap();
    let certificate = file("broker.pem", &pair.cert.pem());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let settings = |roots: &str| {
        [
            format!("cassandra.contact_points={}", cassandra.address),
            format!("cassandra.keyspace=secure_{now:x}"),
            "cassandra.replication_factor=1".to_owned(),
            "cassandra.shards=4".to_owned(),
            "cassandra.user=cassandra".to_owned(),
            format!("cassandra.password_file={}", file("cassandra", "cassandra\n")),
            format!("cassandra.root_certificates={}", cassandra.roots.display()),
            "cassandra.local_data_centre=datacenter1".to_owned(),
            format!("redis.addresses={}", redis.address),
            "redis.user=longwave".to_owned(),
            format!("redis.password_file={}", file("redis", "longwave-test\n")),
            format!("redis.root_certificates={}", redis.roots.display()),
            format!("link.secret_file={}", file("secret", "a secret of this test run\n")),
            format!("link.certificate={certificate}"),
            format!("link.key={}", file("broker.key", &pair.signing_key.serialize_pem())),
            format!("link.root_certificates={roots}"),
            "link.server_name=brokers.longwave".to_owned(),
            "link.listen=127.0.0.1:0".to_owned(),
            "log.level=info,scylla=warn".to_owned(),
        ]
    };
    let arguments = |roots: &str| set(&settings(roots).each_ref().map(String::as_str));
    // A new node makes its first user a moment after it serves clients.
    eventually("the schema is made", || {
        let made = longwave(&[vec!["schema".to_owned()], arguments(&certificate)].concat());
        assert!(made.code == 0 || made.said().contains("(error 5011)"), "{}", made.said());
        made.code == 0
    });
    let start = |role: Role, name: &str, roots: &str| {
        let home = directory.path().join(name);
        std::fs::create_dir_all(&home).unwrap();
        let mut plan = ServerPlan::new(binary(), &home).unwrap();
        plan.role = role;
        plan.arguments = arguments(roots);
        Server::start(plan).unwrap()
    };
    let broker = start(Role::Broker, "broker", &certificate);

    let stranger = start(Role::Bridge, "stranger", &file("other.pem", &other.cert.pem()));
    let reasons = || http::get(stranger.plan().admin, "/readyz").map(|(_, text)| text).unwrap_or_default();
    eventually("the bridge that does not trust the broker says why", || {
        let said = reasons();
        said.contains("TLS: invalid peer certificate") && said.contains("error 5012")
    });
    assert!(stranger.end_of_log().contains("5012"), "{}", stranger.end_of_log());
    let metrics = || http::get(broker.plan().admin, "/metrics").map(|(_, text)| text).unwrap_or_default();
    let number = |name: &str| metrics().lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
    eventually("the broker counts what it refused", || number("longwave_link_handshakes_failed_total") > Some(0.0));
    drop(stranger);
    assert!(number("longwave_link_certificate_expires_timestamp_seconds") > Some(0.0), "{}", metrics());

    let bridge = start(Role::Bridge, "bridge", &certificate);
    for server in [&broker, &bridge] {
        server.wait_until_ready().unwrap();
    }
    let device = |user: &str| Client::connect(broker.plan().mqtt, &Hello::durable(user, "phone")).unwrap();
    let (mut alice, mut bob) = (device("alice"), device("bob"));
    bob.listen().unwrap();
    for text in ["one", "two", "three"] {
        assert_eq!(alice.say("@bob", text).unwrap().code, 0);
    }
    assert_eq!(bob.bodies(3).unwrap(), ["one", "two", "three"]);
}
