//! Numbers of plain topics. `received` is `routed` and what was dropped for want of a subscriber; `copies` is what was delivered, what
//! waits, and what was dropped for any other reason.

use std::sync::Arc;

use longwave_broker::route::{Dropped, RouteStats};
use longwave_telemetry::{Exporter, Kind};

use super::{Number, float, numbers, signed};

pub(super) fn of_plain(exporter: &mut Exporter, stats: &Arc<RouteStats>) {
    let of: [Number<RouteStats>; 16] = [
        ("longwave_plain_received", "Messages taken on plain topics, wills included", Kind::Counter, |s| {
            float(s.received.get())
        }),
        ("longwave_plain_routed", "Messages that somebody has subscribed to", Kind::Counter, |s| float(s.routed.get())),
        ("longwave_plain_refused", "Publishes on plain topics refused", Kind::Counter, |s| float(s.refused.get())),
        ("longwave_plain_copies", "Copies of messages, one per receiver", Kind::Counter, |s| float(s.copies.get())),
        ("longwave_plain_delivered", "Copies sent at QoS 0 or acknowledged", Kind::Counter, |s| {
            float(s.delivered.get())
        }),
        (
            "longwave_plain_logged",
            "Messages in the log, which wait for sessions that may be away; counted every few seconds",
            Kind::Gauge,
            |s| signed(s.logged_messages.get()),
        ),
        ("longwave_plain_logged_bytes", "Bytes of their topics and payloads", Kind::Gauge, |s| {
            signed(s.logged_bytes.get())
        }),
        ("longwave_plain_waiting", "Copies that wait or are in flight", Kind::Gauge, |s| signed(s.waiting.get())),
        ("longwave_plain_held_back", "Publishes slowed down by a slow receiver", Kind::Counter, |s| {
            float(s.held_back.get())
        }),
        ("longwave_plain_subscriptions", "Subscriptions to plain topics", Kind::Gauge, |s| {
            signed(s.subscriptions.get())
        }),
        ("longwave_plain_shared_subscriptions", "Those of them that are shared", Kind::Gauge, |s| {
            signed(s.shared_subscriptions.get())
        }),
        (
            "longwave_plain_expired_sessions",
            "Sessions that ended because nobody came back in time",
            Kind::Counter,
            |s| float(s.expired_sessions.get()),
        ),
        ("longwave_plain_subscribers", "Sessions that use plain topics, connected or not", Kind::Gauge, |s| {
            signed(s.subscribers.get())
        }),
        ("longwave_plain_retained", "Retained messages", Kind::Gauge, |s| signed(s.retained_messages.get())),
        ("longwave_plain_retained_bytes", "Bytes of retained messages", Kind::Gauge, |s| {
            signed(s.retained_bytes.get())
        }),
        ("longwave_plain_wills", "Wills published", Kind::Counter, |s| float(s.wills.get())),
    ];
    numbers(exporter, stats, of);
    let read = stats.clone();
    exporter.family("longwave_plain_dropped", "Messages or copies dropped, by reason", Kind::Counter, move || {
        Dropped::ALL
            .into_iter()
            .map(|why| (vec![("reason", why.name().to_owned())], float(read.dropped(why))))
            .collect()
    });
}
