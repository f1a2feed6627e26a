//! Settings from a file, variables and flags; what is said when they are wrong, and what does not start.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use crate::rig::{Ended, binary, longwave, run};

struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `serve` on any ports and this directory, with more arguments.
    fn serve(&self, arguments: &[&str]) -> Ended {
        let data = self.path("data");
        let mut all = vec!["serve", "--data-dir", data.to_str().unwrap()];
        for listener in ["listen.mqtt=127.0.0.1:0", "listen.websocket=127.0.0.1:0", "listen.admin=127.0.0.1:0"] {
            all.extend(["--set", listener]);
        }
        all.extend(arguments);
        longwave(&all)
    }
}

fn assert_refused(ended: &Ended, parts: &[&str]) {
    assert_ne!(ended.code, 0, "{ended:?}");
    assert!(ended.err.starts_with("longwave: ") || ended.err.contains("\nlongwave: "), "{ended:?}");
    for part in parts {
        assert!(ended.err.contains(part), "{part:?} is not in {:?}", ended.err);
    }
}

#[test]
fn a_wrong_file_is_refused_with_its_line_and_key() {
    let files = Files::new();
    let unknown = files.write("unknown.toml", "[limits]\nin_flight = 50\nin_fligth = 60\n");
    let ended = longwave(&["serve", "--check-config", "--config", &unknown]);
    assert_refused(&ended, &["unknown.toml:3", "in_fligth", "unknown field", "error 5001"]);

    let wrong = files.write("wrong.toml", "[listen]\n\nmqtt = \"nowhere\"\n");
    let ended = longwave(&["serve", "--check-config", "--config", &wrong]);
    assert_refused(&ended, &["wrong.toml:3", "mqtt", "error 5001"]);

    let broken = files.write("broken.toml", "[limits\n");
    let ended = longwave(&["serve", "--check-config", "--config", &broken]);
    assert_refused(&ended, &["broken.toml:1", "error 5001"]);

    let missing = files.path("missing.toml");
    let ended = longwave(&["serve", "--check-config", "--config", missing.to_str().unwrap()]);
    assert_refused(&ended, &["missing.toml", "cannot be read"]);
}

#[test]
fn variables_and_flags_lie_over_the_file_and_are_checked_alike() {
    let files = Files::new();
    let file = files.write("some.toml", "[limits]\nin_flight = 50\nsubscriptions = 51\nreceive_maximum = 52\n");
    let print = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["serve", "--print-config", "--config", &file]).args(arguments);
        run(command.envs(variables.iter().copied()), "")
    };
    let variables = [("LONGWAVE_LIMITS__SUBSCRIPTIONS", "61"), ("LONGWAVE_LIMITS__RECEIVE_MAXIMUM", "62")];
    let printed = print(&variables, &["--set", "limits.receive_maximum=72"]);
    assert_eq!(printed.code, 0, "{printed:?}");
    for line in ["in_flight = 50", "subscriptions = 61", "receive_maximum = 72"] {
        assert!(printed.out.contains(line), "{line} is not in {}", printed.out);
    }

    assert_refused(&print(&[("LONGWAVE_LIMITS__NONSENSE", "1")], &[]), &["LONGWAVE_LIMITS__NONSENSE", "error 5001"]);
    assert_refused(&print(&[("LONGWAVE_NONSENSE", "1")], &[]), &["LONGWAVE_NONSENSE", "error 5001"]);
    assert_refused(&print(&[], &["--set", "limits.nonsense=1"]), &["--set limits.nonsense", "error 5001"]);
    assert_refused(&print(&[], &["--set", "limits.in_flight=many"]), &["--set limits.in_flight", "error 5001"]);
    // The command line itself is wrong: clap's own exit code.
    assert_eq!(print(&[], &["--set", "limits.in_flight"]).code, 2);
}

#[test]
fn printed_settings_can_be_read_again() {
    let files = Files::new();
    let first = longwave(&["serve", "--print-config", "--set", "limits.in_flight=7", "--set", "auth.jwt.key_file=k"]);
    assert_eq!(first.code, 0, "{first:?}");
    let file = files.write("printed.toml", &first.out);
    let second = longwave(&["serve", "--print-config", "--check-config", "--config", &file]);
    assert_eq!(second.code, 0, "{second:?}");
    assert_eq!(first.out, second.out);
    assert!(second.err.contains("the settings are valid"), "{second:?}");
}

#[test]
fn dev_stays_on_loopback_and_somebody_must_be_able_to_connect() {
    let ended = longwave(&["serve", "--dev", "--check-config", "--set", "listen.websocket=0.0.0.0:8083"]);
    assert_refused(&ended, &["listen.websocket", "--dev", "loopback", "error 5001"]);
    let ended = longwave(&["serve", "--check-config", "--set", "auth.passwords=false"]);
    assert_refused(&ended, &["auth", "nobody could connect", "error 5001"]);
}

#[test]
fn tls_needs_a_certificate_that_can_be_used() {
    let files = Files::new();
    let tls = |more: &[&str]| {
        let mut arguments = vec!["--dev", "--set", "listen.mqtts=127.0.0.1:0"];
        arguments.extend(more);
        files.serve(&arguments)
    };
    assert_refused(&tls(&[]), &["tls.certificate", "error 5001"]);

    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = files.write("cert.pem", &pair.cert.pem());
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other_key = files.write("other.pem", &other.signing_key.serialize_pem());
    let text = files.write("text.pem", "no certificate\n");
    let missing = files.path("missing.pem").to_str().unwrap().to_owned();
    for (certificate, key, named) in [
        (&certificate, &missing, "missing.pem"),
        (&text, &other_key, "text.pem"),
        (&certificate, &text, "text.pem"),
        (&certificate, &other_key, "error 5007"),
    ] {
        let (certificate, key) = (format!("tls.certificate={certificate}"), format!("tls.key={key}"));
        assert_refused(&tls(&["--set", &certificate, "--set", &key]), &[named, "error 5007"]);
    }

    let key = format!("tls.key={}", files.write("key.pem", &pair.signing_key.serialize_pem()));
    let certificate = format!("tls.certificate={certificate}");
    for authorities in [&missing, &text] {
        let clients = format!("tls.clients.authorities={authorities}");
        let ended = tls(&["--set", &certificate, "--set", &key, "--set", &clients]);
        assert_refused(&ended, &[authorities, "error 5007"]);
    }
    let clients = ["--dev", "--check-config", "--set", "tls.clients.authorities=ca.pem"];
    assert_refused(&files.serve(&clients), &["tls.clients", "listen.mqtts", "error 5001"]);
}

#[test]
fn an_address_in_use_is_named() {
    let files = Files::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for listener in ["mqtt", "websocket", "admin"] {
        let setting = format!("listen.{listener}={address}");
        let ended = files.serve(&["--dev", "--set", &setting]);
        assert_refused(&ended, &[&format!("listen.{listener}"), &address, "error 5006"]);
        assert_eq!(ended.code, 1);
    }
}

#[test]
fn keys_of_tokens_are_looked_at_before_the_start() {
    let files = Files::new();
    let short = format!("auth.jwt.key_file={}", files.write("short", "too short"));
    assert_refused(&files.serve(&["--set", &short]), &["auth.jwt.key_file", "HS256"]);
    let both = longwave(&[
        "serve",
        "--check-config",
        "--set",
        "auth.jwt.key_file=k",
        "--set",
        "auth.jwt.jwks_url=http://127.0.0.1:1/",
    ]);
    assert_refused(&both, &["either key_file or jwks_url", "error 5001"]);
}
