//! A session's subscriptions: as the client made them, as the row keeps them, and merged into what they match.

use longwave_model::UserId;
use longwave_persistence::SubscriptionRow;
use longwave_port::Subscription;
use longwave_topics::{FilterSet, UserFilter, parse_filter};

/// What subscriptions match, by user: the session's own, and for a service those of others.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) own: FilterSet,
    pub(crate) foreign: Vec<(UserId, FilterSet)>,
}

/// Merges subscriptions. One that is not valid any more is left out: rules may have become stricter since it was made.
pub(crate) fn merge(subscriptions: &[SubscriptionRow], user: &UserId, service: bool) -> Merged {
    let parsed: Vec<(UserFilter, u8)> = subscriptions
        .iter()
        .filter_map(|row| Some((parse_filter(&row.filter, user, service).ok()?, row.qos)))
        .collect();
    let of = |whose: &UserId| {
        FilterSet::new(parsed.iter().filter(|(filter, _)| filter.user() == whose).map(|(filter, qos)| (filter, *qos)))
    };
    let mut foreign: Vec<(UserId, FilterSet)> = Vec::new();
    for (filter, _) in &parsed {
        let whose = filter.user();
        if whose != user && foreign.iter().all(|(other, _)| other != whose) {
            foreign.push((whose.clone(), of(whose)));
        }
    }
    Merged { own: of(user), foreign }
}

/// The QoS that is granted: 1 at most, and 0 on the topics of other users, of which a service only sees what happens while it is
/// connected.
pub(crate) fn granted(asked: u8, filter: &UserFilter, user: &UserId) -> u8 {
    if filter.user() == user { asked.min(1) } else { 0 }
}

pub(crate) fn to_row(subscription: Subscription, qos: u8) -> SubscriptionRow {
    SubscriptionRow {
        filter: subscription.filter,
        qos,
        no_local: subscription.no_local,
        retain_as_published: subscription.retain_as_published,
        retain_handling: subscription.retain_handling,
        identifier: subscription.identifier,
    }
}

/// A subscription as its session's row has it.
#[must_use]
pub fn from_row(row: &SubscriptionRow) -> Subscription {
    Subscription {
        filter: row.filter.clone(),
        qos: row.qos,
        no_local: row.no_local,
        retain_as_published: row.retain_as_published,
        retain_handling: row.retain_handling,
        identifier: row.identifier,
    }
}
