//! The settings of the access list for plain topics.

use std::collections::BTreeMap;

use longwave_access::{Groups, Rule, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may publish, retain and subscribe on plain topics, which are all but those under `u/` and `$`. The first rule that fits decides; what no
/// rule fits is denied. An allowing rule fits a filter only if it covers all of it, a denying rule if it touches any of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSettings {
    /// Groups of users for the rules: `staff = ["alice", "bob"]`.
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    pub groups: Groups,
    /// The rules in their order, at most 1,024.
    pub rules: Vec<Rule>,
    /// Who reads `$SYS/`. With `--dev` and without rules everybody does.
    pub administrators: Administrators,
}

/// Administrators of the server: users, and those in a group. Nobody unless named.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Administrators {
    /// Users.
    #[schemars(with = "Vec<String>")]
    pub users: Vec<UserName>,
    /// Groups of `access.groups`.
    pub groups: Vec<String>,
}
