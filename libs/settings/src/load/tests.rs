//! Every source works, and every mistake is named.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;

use super::*;

fn from_file(text: &str) -> Result<Settings, SettingsError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    load(&Sources { file: Some(file.path().to_owned()), ..Sources::default() })
}

fn variables(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn without_sources_there_are_the_defaults() {
    assert_eq!(load(&Sources::default()).unwrap(), Settings::default());
}

#[test]
fn later_sources_win() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[limits]\nin_flight = 10\nsubscriptions = 11\nreceive_maximum = 12\n").unwrap();
    let settings = load(&Sources {
        file: Some(file.path().to_owned()),
        environment: variables(&[("LONGWAVE_LIMITS__IN_FLIGHT", "20"), ("LONGWAVE_LIMITS__SUBSCRIPTIONS", "21")]),
        overrides: vec![("limits.in_flight".to_owned(), "30".to_owned())],
    })
    .unwrap();
    assert_eq!(settings.limits.in_flight, 30);
    assert_eq!(settings.limits.subscriptions, 21);
    assert_eq!(settings.limits.receive_maximum, 12);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let error = from_file("[limits]\nin_flight = 10\nin_flihgt = 10\n").unwrap_err();
    let SettingsError::InFile { line, reason, .. } = &error else { panic!("{error}") };
    assert_eq!(*line, 3);
    assert!(reason.contains("in_flihgt") && reason.contains("unknown"), "{reason}");
}

#[test]
fn a_wrong_type_is_named_with_its_line() {
    let error = from_file("[limits]\n\nin_flight = \"many\"\n").unwrap_err();
    let SettingsError::InFile { line, reason, .. } = &error else { panic!("{error}") };
    assert_eq!(*line, 3);
    assert!(reason.contains("in_flight"), "{reason}");
}

#[test]
fn a_variable_that_is_no_setting_is_named() {
    for (name, value) in [("LONGWAVE_LIMITS__NO", "1"), ("LONGWAVE_LIMIT", "1"), ("LONGWAVE_LIMITS__IN_FLIGHT", "x")] {
        let error = load(&Sources { environment: variables(&[(name, value)]), ..Sources::default() }).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn who_names_an_engine_for_the_tests_can_start_servers() {
    let environment = variables(&[("LONGWAVE_TEST_CASSANDRA", "127.0.0.1:9042"), ("LONGWAVE_CACHE", "/cache")]);
    assert!(load(&Sources { environment, ..Sources::default() }).is_ok());
}

#[test]
fn an_override_that_is_no_setting_is_named() {
    let overrides = vec![("limits.nonsense".to_owned(), "1".to_owned())];
    let error = load(&Sources { overrides, ..Sources::default() }).unwrap_err();
    assert!(error.to_string().contains("limits.nonsense"), "{error}");
}

#[test]
fn addresses_are_read() {
    let settings = from_file("[listen]\nmqtts = \"0.0.0.0:8883\"\n").unwrap();
    assert_eq!(settings.listen.mqtts.unwrap().port(), 8883);
}

#[test]
fn a_mistake_in_an_access_rule_is_named_with_its_line() {
    let rule =
        "[access.groups]\nstaff = [\"carol\"]\n\n[[access.rules]]\neffect = \"allow\"\nactions = [\"publish\"]\n";
    let settings = from_file(&format!("{rule}topics = [\"a/%u\"]\n")).unwrap();
    assert_eq!(settings.access.rules[0].topics[0].as_str(), "a/%u");
    for (wrong, line, named) in [
        ("topics = [\"a\", \"a/#/b\"]", 7, "a/#/b"),
        ("topics = [\"u/bob/#\"]", 7, "plain topics"),
        ("topics = [\"a\"]\nusers = [\"b/b\"]", 8, "b/b"),
        ("topics = [\"a\"]\nuser = [\"bob\"]", 8, "user"),
        ("topics = [\"a\"]\n\n[[access.rules]]\neffect = \"maybe\"", 10, "maybe"),
        ("", 4, "topics"),
    ] {
        let error = from_file(&format!("{rule}{wrong}\n")).unwrap_err();
        let SettingsError::InFile { line: found, reason, .. } = &error else { panic!("{error}") };
        assert_eq!(*found, line, "{reason}");
        assert!(reason.contains(named), "{reason}");
    }
}
