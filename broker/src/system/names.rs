//! The names, and which of our numbers is told under which.
//!
//! Chat sessions that are away are rows of the store and counted nowhere, so `clients/disconnected` knows those that use plain topics.

use super::load::Totals;
use crate::route::{Dropped, RouteStats, Router};
use crate::stats::{BrokerStats, Gauge};

/// The numbers of one moment.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    connected: u64,
    disconnected: u64,
    most_connected: u64,
    expired: u64,
    packets: [u64; 2],
    bytes: [u64; 2],
    publishes: [u64; 2],
    publish_bytes: [u64; 2],
    dropped: [u64; Dropped::ALL.len()],
    retained: u64,
    stored: u64,
    stored_bytes: u64,
    subscriptions: u64,
    shared_subscriptions: u64,
    sockets: u64,
    connections: u64,
}

impl Numbers {
    /// Reads them where they are counted. `most_connected` is kept from round to round.
    pub(super) fn read(router: &Router, broker: &BrokerStats, most_connected: &mut u64) -> Self {
        let route: &RouteStats = router.stats();
        let connected = present(&broker.sessions);
        *most_connected = connected.max(*most_connected);
        let retained = present(&route.retained_messages);
        let shared_subscriptions = present(&route.shared_subscriptions);
        Self {
            connected,
            disconnected: router.sessions_away() as u64,
            most_connected: *most_connected,
            expired: route.expired_sessions.get(),
            packets: [broker.packets_in.get(), broker.packets_out.get()],
            bytes: [broker.bytes_in.get(), broker.bytes_out.get()],
            publishes: [broker.publishes_in.get(), broker.deliveries_out.get()],
            publish_bytes: [broker.publish_bytes_in.get(), broker.publish_bytes_out.get()],
            dropped: Dropped::ALL.map(|why| route.dropped(why)),
            retained,
            stored: retained + present(&route.logged_messages),
            stored_bytes: present(&route.retained_bytes) + present(&route.logged_bytes),
            subscriptions: present(&route.subscriptions).saturating_sub(shared_subscriptions),
            shared_subscriptions,
            sockets: broker.accepted(),
            connections: broker.logins_admitted.get() + broker.logins_refused.get(),
        }
    }

    /// What averages are told of, in their order.
    pub(super) fn totals(&self) -> Totals {
        [
            self.packets[0],
            self.packets[1],
            self.publishes[0],
            self.publishes[1],
            self.dropped(),
            self.bytes[0],
            self.bytes[1],
            self.sockets,
            self.connections,
        ]
    }

    /// Copies dropped. What nobody has subscribed to is not, as in Mosquitto.
    fn dropped(&self) -> u64 {
        let wanted = |(why, count): (Dropped, u64)| if why == Dropped::NoSubscriber { 0 } else { count };
        Dropped::ALL.into_iter().zip(self.dropped).map(wanted).sum()
    }
}

/// All topics but those of averages, with their values.
pub(super) fn texts(version: &str, uptime_seconds: u64, numbers: &Numbers) -> Vec<(String, String)> {
    let broker = |name: &str, value: String| (format!("$SYS/broker/{name}"), value);
    let mut texts = vec![
        broker("version", format!("longwave version {version}")),
        broker("uptime", format!("{uptime_seconds} seconds")),
    ];
    let counted = [
        ("clients/connected", numbers.connected),
        ("clients/disconnected", numbers.disconnected),
        ("clients/total", numbers.connected + numbers.disconnected),
        ("clients/maximum", numbers.most_connected),
        ("clients/expired", numbers.expired),
        ("messages/received", numbers.packets[0]),
        ("messages/sent", numbers.packets[1]),
        ("messages/stored", numbers.stored),
        ("store/messages/count", numbers.stored),
        ("store/messages/bytes", numbers.stored_bytes),
        ("publish/messages/received", numbers.publishes[0]),
        ("publish/messages/sent", numbers.publishes[1]),
        ("publish/messages/dropped", numbers.dropped()),
        ("publish/bytes/received", numbers.publish_bytes[0]),
        ("publish/bytes/sent", numbers.publish_bytes[1]),
        ("bytes/received", numbers.bytes[0]),
        ("bytes/sent", numbers.bytes[1]),
        ("retained messages/count", numbers.retained),
        ("subscriptions/count", numbers.subscriptions),
        ("shared_subscriptions/count", numbers.shared_subscriptions),
    ];
    texts.extend(counted.map(|(name, value)| broker(name, value.to_string())));
    for (why, count) in Dropped::ALL.into_iter().zip(numbers.dropped) {
        texts.push(broker(&format!("publish/messages/dropped/{}", why.name()), count.to_string()));
    }
    texts
}

fn present(gauge: &Gauge) -> u64 {
    u64::try_from(gauge.get()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_wanted_is_counted_by_itself_only() {
        let mut numbers = Numbers { connected: 3, disconnected: 2, ..Numbers::default() };
        numbers.dropped[Dropped::NoSubscriber as usize] = 100;
        numbers.dropped[Dropped::QueueFull as usize] = 4;
        numbers.dropped[Dropped::Offline as usize] = 5;
        let texts = texts("1.2.3", 61, &numbers);
        let text = |name: &str| &*texts.iter().find(|(topic, _)| topic == name).unwrap().1;
        assert_eq!(text("$SYS/broker/version"), "longwave version 1.2.3");
        assert_eq!(text("$SYS/broker/uptime"), "61 seconds");
        assert_eq!(text("$SYS/broker/clients/total"), "5");
        assert_eq!(text("$SYS/broker/publish/messages/dropped"), "9");
        assert_eq!(text("$SYS/broker/publish/messages/dropped/no_subscriber"), "100");
        assert_eq!(text("$SYS/broker/publish/messages/dropped/queue_full"), "4");
        assert_eq!(numbers.totals()[4], 9);
    }
}
