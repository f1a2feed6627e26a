//! What the list says, and which rule said it.

use std::fmt;

use crate::pattern::TopicPattern;
use crate::rule::{Action, Effect, Rule};

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'a> {
    /// To what.
    pub action: Action,
    /// Who decided.
    pub by: DecidedBy<'a>,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy<'a> {
    /// The first rule that fitted.
    Rule {
        /// Its place in the list, from 1.
        number: usize,
        /// The rule.
        rule: &'a Rule,
        /// The one of its patterns that fitted.
        pattern: &'a TopicPattern,
    },
    /// No rule fitted.
    NoRule,
    /// The list has no say: the topic is under `u/` or `$`, or it is no topic or filter at all.
    NotPlain,
}

impl Decision<'_> {
    /// Whether it may be done.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self.by, DecidedBy::Rule { rule, .. } if rule.effect == Effect::Allow)
    }
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_allowed() { "allowed" } else { "denied" };
        let action = match self.action {
            Action::Publish => "publish",
            Action::Retain => "retain",
            Action::Subscribe => "subscribe",
        };
        write!(f, "{action} {verdict}: ")?;
        match self.by {
            DecidedBy::Rule { number, rule, pattern } => {
                write!(f, "rule {number}")?;
                if let Some(name) = &rule.name {
                    write!(f, " ({name})")?;
                }
                write!(f, ", topic {}", pattern.as_str())
            }
            DecidedBy::NoRule => f.write_str("no rule fits"),
            DecidedBy::NotPlain => f.write_str("no plain topic, so the access list has no say"),
        }
    }
}
