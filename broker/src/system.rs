//! `$SYS/`: what the broker counts, under the names that Mosquitto gave them and tools look for.

mod load;
mod names;

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use self::load::Loads;
use self::names::{Numbers, texts};
use crate::route::Router;
use crate::stats::BrokerStats;

/// Tells it again and again, as long as there is a router.
pub async fn tell(router: Weak<Router>, broker: Arc<BrokerStats>, version: String, interval: Duration) {
    let (start, mut last) = (Instant::now(), Instant::now());
    let mut loads = Loads::default();
    let mut most_connected = 0;
    loop {
        let Some(served) = router.upgrade() else { return };
        let numbers = Numbers::read(&served, &broker, &mut most_connected);
        let now = Instant::now();
        loads.update(numbers.totals(), now - last);
        last = now;
        served.tell(texts(&version, (now - start).as_secs(), &numbers));
        served.tell(loads.texts());
        drop(served);
        tokio::time::sleep(interval).await;
    }
}
