//! Plain topics from outside: open with `--dev` only, and what of them a killed server still knows.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use longwave_testkit::client::{Client, PATIENCE};
use longwave_testkit::wire::{self, Hello};

use crate::rig::{Rig, binary, run};

/// A 3.1.1 client that leaves no session, with a will, which publishes one retained message.
fn retain_with_a_will(server: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut connect = Vec::new();
    wire::text(&mut connect, b"MQTT");
    // User name, will at QoS 1, clean session; keep alive 300.
    connect.extend_from_slice(&[4, 0x80 | 0x08 | 0x04 | 0x02, 0x01, 0x2c]);
    for field in ["device", "state/gone", "lost", "alice"] {
        wire::text(&mut connect, field.as_bytes());
    }
    stream.write_all(&wire::packet(0x10, &connect)).unwrap();
    let mut publish = Vec::new();
    wire::text(&mut publish, b"state/door");
    publish.extend_from_slice(&[0, 7]);
    publish.extend_from_slice(b"open");
    // QoS 1 with RETAIN.
    stream.write_all(&wire::packet(0x33, &publish)).unwrap();
    let mut answers = [0; 8];
    stream.read_exact(&mut answers).unwrap();
    assert_eq!(answers, [0x20, 2, 0, 0, 0x40, 2, 0, 7], "CONNACK and PUBACK");
    stream
}

#[test]
fn retained_messages_and_wills_survive_a_kill() {
    let mut rig = Rig::dev(&["plain.will_grace_seconds=1"]);
    let connected = retain_with_a_will(rig.mqtt());
    rig.kill_and_restart();
    drop(connected);
    let mut bob = rig.device("bob", "phone");
    assert_eq!(bob.subscribe("state/#", 1).unwrap().code, 1);
    let mut came = Vec::new();
    for _ in 0..2 {
        let publish = bob.receive().unwrap();
        came.push((publish.topic, String::from_utf8(publish.payload).unwrap()));
    }
    came.sort();
    let expected = [("state/door", "open"), ("state/gone", "lost")];
    assert_eq!(came, expected.map(|(topic, payload)| (topic.to_owned(), payload.to_owned())));
}

#[test]
fn the_access_list_decides_filter_by_filter_and_the_link_stays() {
    let list = "[[access.rules]]\neffect = \"deny\"\nactions = [\"retain\"]\ntopics = [\"home/#\"]\n\
                [[access.rules]]\neffect = \"allow\"\nactions = [\"publish\", \"subscribe\", \"retain\"]\n\
                topics = [\"home/%u/#\"]\n";
    let rig = Rig::with(|plan| {
        let file = plan.data.parent().unwrap().join("longwave.toml");
        std::fs::write(&file, list).unwrap();
        plan.arguments = vec!["--config".to_owned(), file.to_str().unwrap().to_owned()];
    });
    let mut alice = rig.device("alice", "phone");
    for (filter, code) in [("home/alice/+", 1), ("home/bob/+", 0x87), ("home/#", 0x87), ("$share/g/home/alice/x", 1)] {
        assert_eq!(alice.subscribe(filter, 1).unwrap().code, code, "{filter}");
    }
    assert_eq!(alice.publish("home/bob/x", b"no").unwrap().error, Some(2001));
    assert!(alice.publish("home/alice/x", b"yes").unwrap().code < 0x80);
    assert_eq!(alice.receive().unwrap().payload, b"yes");
}

#[test]
fn without_dev_every_plain_topic_is_denied() {
    let rig = Rig::secure(&[]);
    let mut add = Command::new(binary());
    add.args(["user", "add", "alice", "--password-stdin", "--data-dir"]).arg(rig.data());
    let added = run(&mut add, "alices password\n");
    assert_eq!(added.code, 0, "{added:?}");
    let hello = Hello::durable("alice", "phone").with_password("alices password");
    let mut alice = Client::connect(rig.mqtt(), &hello).unwrap();
    for filter in ["t", "#", "$share/g/t"] {
        let answer = alice.subscribe(filter, 1).unwrap();
        assert_eq!((answer.code, answer.error), (0x87, Some(2001)), "{filter}");
    }
    let answer = alice.publish("t", b"x").unwrap();
    assert_eq!((answer.code, answer.error), (0x87, Some(2001)));
    assert!(alice.subscribe("u/alice/c/+/json", 1).unwrap().code < 0x80);
}
