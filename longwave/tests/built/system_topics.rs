//! `$SYS/` from outside: for administrators alone, as a state that is there at once.

use std::collections::BTreeMap;

use crate::rig::Rig;

const LIST: &str = "[access.administrators]\nusers = [\"carol\"]\ngroups = [\"operators\"]\n\
                    [access.groups]\noperators = [\"dave\"]\n\
                    [[access.rules]]\neffect = \"allow\"\nactions = [\"publish\", \"subscribe\"]\ntopics = [\"#\"]\n";

#[test]
fn administrators_read_the_counters_and_nobody_else_does() {
    let rig = Rig::with(|plan| {
        let file = plan.data.parent().unwrap().join("longwave.toml");
        std::fs::write(&file, LIST).unwrap();
        plan.arguments = vec!["--config".to_owned(), file.to_str().unwrap().to_owned()];
    });
    let mut alice = rig.device("alice", "phone");
    for filter in ["$SYS/#", "$SYS/broker/uptime", "$share/g/$SYS/#"] {
        let answer = alice.subscribe(filter, 0).unwrap();
        assert_eq!((answer.code, answer.error), (0x87, Some(2001)), "{filter}");
    }
    for user in ["carol", "dave"] {
        let mut administrator = rig.device(user, "desk");
        assert_eq!(administrator.publish("$SYS/broker/uptime", b"0").unwrap().code, 0x87);
        assert_eq!(administrator.subscribe("$SYS/#", 1).unwrap().code, 0, "state is granted at QoS 0");
        let mut told = BTreeMap::new();
        while told.len() < 57 {
            let publish = administrator.receive().unwrap();
            told.insert(publish.topic, String::from_utf8(publish.payload).unwrap());
        }
        let version = format!("longwave version {}", env!("CARGO_PKG_VERSION"));
        assert_eq!(told.get("$SYS/broker/version"), Some(&version));
        for name in ["retained messages/count", "load/sockets/15min", "publish/messages/dropped/queue_full"] {
            let text = &told[&format!("$SYS/broker/{name}")];
            assert!(text.parse::<f64>().is_ok(), "{name}: {text}");
        }
    }
}
