//! Bridges and push workers in processes of their own, killed in turn, on a Redis that loses what they hand over.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use longwave_testkit::client::Client;
use longwave_testkit::engine;
use longwave_testkit::server::{Role, Server, ServerPlan};
use longwave_testkit::wire::Hello;

use crate::push_rig::{Providers, register, shown_by};
use crate::rig::{binary, eventually, figure, longwave};

const SHARDS: u16 = 4;
const PHONES: usize = 12;

#[test]
fn no_push_is_lost_between_bridges_and_workers() {
    let Some(cassandra) = engine::find("cassandra", "127.0.0.1:19042") else { return };
    let Some(redis) = engine::find("redis", "127.0.0.1:16379") else { return };
    let providers = Providers::start();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let name = format!("push_{:x}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros());
    let settings = [
        format!("cassandra.contact_points={cassandra}"),
        format!("cassandra.keyspace={name}"),
        "cassandra.replication_factor=1".to_owned(),
        format!("cassandra.shards={SHARDS}"),
        format!("redis.addresses={redis}"),
        format!("redis.prefix={name}"),
        format!("link.secret_file={}", file("secret", "a secret of this test run\n")),
        "link.listen=127.0.0.1:0".to_owned(),
        "push.longest_window_seconds=2".to_owned(),
        "log.level=info,scylla=warn".to_owned(),
    ];
    let mut arguments = vec!["--config".to_owned(), file("longwave.toml", &providers.settings)];
    arguments.extend(Providers::arguments(&settings.each_ref().map(String::as_str)));
    let made = longwave(&[vec!["schema".to_owned()], arguments.clone()].concat());
    assert_eq!(made.code, 0, "{}", made.said());
    let start = |role: Role, name: &str| {
        let home = directory.path().join(name);
        std::fs::create_dir_all(&home).unwrap();
        let mut plan = ServerPlan::new(binary(), &home).unwrap();
        plan.role = role;
        plan.arguments.clone_from(&arguments);
        Server::start(plan).unwrap()
    };
    let broker = start(Role::Broker, "broker");
    let mut bridge = start(Role::Bridge, "bridge");
    let mut workers = [start(Role::Push, "one"), start(Role::Push, "two")];
    for server in [&broker, &bridge, &workers[0], &workers[1]] {
        server.wait_until_ready().unwrap();
    }

    let device = |user: &str, device: &str| Client::connect(broker.plan().mqtt, &Hello::durable(user, device)).unwrap();
    let phones: Vec<(String, String)> = (0..PHONES).map(|n| (format!("user{n}"), format!("{n:04x}"))).collect();
    for (user, token) in &phones {
        let mut phone = device(user, "phone");
        phone.listen().unwrap();
        register(&mut phone, token);
        phone.leave().unwrap();
    }
    let mut owed: HashMap<&str, u64> = HashMap::new();
    let mut alice = device("alice", "laptop");
    for round in 0..4 {
        for (user, _) in phones.iter().cycle().take(3 * PHONES) {
            let seq = alice.say(&format!("@{user}"), "x").unwrap().seq.unwrap();
            owed.insert(user, seq);
        }
        // The first pushes go out about now.
        std::thread::sleep(Duration::from_millis(900 + 100 * round));
        match round {
            0 => {
                workers[0].kill().unwrap();
                workers[0].restart().unwrap();
            }
            1 => lose_streams(&redis, &name),
            2 => {
                bridge.kill().unwrap();
                bridge.restart().unwrap();
                bridge.wait_until_ready().unwrap();
            }
            _ => {
                workers[1].kill().unwrap();
                lose_streams(&redis, &name);
                workers[1].restart().unwrap();
            }
        }
    }
    for worker in &workers {
        worker.wait_until_ready().unwrap();
    }
    let state = |user: &str| {
        let line = shown_by(&workers[0].plan().data, user).into_iter().find(|line| line.contains("@alice"))?;
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse::<u64>().ok()?))
    };
    let mut sent = 0;
    for (user, token) in &phones {
        let last = ("sent".to_owned(), owed[user.as_str()]);
        eventually(&format!("{user} is told of {}", last.1), || state(user).as_ref() == Some(&last));
        let seqs: Vec<String> =
            providers.alerts(token).iter().map(|push| push["longwave"]["seq"].to_string()).collect();
        let mut once = seqs.clone();
        once.dedup();
        assert!(seqs.len() - once.len() <= 4, "more often than processes were killed: {seqs:?}");
        sent += seqs.len();
    }
    figure(&format!(
        "two workers and a bridge killed, streams lost twice: every push ended, {sent} sent to {PHONES} phones"
    ));
}

/// What is left when Redis was emptied.
fn lose_streams(redis: &str, prefix: &str) {
    let mut stream = TcpStream::connect(redis).unwrap();
    for shard in 0..SHARDS {
        writeln!(stream, "DEL {prefix}:push:{shard}\r").unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[0], b':', "{answer:?}");
    }
}
