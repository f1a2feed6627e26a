//! Leaving without a stampede: connections are closed at a set rate, so that clients come back somewhere else at that rate.

use std::time::Duration;

use longwave_model::{ErrorCode, Refusal};
use longwave_port::Mailbox;
use rand::Rng;
use rand::seq::SliceRandom;
use tracing::info;

use crate::broker::Broker;

const POLL: Duration = Duration::from_millis(20);
/// How often the log says how far it is.
const SAY: Duration = Duration::from_secs(5);

impl Broker {
    /// Stops accepting, tells every connected device that the server is stopping (DISCONNECT 0x8B, or 0x9C with another server's
    /// name where the limits have one; a plain close on 3.1.1), at most
    /// `per_second` of them in a second and in random order, and returns when all their feeds are closed, their cursors stored.
    ///
    /// It takes as long as the slowest feed takes to close: the caller sets a limit.
    pub async fn drain(&self, per_second: u32) {
        self.stop_accepting();
        let mut handles = self.registry.holders();
        handles.shuffle(&mut rand::rng());
        info!(connections = handles.len(), per_second, "draining");
        let gap = Duration::from_secs(1) / per_second.max(1);
        let start = tokio::time::Instant::now();
        let mut due = Duration::ZERO;
        let all = handles.len();
        let mut said = start;
        for (closed, handle) in handles.into_iter().enumerate() {
            if said.elapsed() >= SAY {
                said = tokio::time::Instant::now();
                info!(closed, all, "draining");
            }
            handle.close(Refusal::new(ErrorCode::ServerStopping, "the server is stopping; connect again"));
            due += gap.mul_f64(rand::rng().random_range(0.5..1.5));
            // Timers are a millisecond fine: at high rates several go at once.
            if due > start.elapsed() + Duration::from_millis(1) {
                tokio::time::sleep_until(start + due).await;
            }
        }
        // A session that was being opened when accepting stopped is closed here.
        loop {
            let left = self.registry.holders();
            if left.is_empty() {
                break;
            }
            for handle in left {
                handle.close(Refusal::new(ErrorCode::ServerStopping, "the server is stopping; connect again"));
            }
            tokio::time::sleep(POLL).await;
        }
        info!("drained");
    }
}
