//! What a person sees when the server has started: where it listens, and lines to try.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// Addresses that are listened on.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    pub(crate) listeners: Vec<(&'static str, String)>,
    pub(crate) mqtt: Option<SocketAddr>,
}

/// The text for standard output.
pub(crate) fn banner(addresses: &Addresses, dev: bool, test_broker: bool, data: &str) -> String {
    let mut text = format!("Longwave {} is running; its data is in {}\n", env!("CARGO_PKG_VERSION"), data);
    for (name, address) in &addresses.listeners {
        let _ = writeln!(text, "  {name:<16} {address}");
    }
    if test_broker {
        text.push_str("\n*** --test-broker: anybody who reaches it may connect and use every plain topic. ***\n");
    }
    if !dev {
        return text;
    }
    text.push_str("\n*** --dev: anybody on this machine may connect as any user, without a password. ***\n");
    if let Some(mqtt) = addresses.mqtt {
        let to = if mqtt.port() == 1883 { String::new() } else { format!(" -p {}", mqtt.port()) };
        let _ = write!(
            text,
            "\nTry, in two other terminals:\n  \
             mosquitto_sub{to} -V mqttv5 -u bob -i phone -c -x 86400 -q 1 -t 'u/bob/c/+/json' -v\n  \
             mosquitto_pub{to} -V mqttv5 -u alice -i laptop -q 1 -t 'u/alice/c/@bob/json' -m '{{\"body\":\"hello\"}}'\n\
             Stop the first, publish again, start it again: nothing is missing.\n"
        );
    }
    text
}
