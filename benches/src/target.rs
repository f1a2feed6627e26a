//! Where and how to connect: the flags that every load shares.

use std::net::SocketAddr;

use clap::Args;

use crate::topics::TopicScheme;
use crate::wire::{Connect, Version};

/// The server under test and the kind of session that devices open on it.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// Address of the server's MQTT listener.
    #[arg(long, default_value = "127.0.0.1:1883")]
    pub address: SocketAddr,
    /// Where senders publish: `longwave` (own topic, the server translates) or `plain` (the receiver's topic).
    #[arg(long, value_enum, default_value = "longwave")]
    pub topics: TopicScheme,
    /// MQTT protocol level: 4 is 3.1.1, 5 is 5.0.
    #[arg(long, default_value = "5", value_parser = parse_version)]
    pub mqtt: Version,
    /// Sessions outlive their connection (Clean Start 0; on MQTT 5 with --expiry seconds). Without it they are clean and end with it.
    #[arg(long)]
    pub durable: bool,
    /// Session expiry interval in seconds of durable MQTT 5 sessions.
    #[arg(long, default_value_t = 3600)]
    pub expiry: u32,
    /// Keep alive in seconds; must exceed the run, because idle connections send no PINGREQ.
    #[arg(long, default_value_t = 3600)]
    pub keep_alive: u16,
    /// Receive Maximum that devices announce (MQTT 5).
    #[arg(long)]
    pub receive_maximum: Option<u16>,
    /// Password or token for every device.
    #[arg(long)]
    pub password: Option<String>,
    /// Pid of the server, to report its CPU time and memory.
    #[arg(long)]
    pub server_pid: Option<u32>,
}

impl Target {
    /// The CONNECT of a device.
    #[must_use]
    pub fn connect<'a>(&'a self, client_id: &'a str, username: &'a str) -> Connect<'a> {
        Connect {
            version: self.mqtt,
            client_id,
            username: Some(username),
            password: self.password.as_deref(),
            clean: !self.durable,
            expiry: if self.durable { self.expiry } else { 0 },
            keep_alive: self.keep_alive,
            receive_maximum: self.receive_maximum,
        }
    }
}

fn parse_version(text: &str) -> Result<Version, String> {
    let level = text.parse().ok().and_then(Version::from_level);
    level.ok_or_else(|| "must be 4 (MQTT 3.1.1) or 5 (MQTT 5.0)".to_owned())
}
