//! Settings of how a server leaves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a server leaves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Drain {
    /// Where MQTT 5 clients are sent when the server stops: hosts, each with `:port` or without, separated by spaces, as
    /// `mqtt-2.example.org:8883`. They are told 0x9C (use another server) with it as Server Reference, else 0x8B.
    pub server_reference: Option<String>,
}
