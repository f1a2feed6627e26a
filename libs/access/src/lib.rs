//! The access list of plain MQTT topics: who may publish, retain and subscribe where, outside `u/` and `$`.
//!
//! Rules are tried in their order and the first that fits decides; what no rule fits is denied. An allowing rule fits a filter only if
//! it covers all of it, a denying one if it touches any of it: so a granted filter never matches a topic that the list denies.

mod decision;
mod list;
mod pattern;
mod rule;

pub use decision::{DecidedBy, Decision};
pub use list::{AccessList, AccessListError, Groups, Who};
pub use pattern::{PatternError, TopicPattern};
pub use rule::{Action, Effect, Rule, UserName};
