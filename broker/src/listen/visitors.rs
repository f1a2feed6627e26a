//! How fast addresses may connect, and fail to log in. Who is faster waits, and is closed when the wait would be longer than a handshake may take.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;

use crate::limits::Limits;
use crate::meter::Meter;

/// Addresses that are remembered at most; further ones are let through. Two numbers each.
const MOST: usize = 65_536;
const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;

/// The addresses that came lately.
#[derive(Debug)]
pub(crate) struct Visitors {
    /// What one costs, in microseconds; 0 = no limit.
    connect: u64,
    failure: u64,
    known: Mutex<HashMap<IpAddr, Visitor>>,
}

#[derive(Debug, Default)]
struct Visitor {
    connects: Meter,
    failures: Meter,
}

impl Visitors {
    pub(crate) fn new(limits: &Limits) -> Self {
        let cost = |time: u64, rate: u32| if rate == 0 { 0 } else { (time / u64::from(rate)).max(1) };
        Self {
            connect: cost(SECOND, limits.connects_per_second_and_address),
            failure: cost(MINUTE, limits.failed_logins_per_minute_and_address),
            known: Mutex::default(),
        }
    }

    /// Whether anybody is to be counted.
    pub(crate) fn are_counted(&self) -> bool {
        self.connect + self.failure > 0
    }

    /// A connection from an address: how long it is to wait. `now` is in monotonic milliseconds.
    pub(crate) fn connect(&self, address: IpAddr, now: u64) -> Duration {
        let now = now.saturating_mul(1_000);
        self.visit(address, now, |visitor| {
            let connect = if self.connect > 0 { visitor.connects.take(self.connect, SECOND, now) } else { now };
            connect.max(visitor.failures.wait(MINUTE))
        })
    }

    /// A login from an address failed: how long its answer is to wait.
    pub(crate) fn failed(&self, address: IpAddr, now: u64) -> Duration {
        let now = now.saturating_mul(1_000);
        self.visit(
            address,
            now,
            |visitor| {
                if self.failure > 0 { visitor.failures.take(self.failure, MINUTE, now) } else { now }
            },
        )
    }

    fn visit(&self, address: IpAddr, now: u64, until: impl FnOnce(&mut Visitor) -> u64) -> Duration {
        if !self.are_counted() {
            return Duration::ZERO;
        }
        let key = site(address);
        let mut known = self.known.lock();
        if known.len() >= MOST && !known.contains_key(&key) {
            known.retain(|_, visitor| !(visitor.connects.is_idle(now) && visitor.failures.is_idle(now)));
            if known.len() >= MOST {
                return Duration::ZERO;
            }
        }
        let until = until(known.entry(key).or_default());
        Duration::from_micros(until.saturating_sub(now))
    }
}

/// One customer gets a /64 of IPv6 addresses, and may come from any of them.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitors(connects: u32, failures: u32) -> Visitors {
        Visitors::new(&Limits {
            connects_per_second_and_address: connects,
            failed_logins_per_minute_and_address: failures,
            ..Limits::default()
        })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_a_rate_of_its_own() {
        let visitors = visitors(10, 0);
        let one = address("192.0.2.1");
        for _ in 0..10 {
            assert_eq!(visitors.connect(one, 1_000), Duration::ZERO);
        }
        assert_eq!(visitors.connect(one, 1_000), Duration::from_millis(100));
        assert_eq!(visitors.connect(one, 1_000), Duration::from_millis(200));
        assert_eq!(visitors.connect(address("192.0.2.2"), 1_000), Duration::ZERO);
        assert_eq!(visitors.connect(address("::ffff:192.0.2.1"), 1_300), Duration::ZERO, "time has passed");
        assert_eq!(visitors.connect(one, 9_000), Duration::ZERO);
    }

    #[test]
    fn who_fails_to_log_in_waits_before_the_next_try() {
        let visitors = visitors(0, 6);
        let one = address("2001:db8::1");
        for _ in 0..6 {
            assert_eq!(visitors.failed(one, 0), Duration::ZERO);
        }
        assert_eq!(visitors.connect(one, 0), Duration::ZERO);
        assert_eq!(visitors.failed(one, 0), Duration::from_secs(10));
        assert_eq!(visitors.connect(address("2001:db8::ffff"), 4_000), Duration::from_secs(6), "the same /64");
        assert_eq!(visitors.connect(address("2001:db8:0:1::1"), 4_000), Duration::ZERO);
    }

    #[test]
    fn the_table_has_a_bound_and_forgets_who_is_idle() {
        let visitors = visitors(1, 0);
        let number = |n: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(n));
        let all = u32::try_from(MOST).unwrap();
        for n in 0..all {
            visitors.connect(number(n), 0);
        }
        assert_eq!(visitors.connect(number(all), 0), Duration::ZERO);
        assert_eq!(visitors.known.lock().len(), MOST, "nobody is idle yet");
        visitors.connect(number(all), 5_000);
        assert_eq!(visitors.known.lock().len(), 1);
        let off = self::visitors(0, 0);
        off.connect(number(1), 0);
        assert!(off.known.lock().is_empty());
    }
}
