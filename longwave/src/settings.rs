//! From the command line to settings, with the rules that hold between them.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use longwave_model::Network;
use longwave_settings::{AccessSettings, Auth, ClientName, Settings, Sources, load};

use crate::access::access_list;
use crate::backend::is_on_cassandra;
use crate::cli::SettingsArguments;

/// What a process is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Serve,
    Broker,
    Bridge,
    Push,
}

/// Reads the settings that the arguments name.
pub(crate) fn read(arguments: &SettingsArguments) -> anyhow::Result<Settings> {
    let mut overrides = arguments.set.clone();
    if let Some(path) = &arguments.data_dir {
        let path = path.to_str().with_context(|| format!("--data-dir {}: not UTF-8", path.display()))?;
        overrides.push(("store.path".to_owned(), path.to_owned()));
    }
    Ok(load(&Sources { file: arguments.config.clone(), environment: std::env::vars().collect(), overrides })?)
}

/// The first line of a file that a setting names: a password or a secret, which is in no setting itself.
pub(crate) fn first_line(file: &Path, key: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{key} {} (error 5001)", file.display()))?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The networks of `listen.trusted_proxies`.
pub(crate) fn trusted_proxies(settings: &Settings) -> anyhow::Result<Vec<Network>> {
    let network = |text: &String| {
        text.parse().map_err(|error| anyhow::anyhow!("listen.trusted_proxies: {text:?} {error} (error 5001)"))
    };
    settings.listen.trusted_proxies.iter().map(network).collect()
}

/// Checks what a single setting cannot say: secure by default, and TLS listeners that have a certificate.
pub(crate) fn check(settings: &Settings, role: Role, dev: bool) -> anyhow::Result<()> {
    access_list(settings)?;
    let listen = &settings.listen;
    if role != Role::Serve {
        check_for_several(settings, role)?;
    }
    check_push(settings)?;
    check_test_broker(settings, role)?;
    if dev {
        for (key, address) in listeners(settings) {
            ensure!(
                address.ip().is_loopback(),
                "listen.{key} = {address}: --dev lets anybody in, so it listens on loopback only (error 5001)"
            );
        }
    } else if !settings.auth.passwords
        && settings.auth.jwt.is_none()
        && settings.auth.hook.is_none()
        && !certificates_name_users(settings)
    {
        bail!(
            "auth: nobody could connect; set auth.passwords, auth.jwt, auth.hook or tls.clients, or start with --dev (error 5001)"
        );
    }
    let tls = settings.tls.certificate.is_some() && settings.tls.key.is_some();
    if (listen.mqtts.is_some() || listen.websocket_tls.is_some()) && !tls {
        bail!("tls: listen.mqtts and listen.websocket_tls need tls.certificate and tls.key (error 5001)");
    }
    ensure!(
        settings.tls.clients.is_none() || listen.mqtts.is_some() || listen.websocket_tls.is_some(),
        "tls.clients: only listen.mqtts and listen.websocket_tls ask for certificates (error 5001)"
    );
    for origin in &listen.websocket_origins {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        ensure!(
            !host.is_empty() && !host.contains('/'),
            "listen.websocket_origins: {origin:?}: an origin is a scheme and a host, as https://chat.example.org (error 5001)"
        );
    }
    trusted_proxies(settings)?;
    ensure!(
        !listen.proxy_protocol || !listen.trusted_proxies.is_empty(),
        "listen.proxy_protocol: nobody is trusted to speak it; set listen.trusted_proxies (error 5001)"
    );
    check_words(settings)?;
    ensure!(listen.websocket_path.starts_with('/'), "listen.websocket_path: must begin with '/' (error 5001)");
    ensure!(settings.store.log_bytes >= 64 << 20, "store.log_bytes: must be at least 64 MiB (error 5001)");
    ensure!(settings.store.shards > 0, "store.shards: must be at least 1 (error 5001)");
    let body = settings.conversations.body_bytes;
    let packet = settings.limits.packet_bytes;
    ensure!(
        body < packet,
        "conversations.body_bytes = {body}: must be smaller than limits.packet_bytes = {packet} (error 5001)"
    );
    if let Some(jwt) = &settings.auth.jwt {
        ensure!(
            jwt.key_file.is_some() != jwt.jwks_url.is_some(),
            "auth.jwt: set either key_file or jwks_url (error 5001)"
        );
    }
    Ok(())
}

/// A test broker lets anybody in: it has no users of its own, nor anything that would seem to keep somebody out.
fn check_test_broker(settings: &Settings, role: Role) -> anyhow::Result<()> {
    let Some(test) = &settings.test_broker else { return Ok(()) };
    ensure!(role == Role::Serve, "--test-broker: is for `longwave serve` only (error 5001)");
    ensure!(
        !is_on_cassandra(settings),
        "--test-broker: needs the embedded store, not cassandra.contact_points (error 5001)"
    );
    for (key, is_set) in [
        ("auth", settings.auth != Auth::default()),
        ("access", settings.access != AccessSettings::default()),
        ("tls.clients", settings.tls.clients.is_some()),
    ] {
        ensure!(!is_set, "{key}: --test-broker lets anybody in, so nothing may be set here (error 5001)");
    }
    for (key, address) in listeners(settings) {
        ensure!(
            test.any_address || address.ip().is_loopback(),
            "listen.{key} = {address}: --test-broker lets anybody in, so it listens on loopback only, unless test_broker.any_address is set \
             (error 5001)"
        );
    }
    Ok(())
}

/// What clients are told as it is must be what they can use.
fn check_words(settings: &Settings) -> anyhow::Result<()> {
    if let Some(pattern) = &settings.plain.response_information {
        let without_percent = pattern.replace("%%", "").replace("%u", "");
        ensure!(
            !pattern.is_empty() && !without_percent.contains(['%', '+', '#']) && !pattern.contains(char::is_control),
            "plain.response_information: {pattern:?}: must be the beginning of a topic, with %u and %% alone (error 5001)"
        );
    }
    if let Some(reference) = &settings.drain.server_reference {
        let hosts: Vec<&str> = reference.split(' ').collect();
        ensure!(
            hosts.iter().all(|host| !host.is_empty() && !host.contains(|c: char| c.is_control() || c == '/')),
            "drain.server_reference: {reference:?}: must be hosts, each with :port or without, separated by single spaces (error 5001)"
        );
    }
    Ok(())
}

/// Keys that go together, and times that make sense.
fn check_push(settings: &Settings) -> anyhow::Result<()> {
    let push = &settings.push;
    for app in &push.apns {
        let key = [app.team.is_some(), app.key_id.is_some(), app.key_file.is_some()];
        let certificate = [app.certificate.is_some(), app.certificate_key.is_some()];
        let is_one = key == [true; 3] && certificate == [false; 2] || key == [false; 3] && certificate == [true; 2];
        ensure!(
            is_one,
            "push.apns {:?}: set either team, key_id and key_file, or certificate and certificate_key (error 5001)",
            app.app
        );
    }
    let grace = push.grace_millis;
    ensure!(
        !push.is_on() || grace >= settings.feed.flush_millis + 500,
        "push.grace_millis = {grace}: must be feed.flush_millis and half a second at least, or devices that have a message are woken \
         for it (error 5001)"
    );
    ensure!(push.window_seconds > 0, "push.window_seconds: must be at least 1 (error 5001)");
    Ok(())
}

fn certificates_name_users(settings: &Settings) -> bool {
    settings.tls.clients.as_ref().is_some_and(|clients| clients.user_from != ClientName::None)
}

/// What processes that are only a part need.
fn check_for_several(settings: &Settings, role: Role) -> anyhow::Result<()> {
    let name = match role {
        Role::Push => "a push worker",
        Role::Broker => "a broker",
        _ => "a bridge",
    };
    ensure!(
        !settings.cassandra.contact_points.is_empty(),
        "cassandra.contact_points: {name} needs Cassandra; `longwave serve` runs on the embedded store (error 5001)"
    );
    ensure!(!settings.redis.addresses.is_empty(), "redis.addresses: {name} needs Redis (error 5001)");
    if role == Role::Push {
        ensure!(settings.push.is_on(), "push: name an application under apns, fcm or web_push (error 5001)");
        return Ok(());
    }
    ensure!(settings.link.secret_file.is_some(), "link.secret_file: {name} needs a secret to share (error 5001)");
    let link = &settings.link;
    ensure!(link.certificate.is_some() == link.key.is_some(), "link: certificate and key go together (error 5001)");
    // A bridge without TLS would show the secret to whoever listens.
    ensure!(
        role == Role::Broker || link.certificate.is_none() || link.root_certificates.is_some(),
        "link.root_certificates: brokers take TLS alone (link.certificate is set), so bridges need it (error 5001)"
    );
    ensure!(
        link.server_name.is_none() || link.root_certificates.is_some(),
        "link.server_name: means nothing without link.root_certificates (error 5001)"
    );
    Ok(())
}

fn listeners(settings: &Settings) -> impl Iterator<Item = (&'static str, SocketAddr)> {
    let listen = &settings.listen;
    [
        ("mqtt", listen.mqtt),
        ("mqtts", listen.mqtts),
        ("websocket", listen.websocket),
        ("websocket_tls", listen.websocket_tls),
        ("admin", listen.admin),
    ]
    .into_iter()
    .filter_map(|(key, address)| Some((key, address?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use longwave_settings::{Jwt, TestBroker};

    use super::*;

    #[test]
    fn dev_mode_stays_on_loopback() {
        let mut settings = Settings::default();
        assert!(check(&settings, Role::Serve, true).is_ok());
        settings.listen.mqtt = Some("0.0.0.0:1883".parse().unwrap());
        assert!(check(&settings, Role::Serve, true).unwrap_err().to_string().contains("listen.mqtt"));
        assert!(check(&settings, Role::Serve, false).is_ok());
    }

    #[test]
    fn a_part_needs_what_the_parts_share() {
        let mut settings = Settings::default();
        let complaint = |settings: &Settings| check(settings, Role::Broker, true).unwrap_err().to_string();
        assert!(complaint(&settings).contains("cassandra.contact_points"));
        settings.cassandra.contact_points = "localhost:9042".into();
        assert!(complaint(&settings).contains("redis.addresses"));
        settings.redis.addresses = "localhost:6379".into();
        assert!(complaint(&settings).contains("link.secret_file"));
        settings.link.secret_file = Some("secret".into());
        assert!(check(&settings, Role::Broker, true).is_ok());
    }

    #[test]
    fn both_ends_of_the_link_speak_tls_or_neither() {
        let mut settings = Settings::default();
        settings.cassandra.contact_points = "localhost:9042".into();
        settings.redis.addresses = "localhost:6379".into();
        settings.link.secret_file = Some("secret".into());
        settings.link.certificate = Some("cert.pem".into());
        let complaint = |settings: &Settings, role| check(settings, role, true).unwrap_err().to_string();
        assert!(complaint(&settings, Role::Broker).contains("go together"));
        settings.link.key = Some("key.pem".into());
        assert!(check(&settings, Role::Broker, true).is_ok());
        assert!(complaint(&settings, Role::Bridge).contains("link.root_certificates"));
        settings.link.root_certificates = Some("ca.pem".into());
        assert!(check(&settings, Role::Bridge, true).is_ok());
        settings.link.root_certificates = None;
        settings.link.server_name = Some("broker".into());
        assert!(complaint(&settings, Role::Broker).contains("link.server_name"));
    }

    #[test]
    fn clients_are_told_what_they_can_use() {
        let mut settings = Settings::default();
        for (pattern, right) in
            [("answers/%u", true), ("100%%/%u/", true), ("", false), ("answers/+", false), ("a/%c", false)]
        {
            settings.plain.response_information = Some(pattern.into());
            assert_eq!(check(&settings, Role::Serve, false).is_ok(), right, "{pattern}");
        }
        settings.plain.response_information = None;
        for (reference, right) in [
            ("b.example.org", true),
            ("b.example.org:8883 [2001:db8::1]:1883", true),
            ("", false),
            ("a  b", false),
            ("mqtt://b.example.org", false),
        ] {
            settings.drain.server_reference = Some(reference.into());
            assert_eq!(check(&settings, Role::Serve, false).is_ok(), right, "{reference}");
        }
    }

    #[test]
    fn a_test_broker_has_no_users_of_its_own() {
        let with = |change: fn(&mut Settings)| {
            let mut settings = Settings { test_broker: Some(TestBroker::default()), ..Settings::default() };
            change(&mut settings);
            check(&settings, Role::Serve, false).err().map(|error| error.to_string())
        };
        assert_eq!(with(|_| ()), None);
        for (change, key) in [
            ((|settings| settings.auth.password_checks = 4) as fn(&mut Settings), "auth"),
            (|settings| settings.auth.jwt = Some(Jwt { key_file: Some("key".into()), ..Jwt::default() }), "auth"),
            (|settings| settings.access.groups = [("staff".to_owned(), Vec::new())].into(), "access"),
            (|settings| settings.listen.mqtt = "0.0.0.0:1883".parse().ok(), "listen.mqtt"),
            (|settings| settings.cassandra.contact_points = "localhost".into(), "cassandra"),
        ] {
            let complaint = with(change).unwrap();
            assert!(complaint.contains(key) && complaint.contains("error 5001"), "{key}: {complaint}");
        }
        let far = |settings: &mut Settings| {
            settings.listen.mqtt = "0.0.0.0:1883".parse().ok();
            settings.test_broker.as_mut().unwrap().any_address = true;
        };
        assert_eq!(with(far), None);
    }

    #[test]
    fn origins_have_a_scheme_and_no_path() {
        let mut settings = Settings::default();
        for (origin, right) in [
            ("https://chat.example.org", true),
            ("http://localhost:3000", true),
            ("https://chat.example.org/", false),
            ("chat.example.org", false),
            ("*", false),
        ] {
            settings.listen.websocket_origins = vec![origin.into()];
            assert_eq!(check(&settings, Role::Serve, false).is_ok(), right, "{origin}");
        }
    }

    #[test]
    fn proxies_are_networks_and_somebody_must_be_one() {
        let mut settings = Settings::default();
        settings.listen.proxy_protocol = true;
        let complaint = |settings: &Settings| check(settings, Role::Serve, false).unwrap_err().to_string();
        assert!(complaint(&settings).contains("listen.trusted_proxies"));
        settings.listen.trusted_proxies = vec!["10.0.0.0/8".into(), "balancer".into()];
        assert!(complaint(&settings).contains("\"balancer\" is no address and no network"));
        settings.listen.trusted_proxies.pop();
        assert!(check(&settings, Role::Serve, false).is_ok());
    }

    #[test]
    fn somebody_must_be_able_to_connect() {
        let mut settings = Settings::default();
        settings.auth.passwords = false;
        assert!(check(&settings, Role::Serve, false).unwrap_err().to_string().contains("auth"));
    }

    #[test]
    fn tls_listeners_need_a_certificate() {
        let mut settings = Settings::default();
        settings.listen.mqtts = Some("127.0.0.1:8883".parse().unwrap());
        assert!(check(&settings, Role::Serve, true).unwrap_err().to_string().contains("tls.certificate"));
    }
}
