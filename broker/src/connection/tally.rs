//! What one poll of a connection counted, written to the shared counters once.

use crate::stats::BrokerStats;

/// Counts of one poll.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) packets_in: u64,
    pub(super) packets_out: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) publishes: u64,
    pub(super) publish_bytes_in: u64,
    pub(super) publish_bytes_out: u64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) unknown: u64,
    pub(super) deliveries: u64,
    pub(super) acked: u64,
}

impl Tally {
    pub(super) fn write(&self, stats: &BrokerStats) {
        stats.packets_in.add(self.packets_in);
        stats.packets_out.add(self.packets_out);
        stats.bytes_in.add(self.bytes_in);
        stats.bytes_out.add(self.bytes_out);
        stats.publishes_in.add(self.publishes);
        stats.publish_bytes_in.add(self.publish_bytes_in);
        stats.publish_bytes_out.add(self.publish_bytes_out);
        stats.publishes_accepted.add(self.accepted);
        stats.publishes_refused.add(self.refused);
        stats.publishes_unknown.add(self.unknown);
        stats.deliveries_out.add(self.deliveries);
        stats.deliveries_acked.add(self.acked);
    }
}
