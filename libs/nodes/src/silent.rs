//! Brokers that no longer announce themselves. Redis knows their sessions for a while yet, and they would look online for as long: after
//! a grace time they do not count, so that others hear of a broker's death before its sessions expire.

use std::time::Duration;

use hashbrown::HashMap;
use longwave_model::NodeId;
use tokio::time::Instant;

/// How long a broker may be missing from the registry: a Redis that was emptied, or a short pause, is over by then.
const GRACE: Duration = Duration::from_secs(8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    There,
    Missing { since: Instant },
    Silent { since: Instant },
}

/// The brokers that were seen, until nothing that they registered can live.
#[derive(Debug)]
pub(crate) struct SilentNodes {
    /// How long a registration lives.
    life_time: Duration,
    nodes: HashMap<NodeId, State>,
}

impl SilentNodes {
    pub(crate) fn new(life_time: Duration) -> Self {
        Self { life_time, nodes: HashMap::new() }
    }

    /// Takes the brokers that are there. Whether one of the others has just become silent, or one that was silent is back.
    pub(crate) fn look(&mut self, there: &[NodeId], now: Instant) -> bool {
        let mut has_changed = false;
        let life_time = self.life_time;
        self.nodes.retain(|node, state| {
            let next = match *state {
                _ if there.contains(node) => State::There,
                State::There => State::Missing { since: now },
                State::Missing { since } if now >= since + GRACE => State::Silent { since },
                same => same,
            };
            has_changed |= is_silent(*state) != is_silent(next);
            *state = next;
            !matches!(next, State::Silent { since } if now >= since + life_time)
        });
        for node in there {
            self.nodes.entry(node.clone()).or_insert(State::There);
        }
        has_changed
    }

    /// Whether what this broker registered does not count.
    pub(crate) fn contains(&self, node: &NodeId) -> bool {
        self.nodes.get(node).copied().is_some_and(is_silent)
    }
}

const fn is_silent(state: State) -> bool {
    matches!(state, State::Silent { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE_TIME: Duration = Duration::from_secs(30);

    fn node(name: &str) -> NodeId {
        NodeId::parse(name).unwrap()
    }

    fn both_seen(now: Instant) -> SilentNodes {
        let mut nodes = SilentNodes::new(LIFE_TIME);
        assert!(!nodes.look(&[node("a"), node("b")], now), "whoever comes tells of its sessions itself");
        nodes
    }

    #[test]
    fn a_broker_that_died_stops_to_count_after_the_grace_time() {
        let start = Instant::now();
        let mut nodes = both_seen(start);
        assert!(!nodes.look(&[node("a")], start));
        assert!(!nodes.look(&[node("a")], start + GRACE - Duration::from_millis(1)));
        assert!(!nodes.contains(&node("b")));
        assert!(nodes.look(&[node("a")], start + GRACE));
        assert!(nodes.contains(&node("b")) && !nodes.contains(&node("a")));
        assert!(!nodes.look(&[node("a")], start + GRACE + Duration::from_secs(1)), "once is enough");
    }

    #[test]
    fn a_short_absence_is_not_told() {
        let start = Instant::now();
        let mut nodes = both_seen(start);
        assert!(!nodes.look(&[], start));
        assert!(!nodes.look(&[node("a"), node("b")], start + GRACE - Duration::from_millis(1)));
        assert!(!nodes.look(&[node("a")], start + GRACE), "the grace time starts anew");
        assert!(!nodes.contains(&node("b")));
    }

    #[test]
    fn a_broker_that_is_back_counts_again() {
        let start = Instant::now();
        let mut nodes = both_seen(start);
        nodes.look(&[node("a")], start);
        nodes.look(&[node("a")], start + GRACE);
        assert!(nodes.look(&[node("a"), node("b")], start + LIFE_TIME));
        assert!(!nodes.contains(&node("b")));
    }

    #[test]
    fn nobody_is_remembered_longer_than_what_it_registered_lives() {
        let start = Instant::now();
        let mut nodes = both_seen(start);
        nodes.look(&[node("a")], start);
        nodes.look(&[node("a")], start + GRACE);
        nodes.look(&[node("a")], start + LIFE_TIME);
        assert_eq!(nodes.nodes.len(), 1);
    }
}
