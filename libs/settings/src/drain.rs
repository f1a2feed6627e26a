//! Settings of how a server leaves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a server leaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Drain {
    /// Seconds between becoming unready and the first connection that is closed, so that balancers send nobody any more. As many are closed per second
    /// as `limits.drain_per_second` says.
    pub wait_seconds: u64,
    /// Seconds that closing connections may take; what is open then ends with the process.
    pub limit_seconds: u64,
    /// Where MQTT 5 clients are sent when the server stops: hosts, each with `:port` or without, separated by spaces, as
    /// `mqtt-2.example.org:8883`. They are told 0x9C (use another server) with it as Server Reference, else 0x8B.
    pub server_reference: Option<String>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { wait_seconds: 0, limit_seconds: 60, server_reference: None }
    }
}
