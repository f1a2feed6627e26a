//! One clock for all connections: a coarse timing wheel instead of a timer per connection.
//!
//! A connection stores the tick at which it wants to be woken. Keep alive moves that later with every packet, which costs one
//! store: the wheel only finds out when it looks. The wheel is no longer than [`HORIZON`], so a handle whose connection has ended is kept
//! no longer than that.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;

use super::handle::ConnectionHandle;
use crate::clock::Clock;

/// How fine the wheel is. A deadline is noticed at most this much late.
pub(crate) const TICK: Duration = Duration::from_millis(250);
const HORIZON: u32 = 256;

/// Wakes connections whose deadline has passed.
pub(crate) struct Deadlines {
    wheel: Mutex<Wheel>,
}

struct Wheel {
    /// The last tick that was looked at.
    now: u32,
    slots: Vec<Vec<Arc<ConnectionHandle>>>,
}

impl Deadlines {
    pub(crate) fn new() -> Self {
        let slots = (0..HORIZON).map(|_| Vec::new()).collect();
        Self { wheel: Mutex::new(Wheel { now: 0, slots }) }
    }

    /// Turns the wheel until the last user of it is gone.
    pub(crate) async fn run(deadlines: Weak<Self>, clock: Clock) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(deadlines) = deadlines.upgrade() else { return };
            deadlines.advance(tick_of(clock.now().monotonic));
        }
    }

    /// Wakes the connection when `deadline` (monotonic milliseconds) has passed, instead of when it wanted to be woken before.
    pub(crate) fn set(&self, handle: &Arc<ConnectionHandle>, deadline: Option<u64>) {
        let due = deadline.map_or(u32::MAX, |deadline| tick_of(deadline).saturating_add(1));
        if handle.due.swap(due, SeqCst) == due || due == u32::MAX {
            return;
        }
        // The wheel stores `slot` before it reads `due`: either it sees the new deadline, or this sees the new slot.
        let slot = handle.slot.load(SeqCst);
        if slot == 0 || slot > due {
            self.wheel.lock().insert(handle.clone());
        }
    }

    fn advance(&self, to: u32) {
        loop {
            let mut wheel = self.wheel.lock();
            if wheel.now >= to {
                return;
            }
            wheel.now += 1;
            let tick = wheel.now;
            let index = (tick % HORIZON) as usize;
            for handle in std::mem::take(&mut wheel.slots[index]) {
                // A handle that is also in an earlier or later slot has moved there.
                if handle.is_gone() || handle.slot.load(SeqCst) != tick {
                    continue;
                }
                handle.slot.store(0, SeqCst);
                if handle.due.load(SeqCst) <= tick {
                    handle.due.store(u32::MAX, SeqCst);
                    handle.deadline_passed();
                } else if handle.due.load(SeqCst) != u32::MAX {
                    wheel.insert(handle);
                }
            }
        }
    }
}

fn tick_of(monotonic: u64) -> u32 {
    u32::try_from(u128::from(monotonic) / TICK.as_millis()).unwrap_or(u32::MAX - 2)
}

impl Wheel {
    fn insert(&mut self, handle: Arc<ConnectionHandle>) {
        loop {
            let due = handle.due.load(SeqCst);
            let slot = due.clamp(self.now + 1, self.now + HORIZON - 1);
            let before = handle.slot.swap(slot, SeqCst);
            if before == slot {
                return;
            }
            self.slots[(slot % HORIZON) as usize].push(handle.clone());
            if handle.due.load(SeqCst) >= slot {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_tick(tick: u64) -> Option<u64> {
        Some(tick * 250)
    }

    fn fired(handle: &ConnectionHandle) -> bool {
        handle.collect().deadline_passed
    }

    #[test]
    fn fires_once_and_not_early() {
        let deadlines = Deadlines::new();
        let handle = ConnectionHandle::new();
        deadlines.set(&handle, at_tick(10));
        deadlines.advance(10);
        assert!(!fired(&handle));
        deadlines.advance(11);
        assert!(fired(&handle));
        deadlines.advance(600);
        assert!(!fired(&handle));
    }

    #[test]
    fn moves_later_without_a_word_and_beyond_the_horizon() {
        let deadlines = Deadlines::new();
        let handle = ConnectionHandle::new();
        deadlines.set(&handle, at_tick(10));
        deadlines.set(&handle, at_tick(1_000));
        deadlines.advance(1_000);
        assert!(!fired(&handle));
        deadlines.advance(1_001);
        assert!(fired(&handle));
    }

    #[test]
    fn moves_earlier() {
        let deadlines = Deadlines::new();
        let handle = ConnectionHandle::new();
        deadlines.set(&handle, at_tick(1_000));
        deadlines.set(&handle, at_tick(5));
        deadlines.advance(6);
        assert!(fired(&handle));
        deadlines.set(&handle, at_tick(8));
        deadlines.advance(9);
        assert!(fired(&handle));
        deadlines.advance(2_000);
        assert!(!fired(&handle), "the old slot is not the handle's any more");
    }

    #[test]
    fn a_deadline_in_the_past_fires_at_the_next_tick() {
        let deadlines = Deadlines::new();
        deadlines.advance(50);
        let handle = ConnectionHandle::new();
        deadlines.set(&handle, at_tick(3));
        deadlines.advance(51);
        assert!(fired(&handle));
    }

    #[test]
    fn a_connection_that_has_ended_is_let_go_within_the_horizon() {
        let deadlines = Deadlines::new();
        let handle = ConnectionHandle::new();
        deadlines.set(&handle, at_tick(100_000));
        handle.retire();
        deadlines.advance(HORIZON);
        assert_eq!(Arc::strong_count(&handle), 1);
    }
}
