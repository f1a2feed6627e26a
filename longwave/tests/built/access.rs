//! `longwave acl explain`, with the rules of the operator's page.

use std::process::Command;

use crate::rig::{Ended, binary, run};

const PAGE: &str = include_str!("../../../docs/operate/access.md");

fn explain(config: &std::path::Path, arguments: &[&str]) -> Ended {
    run(Command::new(binary()).args(["acl", "explain", "--config"]).arg(config).args(arguments), "")
}

#[test]
fn the_page_says_what_is_decided() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("longwave.toml");
    let rules = PAGE.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    std::fs::write(&config, rules).unwrap();
    let said = |arguments: &[&str]| {
        let ended = explain(&config, arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.out.trim_end().to_owned()
    };
    for (arguments, expected) in [
        (
            &["--user", "bob", "--client-id", "kitchen", "--publish", "sensors/bob/kitchen/temperature"][..],
            "publish allowed: rule 2 (own sensors), topic sensors/%u/%c/#",
        ),
        (&["--user", "carol", "--subscribe", "house/#"], "subscribe denied: rule 1 (safe), topic house/safe/#"),
    ] {
        assert_eq!(said(arguments), expected);
        assert!(PAGE.contains(expected), "{expected}");
    }
    assert_eq!(said(&["--user", "carol", "--publish", "house/x", "--retain"]), "publish denied: no rule fits");
    assert_ne!(explain(&config, &["--user", "bob"]).code, 0);
    assert_ne!(explain(&config, &["--user", "b/b", "--publish", "t"]).code, 0);

    std::fs::write(&config, rules.replace("house/safe/#", "house/#/safe")).unwrap();
    let ended = explain(&config, &["--user", "bob", "--publish", "t"]);
    assert!(ended.err.contains("longwave.toml:8") && ended.err.contains("house/#/safe"), "{ended:?}");
    assert!(ended.err.contains("error 5001"), "{ended:?}");
}
