//! A connection's place among the connections that are counted and limited, from accept to the end.

use std::sync::Arc;

use crate::broker::Broker;
use crate::listen::Transport;
use crate::stats::{BrokerStats, TransportStats};

/// Counts one connection while it exists.
pub(crate) struct Seat {
    pub(crate) broker: Arc<Broker>,
    transport: Transport,
}

impl Seat {
    pub(crate) fn take(broker: Arc<Broker>, transport: Transport) -> Self {
        let stats = stats_of(&broker.parts.stats, transport);
        stats.connections.add(1);
        stats.accepted.add(1);
        Self { broker, transport }
    }

    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        stats_of(&self.broker.parts.stats, self.transport).connections.add(-1);
    }
}

fn stats_of(stats: &BrokerStats, transport: Transport) -> &TransportStats {
    match transport {
        Transport::Tcp => &stats.tcp,
        Transport::Tls => &stats.tls,
        Transport::WebSocket => &stats.websocket,
        Transport::WebSocketTls => &stats.websocket_tls,
    }
}
