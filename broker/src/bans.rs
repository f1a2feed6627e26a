//! Who is banned: users, devices, addresses. A copy in memory that is replaced as a whole; asked at every accept and login, so it never
//! reads a store.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use longwave_model::{ErrorCode, Network, Refusal};
use parking_lot::RwLock;

/// What a ban is on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Banned {
    /// All devices of a user.
    User(String),
    /// One device.
    Device {
        /// The user.
        user: String,
        /// The client id.
        client_id: String,
    },
    /// Everybody at an address or in a network.
    Address(Network),
}

/// All bans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BanList {
    users: HashMap<String, u64>,
    devices: HashMap<(String, String), u64>,
    addresses: BTreeMap<Network, u64>,
}

impl BanList {
    /// From what is banned, and until when (Unix time in milliseconds; `u64::MAX` = for ever).
    #[must_use]
    pub fn new(bans: impl IntoIterator<Item = (Banned, u64)>) -> Self {
        let mut list = Self::default();
        for (banned, until) in bans {
            match banned {
                Banned::User(user) => drop(list.users.insert(user, until)),
                Banned::Device { user, client_id } => drop(list.devices.insert((user, client_id), until)),
                Banned::Address(network) => drop(list.addresses.insert(network, until)),
            }
        }
        list
    }

    fn address(&self, address: IpAddr, now: u64) -> bool {
        self.addresses.iter().any(|(network, until)| *until > now && network.contains(address))
    }

    fn device(&self, user: &str, client_id: &str, now: u64) -> bool {
        let in_force = |until: Option<&u64>| until.is_some_and(|until| *until > now);
        in_force(self.users.get(user))
            || (!self.devices.is_empty() && in_force(self.devices.get(&(user.to_owned(), client_id.to_owned()))))
    }
}

/// The bans in force.
#[derive(Debug, Default)]
pub(crate) struct Bans(RwLock<Arc<BanList>>);

impl Bans {
    /// Replaces them; whether anything changed.
    pub(crate) fn replace(&self, list: BanList) -> bool {
        let mut current = self.0.write();
        let changed = **current != list;
        *current = Arc::new(list);
        changed
    }

    /// Whether an address is banned. `now` is Unix time in milliseconds.
    pub(crate) fn address(&self, address: IpAddr, now: u64) -> bool {
        self.0.read().address(address, now)
    }

    /// Whether a device is.
    pub(crate) fn device(&self, user: &str, client_id: &str, now: u64) -> bool {
        self.0.read().device(user, client_id, now)
    }
}

/// What a banned one is told: not why, which is the operator's business.
pub(crate) fn refusal() -> Refusal {
    Refusal::new(ErrorCode::Banned, "banned by the operator")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_hold_for_what_they_name_and_until_they_end() {
        let bans = Bans::default();
        let list = [
            (Banned::User("eve".into()), u64::MAX),
            (Banned::Device { user: "bob".into(), client_id: "phone".into() }, 1_000),
            (Banned::Address("192.0.2.0/24".parse().unwrap()), 1_000),
            (Banned::Address("192.0.2.7".parse().unwrap()), 2_000),
        ];
        assert!(bans.replace(BanList::new(list.clone())));
        assert!(!bans.replace(BanList::new(list)), "the same");
        assert!(bans.device("eve", "any", 5_000));
        assert!(bans.device("bob", "phone", 999) && !bans.device("bob", "phone", 1_000));
        assert!(!bans.device("bob", "tablet", 0) && !bans.device("bobby", "phone", 0));
        let at = |text: &str, now| bans.address(text.parse().unwrap(), now);
        assert!(at("192.0.2.8", 999) && !at("192.0.2.8", 1_000));
        assert!(at("192.0.2.7", 1_999) && at("::ffff:192.0.2.7", 1_999) && !at("192.0.3.7", 0));
    }
}
