//! The broker as the binary sees it: its parts, what is shared by all connections, and what can be asked of it while it runs.

use std::sync::Arc;
use std::time::Duration;

use longwave_model::{DeviceId, Refusal, UserId};
use longwave_port::{Admit, Feed, Gate, Mailbox as _};
use tokio::sync::watch;

use crate::bans::{self, BanList, Bans};
use crate::clock::Clock;
use crate::connection::deadlines::Deadlines;
use crate::limits::Limits;
use crate::listen::visitors::Visitors;
use crate::registry::Registry;
use crate::stats::BrokerStats;

/// What a broker is made of.
pub struct BrokerParts {
    /// Decides who may connect.
    pub admit: Arc<dyn Admit>,
    /// Takes publishes.
    pub gate: Arc<dyn Gate>,
    /// Opens session feeds.
    pub feed: Arc<dyn Feed>,
    /// Limits of connections.
    pub limits: Arc<Limits>,
    /// Where to count.
    pub stats: Arc<BrokerStats>,
    /// How long the answer to a wrong login is held back, so that guessing is slow. A fifth of it is random.
    pub failed_login_delay: Duration,
}

/// A running broker. It has no listener of its own: see [`crate::listen::listen`].
pub struct Broker {
    pub(crate) parts: BrokerParts,
    pub(crate) clock: Clock,
    pub(crate) deadlines: Arc<Deadlines>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) bans: Bans,
    pub(crate) visitors: Visitors,
    stopping: watch::Sender<bool>,
}

impl Broker {
    /// Starts a broker; it needs a running tokio runtime for its clock.
    #[must_use]
    pub fn new(parts: BrokerParts) -> Arc<Self> {
        let clock = Clock::start();
        let deadlines = Arc::new(Deadlines::new());
        tokio::spawn(Deadlines::run(Arc::downgrade(&deadlines), clock));
        Arc::new(Self {
            visitors: Visitors::new(&parts.limits),
            parts,
            clock,
            deadlines,
            registry: Registry::new(),
            bans: Bans::default(),
            stopping: watch::Sender::new(false),
        })
    }

    /// What it counts.
    #[must_use]
    pub fn stats(&self) -> &Arc<BrokerStats> {
        &self.parts.stats
    }

    /// Closes the connection of a device for this reason; its session stays. False when it is not connected here.
    pub fn close_device(&self, user: &UserId, device: &DeviceId, refusal: Refusal) -> bool {
        self.registry.close(user, device, refusal)
    }

    /// Replaces all bans, and closes the connections of those who are banned now.
    pub fn set_bans(&self, list: BanList) {
        if !self.bans.replace(list) {
            return;
        }
        let now = self.clock.now().unix;
        for holder in self.registry.holders() {
            let is_banned = |(user, device): &(UserId, DeviceId)| self.bans.device(user.as_str(), device.as_str(), now);
            if holder.device.get().is_some_and(is_banned) {
                holder.close(bans::refusal());
            }
            // Where it is, only the connection itself knows.
            holder.look_at_bans();
        }
    }

    /// Stops accepting connections and opening sessions. [`Self::drain`] does this first.
    pub fn stop_accepting(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    pub(crate) fn watch_stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}
