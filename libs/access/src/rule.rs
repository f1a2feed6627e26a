//! One rule, as it stands in the settings: `[[access.rules]]`.
//!
//! Its parts check themselves while they are read, so that a mistake is told with its line.

use longwave_model::UserId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pattern::TopicPattern;

/// What a rule does with what fits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Lets it through.
    Allow,
    /// Refuses it.
    Deny,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Publish.
    Publish,
    /// Have a publish retained, which needs `publish` too.
    Retain,
    /// Subscribe.
    Subscribe,
}

/// A rule. It fits who is named by all of `users`, `groups` and `client_ids` that are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What decisions call it; absent = its place in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it does.
    pub effect: Effect,
    /// To what: any of `publish`, `retain` (which needs `publish` too) and `subscribe`.
    pub actions: Vec<Action>,
    /// Users; absent = every user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub users: Option<Vec<UserName>>,
    /// Groups of `access.groups`; absent = with or without a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Client ids; absent = every client id. A client chooses its own: only a token can pin it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ids: Option<Vec<String>>,
    /// Topic filters outside `u/` and `$`, in which `%u` is the user, `%c` the client id and `%%` a `%`.
    #[schemars(with = "Vec<String>")]
    pub topics: Vec<TopicPattern>,
}

/// A user id in the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(UserId);

impl UserName {
    /// The user.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.0
    }
}

impl TryFrom<String> for UserName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        UserId::parse(&text).map(Self).map_err(|error| format!("users: {text:?} is no user: {error}"))
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0.as_str().to_owned()
    }
}
