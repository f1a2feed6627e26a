//! Every number that `/metrics` shows: its name, with the unit last, what it means, and where it is counted.

mod plain;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use longwave_bridge::BridgeStats;
use longwave_broker::route::RouteStats;
use longwave_broker::stats::{BrokerStats, TransportStats};
use longwave_feed::FeedStats;
use longwave_link::LinkStats;
use longwave_persistence::cassandra::Cassandra;
use longwave_persistence::embedded::Embedded;
use longwave_persistence::redis::Redis;
use longwave_push::PushStats;
use longwave_push::send::Sender;
use longwave_telemetry::{Exporter, Kind};

use crate::backend::Backend;

mod push;

/// Numbers are shown as floating point: exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counters do not reach 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "gauges do not reach 2^53")]
fn signed(number: i64) -> f64 {
    number as f64
}

/// Where a process counts: what its role has.
pub(crate) struct Sources<'a> {
    pub(crate) broker: Option<Arc<BrokerStats>>,
    /// Of the listener for bridges.
    pub(crate) internal: Option<Arc<BrokerStats>>,
    pub(crate) bridge: Option<Arc<BridgeStats>>,
    pub(crate) feed: Option<Arc<FeedStats>>,
    pub(crate) plain: Option<Arc<RouteStats>>,
    pub(crate) link: Option<Arc<LinkStats>>,
    pub(crate) push: Option<(Arc<PushStats>, Arc<Sender>)>,
    pub(crate) redis: Option<Redis>,
    pub(crate) backend: &'a Backend,
}

impl<'a> Sources<'a> {
    /// A store alone.
    pub(crate) fn of(backend: &'a Backend) -> Self {
        Self {
            broker: None,
            internal: None,
            bridge: None,
            feed: None,
            plain: None,
            link: None,
            push: None,
            redis: None,
            backend,
        }
    }
}

/// The exporter of one process.
pub(crate) fn exporter(sources: Sources<'_>) -> Exporter {
    let mut exporter = Exporter::default();
    if let Some(broker) = sources.broker {
        of_broker(&mut exporter, &broker);
    }
    if let Some(internal) = sources.internal {
        of_internal(&mut exporter, &internal);
    }
    if let Some(bridge) = sources.bridge {
        of_bridge(&mut exporter, &bridge);
    }
    if let Some(feed) = sources.feed {
        of_feed(&mut exporter, &feed);
    }
    if let Some(plain) = sources.plain {
        plain::of_plain(&mut exporter, &plain);
    }
    if let Some(link) = sources.link {
        of_link(&mut exporter, &link);
    }
    if let Some((stats, sender)) = sources.push {
        push::of_push(&mut exporter, &stats, &sender);
    }
    if let Some(redis) = sources.redis {
        of_redis(&mut exporter, &redis);
    }
    match sources.backend {
        Backend::Embedded(store) => of_embedded(&mut exporter, store),
        Backend::Cassandra(store) => of_cassandra(&mut exporter, store),
    }
    exporter
}

/// A number of a part: its name, what it means, and where it is counted.
type Number<S> = (&'static str, &'static str, Kind, fn(&S) -> f64);

fn numbers<S: Send + Sync + 'static, const N: usize>(exporter: &mut Exporter, stats: &Arc<S>, of: [Number<S>; N]) {
    for (name, help, kind, number) in of {
        let read = stats.clone();
        exporter.number(name, help, kind, move || number(&read));
    }
}

fn of_link(exporter: &mut Exporter, stats: &Arc<LinkStats>) {
    let of: [Number<LinkStats>; 7] = [
        ("longwave_bridges_connected", "Bridges connected and not given up", Kind::Gauge, |s| {
            float(s.bridges.load(Relaxed))
        }),
        ("longwave_bridges_lost", "Bridges given up", Kind::Counter, |s| float(s.lost_bridges.load(Relaxed))),
        ("longwave_handed_over", "Publishes handed to bridges, each attempt counted", Kind::Counter, |s| {
            float(s.handed_over.load(Relaxed))
        }),
        ("longwave_handed_over_again", "Attempts that followed another", Kind::Counter, |s| {
            float(s.again.load(Relaxed))
        }),
        ("longwave_waiting_publishes", "Publishes that wait for a bridge's answer", Kind::Gauge, |s| {
            float(s.waiting.load(Relaxed))
        }),
        ("longwave_waiting_bytes", "Bytes of their payloads", Kind::Gauge, |s| float(s.waiting_bytes.load(Relaxed))),
        ("longwave_given_up", "Publishes given up without an answer", Kind::Counter, |s| {
            float(s.given_up.load(Relaxed))
        }),
    ];
    numbers(exporter, stats, of);
}

