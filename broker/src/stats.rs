//! What the broker counts. Plain atomics that the binary reads when it is scraped; a connection adds up what one poll did and
//! writes it here once, so that counting costs no cache misses per packet.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, n: u64) {
        if n > 0 {
            self.0.fetch_add(n, Relaxed);
        }
    }

    /// Its value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that rises and falls.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds to it, also less than nothing.
    pub fn add(&self, n: i64) {
        if n != 0 {
            self.0.fetch_add(n, Relaxed);
        }
    }

    /// Sets it.
    pub fn set(&self, n: i64) {
        self.0.store(n, Relaxed);
    }

    /// Its value.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// Counters per transport.
#[derive(Debug, Default)]
pub struct TransportStats {
    /// Connections now, handshakes included.
    pub connections: Gauge,
    /// Connections accepted since the start.
    pub accepted: Counter,
}

/// Everything the broker counts.
#[derive(Debug, Default)]
pub struct BrokerStats {
    /// MQTT over TCP.
    pub tcp: TransportStats,
    /// MQTT over TLS.
    pub tls: TransportStats,
    /// MQTT over WebSocket.
    pub websocket: TransportStats,
    /// MQTT over WebSocket over TLS.
    pub websocket_tls: TransportStats,
    /// Devices with an open session feed now.
    pub sessions: Gauge,
    /// Times that a connection was read later because it published faster than it may.
    pub slowed: Counter,
    /// Questions to the hook.
    pub hook_questions: Counter,
    /// Questions to the hook that had no answer.
    pub hook_errors: Counter,
    /// Connections and failed logins that had to wait because there were too many from their address.
    pub visitors_slowed: Counter,
    /// Connections closed at once because their address is banned.
    pub banned: Counter,
    /// TLS or WebSocket handshakes that failed or took too long.
    pub handshakes_failed: Counter,
    /// MQTT packets received.
    pub packets_in: Counter,
    /// MQTT packets sent.
    pub packets_out: Counter,
    /// Bytes of MQTT packets received, without TLS and WebSocket framing.
    pub bytes_in: Counter,
    /// Bytes of MQTT packets sent, without TLS and WebSocket framing.
    pub bytes_out: Counter,
    /// Publishes handed to the gate.
    pub publishes_in: Counter,
    /// Bytes of their payloads.
    pub publish_bytes_in: Counter,
    /// Publishes answered as stored or done.
    pub publishes_accepted: Counter,
    /// Publishes refused with certainty.
    pub publishes_refused: Counter,
    /// Publishes whose fate nobody knows; their connections are closed.
    pub publishes_unknown: Counter,
    /// Deliveries written to devices, resends included.
    pub deliveries_out: Counter,
    /// Bytes of their payloads.
    pub publish_bytes_out: Counter,
    /// Deliveries acknowledged by devices.
    pub deliveries_acked: Counter,
    /// Packets that could not be decoded.
    pub malformed: Counter,
    /// CONNECTs that were not admitted.
    pub logins_refused: Counter,
    /// CONNECTs that were admitted.
    pub logins_admitted: Counter,
    /// Connections closed because the same device connected again.
    pub takeovers: Counter,
    /// Connections closed by the server, for whatever reason.
    pub closed_by_server: Counter,
    /// Times that a listener stopped accepting: connection limit, out of file descriptors, or pacing.
    pub accept_pauses: Counter,
    /// Failed `accept` calls, such as those for lack of file descriptors.
    pub accept_errors: Counter,
    /// Connections that own a read or write buffer while they wait (half a packet, or a slow reader).
    pub buffers_in_use: Gauge,
    /// Connection tasks that ended in a panic: a defect of the server.
    pub panics: Counter,
    /// Unix time in seconds at which the first of the loaded certificates expires; 0 = none loaded.
    pub certificate_expires: Gauge,
    /// Certificate files that could not be loaded anew since the start; the old ones stay in use.
    pub certificate_errors: Counter,
    /// Unix time in seconds at which token keys were last fetched from their URL; 0 = never.
    pub token_keys_fetched: Gauge,
    /// Failed attempts to fetch token keys; the known ones stay in use.
    pub token_key_errors: Counter,
}

impl BrokerStats {
    /// Connections now, over all transports.
    #[must_use]
    pub fn connections(&self) -> i64 {
        self.transports().iter().map(|transport| transport.connections.get()).sum()
    }

    /// Connections accepted since the start, over all transports.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.transports().iter().map(|transport| transport.accepted.get()).sum()
    }

    fn transports(&self) -> [&TransportStats; 4] {
        [&self.tcp, &self.tls, &self.websocket, &self.websocket_tls]
    }
}
