//! The README's tour, with Mosquitto's clients.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use longwave_testkit::client::PATIENCE;

use crate::rig::{Rig, cannot_run, eventually, run};

#[test]
fn what_was_missed_comes_in_order_after_a_kill() {
    if !installed("mosquitto_sub") || !installed("mosquitto_pub") {
        return cannot_run(
            "newcomer",
            "mosquitto_sub and mosquitto_pub are missing: apt-get install mosquitto-clients",
        );
    }
    let mut rig = Rig::dev(&[]);
    let mqtt = rig.mqtt();

    let mut bob = Subscriber::start(&rig, "first");
    eventually("bob gets the hello", || {
        let sent = publish(mqtt.port(), &["-m", r#"{"body":"hello"}"#], "");
        assert_eq!(sent, 0);
        bob.lines().iter().any(|line| line.contains("hello"))
    });
    bob.end();
    let greetings = bob.lines().len();
    assert!(bob.lines()[0].starts_with("u/bob/c/@alice/json {"), "{:?}", bob.lines());

    // Every third text is equal to others.
    let texts: Vec<String> = (0..1_000)
        .map(
            |number| {
                if number % 3 == 0 { r#"{"body":"again"}"#.to_owned() } else { format!(r#"{{"body":"{number}"}}"#) }
            },
        )
        .collect();
    assert_eq!(publish(mqtt.port(), &["-l"], &(texts.join("\n") + "\n")), 0);
    rig.kill_and_restart();

    let mut bob = Subscriber::start(&rig, "second");
    // A last one, by which the end is known.
    assert_eq!(publish(mqtt.port(), &["-m", r#"{"body":"the end"}"#], ""), 0);
    eventually("bob gets the last one", || bob.lines().last().is_some_and(|line| line.contains("the end")));
    bob.end();
    // Of the greetings one may come again: Ctrl-C can be quicker than its PUBACK.
    let wanted: Vec<&str> = texts.iter().map(|text| &text[1..text.len() - 1]).collect();
    let lines: Vec<String> = bob.lines().into_iter().filter(|line| !line.contains("hello")).collect();
    assert_eq!(lines.len(), wanted.len() + 1, "{greetings} greetings before");
    for (line, wanted) in lines.iter().zip(wanted) {
        assert!(line.contains(wanted), "{line} is not {wanted}");
    }
}

#[test]
fn the_banner_says_where_and_what_to_try() {
    let rig = Rig::dev(&[]);
    let plan = rig.server.plan();
    let mut log = String::new();
    eventually("the banner is printed", || {
        log = std::fs::read_to_string(&plan.log).unwrap();
        log.contains("Stop the first")
    });
    for listener in [plan.mqtt.to_string(), format!("ws://{}/mqtt", plan.websocket), format!("http://{}", plan.admin)] {
        assert!(log.contains(&listener), "{listener} is not in {log}");
    }
    assert!(log.contains("--dev: anybody on this machine"), "{log}");
    let to_try: Vec<&str> = log.lines().filter(|line| line.starts_with("  mosquitto_")).collect();
    assert_eq!(to_try.len(), 2, "{log}");
    assert!(to_try.iter().all(|line| line.contains(&format!("-p {}", plan.mqtt.port()))), "{log}");
}

fn installed(program: &str) -> bool {
    Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Exit code of Alice's `mosquitto_pub`.
fn publish(port: u16, arguments: &[&str], input: &str) -> i32 {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-p", &port.to_string(), "-V", "mqttv5", "-u", "alice", "-i", "laptop", "-q", "1"]);
    command.args(["-t", "u/alice/c/@bob/json"]).args(arguments);
    let ended = run(&mut command, input);
    assert!(ended.said().is_empty(), "{}", ended.said());
    ended.code
}

/// Bob's `mosquitto_sub`, as the README has it.
struct Subscriber {
    child: Child,
    output: std::path::PathBuf,
}

impl Subscriber {
    fn start(rig: &Rig, name: &str) -> Self {
        let output = rig.directory.path().join(name);
        let file = std::fs::File::create(&output).unwrap();
        let child = Command::new("mosquitto_sub")
            .args(["-p", &rig.mqtt().port().to_string(), "-V", "mqttv5", "-u", "bob", "-i", "phone"])
            .args(["-c", "-x", "86400", "-q", "1", "-t", "u/bob/c/+/json", "-v"])
            .stdout(file)
            .spawn()
            .unwrap();
        Self { child, output }
    }

    /// Whole lines so far.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.output).unwrap();
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
    }

    /// As Ctrl-C does.
    fn end(&mut self) {
        let killed = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let asked = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(asked.elapsed() < PATIENCE, "mosquitto_sub does not end");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