fn of_redis(exporter: &mut Exporter, redis: &Redis) {
    let read = redis.clone();
    exporter.number("longwave_redis_requests", "Calls to Redis", Kind::Counter, move || float(read.stats().requests));
    let read = redis.clone();
    exporter.number("longwave_redis_failures", "Calls to Redis that failed", Kind::Counter, move || {
        float(read.stats().failures)
    });
    let read = redis.clone();
    exporter.number("longwave_redis_available", "1 while Redis answers, else 0", Kind::Gauge, move || {
        if read.unavailable().is_none() { 1.0 } else { 0.0 }
    });
}

fn of_broker(exporter: &mut Exporter, stats: &Arc<BrokerStats>) {
    fn per_transport(stats: &BrokerStats, read: fn(&TransportStats) -> f64) -> Vec<(Vec<(&'static str, String)>, f64)> {
        [
            ("tcp", &stats.tcp),
            ("tls", &stats.tls),
            ("websocket", &stats.websocket),
            ("websocket_tls", &stats.websocket_tls),
        ]
        .into_iter()
        .map(|(name, transport)| (vec![("transport", name.to_owned())], read(transport)))
        .collect()
    }
    let read = stats.clone();
    exporter.family("longwave_connections", "Open connections, handshakes included", Kind::Gauge, move || {
        per_transport(&read, |transport| signed(transport.connections.get()))
    });
    let read = stats.clone();
    exporter.family("longwave_connections_accepted", "Connections accepted", Kind::Counter, move || {
        per_transport(&read, |transport| float(transport.accepted.get()))
    });
    let of: [Number<BrokerStats>; 28] = [
        ("longwave_sessions_connected", "Devices with an open feed", Kind::Gauge, |s| signed(s.sessions.get())),
        (
            "longwave_slowed",
            "Times that a connection was read later because it published faster than it may",
            Kind::Counter,
            |s| float(s.slowed.get()),
        ),
        (
            "longwave_addresses_slowed",
            "Connections and failed logins that had to wait because there were too many from their address",
            Kind::Counter,
            |s| float(s.visitors_slowed.get()),
        ),
        ("longwave_hook_questions", "Logins about which the hook was asked", Kind::Counter, |s| {
            float(s.hook_questions.get())
        }),
        ("longwave_hook_errors", "Questions to the hook that had no answer", Kind::Counter, |s| {
            float(s.hook_errors.get())
        }),
        ("longwave_banned", "Connections closed at once because their address is banned", Kind::Counter, |s| {
            float(s.banned.get())
        }),
        (
            "longwave_handshakes_failed",
            "TLS or WebSocket handshakes and PROXY headers that failed",
            Kind::Counter,
            |s| float(s.handshakes_failed.get()),
        ),
        ("longwave_packets_in", "MQTT packets received", Kind::Counter, |s| float(s.packets_in.get())),
        ("longwave_packets_out", "MQTT packets sent", Kind::Counter, |s| float(s.packets_out.get())),
        ("longwave_received_bytes", "Bytes of MQTT packets received", Kind::Counter, |s| float(s.bytes_in.get())),
        ("longwave_sent_bytes", "Bytes of MQTT packets sent", Kind::Counter, |s| float(s.bytes_out.get())),
        ("longwave_publishes_in", "Publishes from devices", Kind::Counter, |s| float(s.publishes_in.get())),
        ("longwave_publish_payload_bytes_in", "Bytes of the payloads of publishes from devices", Kind::Counter, |s| {
            float(s.publish_bytes_in.get())
        }),
        ("longwave_publish_payload_bytes_out", "Bytes of the payloads of deliveries to devices", Kind::Counter, |s| {
            float(s.publish_bytes_out.get())
        }),
        ("longwave_publishes_accepted", "Publishes stored or done", Kind::Counter, |s| {
            float(s.publishes_accepted.get())
        }),
        ("longwave_publishes_refused", "Publishes refused", Kind::Counter, |s| float(s.publishes_refused.get())),
        ("longwave_publishes_unknown", "Publishes of unknown fate", Kind::Counter, |s| {
            float(s.publishes_unknown.get())
        }),
        ("longwave_deliveries", "Deliveries to devices, resends included", Kind::Counter, |s| {
            float(s.deliveries_out.get())
        }),
        ("longwave_deliveries_acknowledged", "Deliveries acknowledged", Kind::Counter, |s| {
            float(s.deliveries_acked.get())
        }),
        ("longwave_malformed_packets", "Packets that could not be decoded", Kind::Counter, |s| {
            float(s.malformed.get())
        }),
        ("longwave_logins_admitted", "CONNECTs admitted", Kind::Counter, |s| float(s.logins_admitted.get())),
        ("longwave_logins_refused", "CONNECTs not admitted", Kind::Counter, |s| float(s.logins_refused.get())),
        ("longwave_takeovers", "Connections closed because their device connected again", Kind::Counter, |s| {
            float(s.takeovers.get())
        }),
        ("longwave_accept_pauses", "Times that a listener paused", Kind::Counter, |s| float(s.accept_pauses.get())),
        ("longwave_accept_errors", "Failed accepts", Kind::Counter, |s| float(s.accept_errors.get())),
        ("longwave_connection_buffers", "Connections that own a buffer while they wait", Kind::Gauge, |s| {
            signed(s.buffers_in_use.get())
        }),
        ("longwave_connection_panics", "Connection tasks ended by a defect", Kind::Counter, |s| float(s.panics.get())),
        ("longwave_certificate_expires_timestamp_seconds", "When the certificate expires", Kind::Gauge, |s| {
            signed(s.certificate_expires.get())
        }),
    ];
    numbers(exporter, stats, of);
}

fn of_internal(exporter: &mut Exporter, stats: &Arc<BrokerStats>) {
    let of: [Number<BrokerStats>; 3] = [
        (
            "longwave_link_certificate_expires_timestamp_seconds",
            "When the certificate that bridges see expires; 0 without TLS",
            Kind::Gauge,
            |s| signed(s.certificate_expires.get()),
        ),
        ("longwave_link_handshakes_failed", "TLS handshakes with bridges that failed", Kind::Counter, |s| {
            float(s.handshakes_failed.get())
        }),
        ("longwave_link_logins_refused", "Bridges that did not know the secret", Kind::Counter, |s| {
            float(s.logins_refused.get())
        }),
    ];
    numbers(exporter, stats, of);
}

fn of_bridge(exporter: &mut Exporter, stats: &Arc<BridgeStats>) {
    let of: [Number<BridgeStats>; 11] = [
        ("longwave_views_behind", "Entries stored whose views are not yet", Kind::Gauge, |s| {
            float(s.views_behind.load(Relaxed))
        }),
        ("longwave_shards_owned", "Shards owned", Kind::Gauge, |s| float(s.owned.load(Relaxed))),
        ("longwave_appends", "Appends stored", Kind::Counter, |s| float(s.appends.load(Relaxed))),
        ("longwave_entries", "Entries stored", Kind::Counter, |s| float(s.entries.load(Relaxed))),
        ("longwave_retries", "Publishes found stored before", Kind::Counter, |s| float(s.dedup_hits.load(Relaxed))),
        ("longwave_retry_lookups", "Message ids looked up in the store", Kind::Counter, |s| {
            float(s.dedup_reads.load(Relaxed))
        }),
        ("longwave_waiting_publishes", "Publishes that wait for the store", Kind::Gauge, |s| {
            float(s.queued.load(Relaxed))
        }),
        ("longwave_waiting_publish_bytes", "Bytes of publishes that wait", Kind::Gauge, |s| {
            float(s.queued_bytes.load(Relaxed))
        }),
        ("longwave_unknown_appends", "Appends of unknown outcome", Kind::Counter, |s| {
            float(s.unknown_outcomes.load(Relaxed))
        }),
        ("longwave_fenced_appends", "Appends refused by the fence", Kind::Counter, |s| float(s.fenced.load(Relaxed))),
        ("longwave_rejected_appends", "Appends the store rejected", Kind::Counter, |s| float(s.rejected.load(Relaxed))),
    ];
    numbers(exporter, stats, of);
    let read = stats.clone();
    exporter.family("longwave_refusals", "Refusals by error number", Kind::Counter, move || {
        read.refusals()
            .into_iter()
            .map(|(code, count)| (vec![("code", code.number().to_string())], float(count)))
            .collect()
    });
}

fn of_feed(exporter: &mut Exporter, stats: &Arc<FeedStats>) {
    let of: [Number<FeedStats>; 10] = [
        ("longwave_feed_live_deliveries", "Deliveries of entries as they came", Kind::Counter, |s| {
            float(s.deliveries_live.load(Relaxed))
        }),
        ("longwave_feed_backlog_deliveries", "Deliveries of entries from the log", Kind::Counter, |s| {
            float(s.deliveries_backlog.load(Relaxed))
        }),
        ("longwave_feed_events", "Marks, typing, presence and QoS 0 deliveries", Kind::Counter, |s| {
            float(s.deliveries_event.load(Relaxed))
        }),
        ("longwave_feed_events_dropped", "QoS 0 events dropped, too many waiting", Kind::Counter, |s| {
            float(s.events_dropped.load(Relaxed))
        }),
        ("longwave_feed_pages_recalled", "Pages that needed no read of the log", Kind::Counter, |s| {
            float(s.pages_recalled.load(Relaxed))
        }),
        ("longwave_feed_pages", "Pages read from the log", Kind::Counter, |s| float(s.pages.load(Relaxed))),
        ("longwave_feed_read_failures", "Reads of the store that failed", Kind::Counter, |s| {
            float(s.read_failures.load(Relaxed))
        }),
        ("longwave_feed_cursors_written", "Cursors written", Kind::Counter, |s| float(s.cursor_raises.load(Relaxed))),
        ("longwave_feed_marks_written", "Delivered marks written", Kind::Counter, |s| {
            float(s.mark_raises.load(Relaxed))
        }),
        ("longwave_feed_comparisons", "Comparisons of a session with its inbox", Kind::Counter, |s| {
            float(s.comparisons.load(Relaxed))
        }),
    ];
    numbers(exporter, stats, of);
}

fn of_embedded(exporter: &mut Exporter, store: &Arc<Embedded>) {
    let of: [Number<Embedded>; 6] = [
        ("longwave_store_commits", "Durable commits", Kind::Counter, |s| float(s.stats().commits)),
        ("longwave_store_writes", "Writes carried by commits", Kind::Counter, |s| float(s.stats().requests)),
        ("longwave_store_commit_seconds", "Time spent in commits", Kind::Counter, |s| {
            s.stats().commit_time.as_secs_f64()
        }),
        ("longwave_store_refused_writes", "Writes refused: disk full or store down", Kind::Counter, |s| {
            float(s.stats().refused)
        }),
        ("longwave_store_reopened", "Times opened again after a failed commit", Kind::Counter, |s| {
            float(s.stats().reopened)
        }),
        ("longwave_store_free_bytes", "Bytes free on the disk", Kind::Gauge, |s| float(s.stats().free_bytes)),
    ];
    numbers(exporter, store, of);
}

fn of_cassandra(exporter: &mut Exporter, store: &Arc<Cassandra>) {
    let of: [Number<Cassandra>; 3] = [
        ("longwave_cassandra_requests", "Requests to Cassandra", Kind::Counter, |s| float(s.stats().requests)),
        ("longwave_cassandra_failures", "Requests to Cassandra that failed", Kind::Counter, |s| {
            float(s.stats().failures)
        }),
        ("longwave_cassandra_up", "Whether the last request to Cassandra succeeded", Kind::Gauge, |s| {
            f64::from(u8::from(s.unavailable().is_none()))
        }),
    ];
    numbers(exporter, store, of);
}
