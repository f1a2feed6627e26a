//! Who is connected: one place per (user, device).
//!
//! A connection *claims* the place of its device and gives it back only after its outlet has been closed. Whoever comes while the
//! place is taken closes the holder and waits; of several that wait, the last one gets it. So no two outlets of a device are
//! ever open at once, and the cursors of the old connection are stored before the new one reads them.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashTable;
use longwave_model::{DeviceId, ErrorCode, Refusal, UserId};
use longwave_port::Mailbox;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::connection::handle::ConnectionHandle;

const SHARDS: usize = 64;

/// The places of all devices.
pub(crate) struct Registry {
    shards: [Mutex<HashTable<Place>>; SHARDS],
    /// Keyed at random: clients choose the ids.
    hasher: RandomState,
}

/// The right to be the connection of a device, until dropped.
pub(crate) struct Claim {
    registry: Arc<Registry>,
    handle: Arc<ConnectionHandle>,
}

struct Place {
    holder: Arc<ConnectionHandle>,
    next: Option<Box<Next>>,
}

struct Next {
    handle: Arc<ConnectionHandle>,
    turn: oneshot::Sender<Claim>,
}

impl Registry {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { shards: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() })
    }

    /// Takes the place of a device for `handle`, after closing who holds it and waiting until that one is gone, but no longer than
    /// `patience`. `taken_over` is called when somebody had to go.
    ///
    /// # Errors
    /// A [`Refusal`]: session-taken-over when yet another connection came meanwhile, store-unavailable when the old one does not end.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        handle: &Arc<ConnectionHandle>,
        user: UserId,
        device: DeviceId,
        patience: Duration,
        taken_over: impl FnOnce() + Send,
    ) -> Result<Claim, Refusal> {
        let turn = match self.try_claim(handle, user, device) {
            Ok(claim) => return Ok(claim),
            Err(turn) => turn,
        };
        taken_over();
        match tokio::time::timeout(patience, turn).await {
            Ok(Ok(claim)) => Ok(claim),
            Ok(Err(_)) => Err(taken_over_refusal()),
            Err(_) => Err(Refusal::new(
                ErrorCode::StoreUnavailable,
                "the former connection of this device has not ended yet; connect again",
            )),
        }
    }

    /// Closes the connection of a device. False when it has none here.
    pub(crate) fn close(&self, user: &UserId, device: &DeviceId, refusal: Refusal) -> bool {
        let hash = self.hash(user, device);
        let shard = self.shard(hash).lock();
        match shard.find(hash, |place| is(place, user, device)) {
            Some(place) => {
                place.holder.close(refusal);
                true
            }
            None => false,
        }
    }

    /// The connections that hold a place now.
    pub(crate) fn holders(&self) -> Vec<Arc<ConnectionHandle>> {
        self.shards
            .iter()
            .flat_map(|shard| shard.lock().iter().map(|place| place.holder.clone()).collect::<Vec<_>>())
            .collect()
    }

    fn try_claim(
        self: &Arc<Self>,
        handle: &Arc<ConnectionHandle>,
        user: UserId,
        device: DeviceId,
    ) -> Result<Claim, oneshot::Receiver<Claim>> {
        let hash = self.hash(&user, &device);
        let mut shard = self.shard(hash).lock();
        if let Some(place) = shard.find_mut(hash, |place| is(place, &user, &device)) {
            place.holder.close(taken_over_refusal());
            let (turn, waiting) = oneshot::channel();
            let _ = handle.device.set((user, device));
            // A former next one learns from its dropped sender that it was overtaken.
            place.next = Some(Box::new(Next { handle: handle.clone(), turn }));
            return Err(waiting);
        }
        let _ = handle.device.set((user, device));
        shard.insert_unique(hash, Place { holder: handle.clone(), next: None }, |place| self.hash_of(&place.holder));
        Ok(Claim { registry: self.clone(), handle: handle.clone() })
    }

    /// Gives the place to the next one, if there is any, else away.
    fn release(self: &Arc<Self>, handle: &Arc<ConnectionHandle>) {
        let hash = self.hash_of(handle);
        let mut shard = self.shard(hash).lock();
        let Ok(mut entry) = shard.find_entry(hash, |place| Arc::ptr_eq(&place.holder, handle)) else { return };
        let mut unwanted = None;
        match entry.get_mut().next.take() {
            Some(next) => {
                entry.get_mut().holder = next.handle.clone();
                // If it no longer waits, the claim comes back and its drop, outside the lock, releases the place again.
                unwanted = next.turn.send(Claim { registry: self.clone(), handle: next.handle }).err();
            }
            None => {
                entry.remove();
            }
        }
        drop(shard);
        drop(unwanted);
    }

    fn shard(&self, hash: u64) -> &Mutex<HashTable<Place>> {
        // The table itself uses the top bits and the low bits.
        &self.shards[(hash >> 32) as usize % SHARDS]
    }

    fn hash(&self, user: &UserId, device: &DeviceId) -> u64 {
        self.hasher.hash_one((user, device))
    }

    fn hash_of(&self, handle: &ConnectionHandle) -> u64 {
        handle.device.get().map_or(0, |(user, device)| self.hash(user, device))
    }
}

impl Claim {
    /// Whose place it is.
    pub(crate) fn device(&self) -> Option<&(UserId, DeviceId)> {
        self.handle.device.get()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.registry.release(&self.handle);
    }
}

fn is(place: &Place, user: &UserId, device: &DeviceId) -> bool {
    place.holder.device.get().is_some_and(|(u, d)| u == user && d == device)
}

fn taken_over_refusal() -> Refusal {
    Refusal::new(ErrorCode::SessionTakenOver, "the same device has connected again")
}

#[cfg(test)]
mod tests;
