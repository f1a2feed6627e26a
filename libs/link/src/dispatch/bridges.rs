//! The bridges of a broker: which are there, and which should own what.

use std::collections::BTreeMap;

use longwave_model::ShardId;

use crate::settings::SILENCE;

/// A bridge from its connection, or from when it was heard again, until it is given up. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LeaseId(pub(crate) u64);

#[derive(Debug)]
struct Bridge {
    lease: LeaseId,
    heard: u64,
    /// Silent for too long: not given anything until it is heard again.
    silent: bool,
    leaving: bool,
}

/// All bridges that are connected.
#[derive(Debug)]
pub(crate) struct Bridges {
    all: BTreeMap<String, Bridge>,
    /// By shard.
    routes: Vec<Option<LeaseId>>,
    leases: u64,
    changed: bool,
}

/// What a beat changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) lease: LeaseId,
    /// Which bridge should own what.
    pub(crate) routes: bool,
}

impl Bridges {
    pub(crate) fn new(shards: u16) -> Self {
        Self { all: BTreeMap::new(), routes: vec![None; usize::from(shards)], leases: 0, changed: false }
    }

    pub(crate) fn live(&self) -> usize {
        self.all.values().filter(|bridge| !bridge.silent && !bridge.leaving).count()
    }

    pub(crate) fn connect(&mut self, name: &str, now: u64) {
        let lease = self.next_lease();
        self.all.insert(name.to_owned(), Bridge { lease, heard: now, silent: false, leaving: false });
        self.changed = true;
    }

    /// Forgets a bridge; returns the lease that ends with it.
    pub(crate) fn disconnect(&mut self, name: &str) -> Option<LeaseId> {
        let bridge = self.all.remove(name)?;
        self.changed = true;
        Some(bridge.lease)
    }

    /// A beat. One that was given up begins a new lease.
    pub(crate) fn heard(&mut self, name: &str, leaving: bool, now: u64) -> Option<Heard> {
        let next = LeaseId(self.leases + 1);
        let bridge = self.all.get_mut(name)?;
        bridge.heard = now;
        let routes = bridge.silent || bridge.leaving != leaving;
        if bridge.silent {
            self.leases = next.0;
            bridge.lease = next;
        }
        (bridge.silent, bridge.leaving) = (false, leaving);
        Some(Heard { lease: bridge.lease, routes })
    }

    /// The leases that end because nothing was heard.
    pub(crate) fn expire(&mut self, now: u64) -> Vec<LeaseId> {
        let silence = u64::try_from(SILENCE.as_millis()).unwrap_or(u64::MAX);
        let silent = self.all.values_mut().filter(|bridge| !bridge.silent && now >= bridge.heard + silence);
        let ended: Vec<LeaseId> = silent
            .map(|bridge| {
                bridge.silent = true;
                bridge.lease
            })
            .collect();
        self.changed |= !ended.is_empty();
        ended
    }

    /// Whether bridges came or went since the last time.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether this is a bridge's lease of now.
    pub(crate) fn is(&self, lease: LeaseId, name: &str) -> bool {
        self.lease_of(name) == Some(lease)
    }

    /// The lease that a bridge has now, unless it is silent.
    pub(crate) fn lease_of(&self, name: &str) -> Option<LeaseId> {
        self.all.get(name).filter(|bridge| !bridge.silent).map(|bridge| bridge.lease)
    }

    /// Whose lease it is.
    pub(crate) fn name_of(&self, lease: LeaseId) -> Option<&str> {
        self.all.iter().find(|(_, bridge)| bridge.lease == lease).map(|(name, _)| name.as_str())
    }

    /// Who should own a shard.
    pub(crate) fn of(&self, shard: ShardId) -> Option<LeaseId> {
        self.routes.get(usize::from(shard.0)).copied().flatten()
    }

    /// Chooses anew; returns the shards that each bridge should own and did not before.
    pub(crate) fn route(
        &mut self,
        choose: impl for<'a> Fn(ShardId, &mut dyn Iterator<Item = &'a str>) -> Option<&'a str>,
    ) -> Vec<(LeaseId, Vec<ShardId>)> {
        // One that leaves still does what there is, while there is no other.
        let any_stays = self.live() > 0;
        let fit = |bridge: &Bridge| !bridge.silent && (!bridge.leaving || !any_stays);
        let mut news: BTreeMap<LeaseId, Vec<ShardId>> = BTreeMap::new();
        for (shard, route) in (0..).map(ShardId).zip(&mut self.routes) {
            let mut names = self.all.iter().filter(|(_, bridge)| fit(bridge)).map(|(name, _)| name.as_str());
            let chosen = choose(shard, &mut names).and_then(|name| self.all.get(name)).map(|bridge| bridge.lease);
            if let Some(lease) = chosen
                && *route != chosen
            {
                news.entry(lease).or_default().push(shard);
            }
            *route = chosen;
        }
        news.into_iter().collect()
    }

    fn next_lease(&mut self) -> LeaseId {
        self.leases += 1;
        LeaseId(self.leases)
    }
}
