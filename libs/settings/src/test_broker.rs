//! Settings of a server for conformance suites.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A server for conformance suites, started by `longwave serve --test-broker`: anybody may connect, all are one user, every plain topic is open.
/// Without the flag this table is an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TestBroker {
    /// The filter that nobody is granted; empty = every filter is granted.
    pub no_subscribe: String,
    /// The user name that needs a password; who gives no user name needs none, and every other name is refused.
    pub user: String,
    /// Its password. No secret: suites have it in their sources.
    pub password: String,
    /// Listens where the settings say, also elsewhere than on loopback.
    pub any_address: bool,
}

impl Default for TestBroker {
    fn default() -> Self {
        Self {
            no_subscribe: "test/nosubscribe".to_owned(),
            user: "user".to_owned(),
            password: "password".to_owned(),
            any_address: false,
        }
    }
}
