//! The list itself. A decision costs one pass over the rules and allocates nothing, so their number is limited.

use std::collections::BTreeMap;

use longwave_model::{DeviceId, UserId};

use crate::decision::{DecidedBy, Decision};
use crate::pattern::{TopicPattern, Values, is_filter, is_plain};
use crate::rule::{Action, Effect, Rule, UserName};

/// Groups by name, with their users.
pub type Groups = BTreeMap<String, Vec<UserName>>;

/// Why rules make no list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessListError {
    /// More rules than a decision may cost.
    #[error("access.rules: {0} rules; at most {max} are taken", max = AccessList::MAX_RULES)]
    TooMany(usize),
    /// A list in a rule that is there and empty: the rule could never fit.
    #[error("access.rules: rule {rule}: {key} is empty, so the rule fits nothing; leave the key out to fit all")]
    Empty {
        /// The rule, from 1.
        rule: usize,
        /// Its key.
        key: &'static str,
    },
}

/// Who wants something.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The client id.
    pub client_id: &'a DeviceId,
    /// Groups that it is in beside those that the list puts its user in.
    pub groups: &'a [String],
}

/// The access list. The default one has no rules and denies everything.
#[derive(Debug, Clone, Default)]
pub struct AccessList {
    rules: Vec<Rule>,
    groups: Groups,
}

impl AccessList {
    /// The most rules that are taken.
    pub const MAX_RULES: usize = 1_024;

    /// From the settings' rules and groups.
    ///
    /// # Errors
    /// [`AccessListError`] when there are too many rules, or one that cannot fit anything.
    pub fn new(rules: Vec<Rule>, groups: Groups) -> Result<Self, AccessListError> {
        if rules.len() > Self::MAX_RULES {
            return Err(AccessListError::TooMany(rules.len()));
        }
        for (index, rule) in rules.iter().enumerate() {
            let empty = [
                ("actions", rule.actions.is_empty()),
                ("topics", rule.topics.is_empty()),
                ("users", rule.users.as_ref().is_some_and(Vec::is_empty)),
                ("groups", rule.groups.as_ref().is_some_and(Vec::is_empty)),
                ("client_ids", rule.client_ids.as_ref().is_some_and(Vec::is_empty)),
            ];
            if let Some((key, _)) = empty.into_iter().find(|(_, empty)| *empty) {
                return Err(AccessListError::Empty { rule: index + 1, key });
            }
        }
        Ok(Self { rules, groups })
    }

    /// Whether somebody may publish to a topic name. With `retain`, both `publish` and `retain` must be allowed, and the decision is the
    /// one that refused, else the one about `retain`.
    #[must_use]
    pub fn publish(&self, who: &Who<'_>, topic: &str, retain: bool) -> Decision<'_> {
        // A name has no wildcards [MQTT-3.3.2-2].
        if topic.contains(['+', '#']) {
            return Decision { action: Action::Publish, by: DecidedBy::NotPlain };
        }
        let publish = self.decide(who, Action::Publish, topic);
        if retain && publish.is_allowed() { self.decide(who, Action::Retain, topic) } else { publish }
    }

    /// Whether somebody may subscribe to a filter: only if all that it matches is allowed. For a shared subscription give the filter behind
    /// `$share/{name}/`.
    #[must_use]
    pub fn subscribe(&self, who: &Who<'_>, filter: &str) -> Decision<'_> {
        self.decide(who, Action::Subscribe, filter)
    }

    fn decide(&self, who: &Who<'_>, action: Action, filter: &str) -> Decision<'_> {
        if !is_plain(filter) || !is_filter(filter) {
            return Decision { action, by: DecidedBy::NotPlain };
        }
        let values = Values { user: who.user.as_str(), client_id: who.client_id.as_str() };
        let decided = self.rules.iter().enumerate().find_map(|(index, rule)| {
            if !rule.actions.contains(&action) || !self.names(rule, who) {
                return None;
            }
            let pattern = rule.topics.iter().find(|pattern| fits(pattern, rule.effect, filter, values))?;
            Some(DecidedBy::Rule { number: index + 1, rule, pattern })
        });
        Decision { action, by: decided.unwrap_or(DecidedBy::NoRule) }
    }

    fn names(&self, rule: &Rule, who: &Who<'_>) -> bool {
        rule.users.as_ref().is_none_or(|users| users.iter().any(|user| user.id() == who.user))
            && rule.client_ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == who.client_id.as_str()))
            && rule.groups.as_ref().is_none_or(|groups| groups.iter().any(|group| self.is_in(group, who)))
    }

    /// Whether somebody is in a group.
    #[must_use]
    pub fn is_in(&self, group: &String, who: &Who<'_>) -> bool {
        who.groups.contains(group)
            || self.groups.get(group).is_some_and(|users| users.iter().any(|user| user.id() == who.user))
    }
}

fn fits(pattern: &TopicPattern, effect: Effect, filter: &str, values: Values<'_>) -> bool {
    match effect {
        Effect::Allow => pattern.covers(filter, values),
        Effect::Deny => pattern.touches(filter, values),
    }
}
