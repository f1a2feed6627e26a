//! Writes the views of a batch, on backends that do not commit them with the append.

use std::time::Duration;

use hashbrown::HashMap;
use longwave_persistence::views::{ViewWrite, views};
use longwave_persistence::{Appended, Store};
use rustc_hash::FxBuildHasher;
use tokio::time::sleep;
use tracing::warn;

const PAUSE: Duration = Duration::from_millis(200);

/// The view rows of a batch, in the order in which they are to be stored. Inbox rows come last, and of several raises of one row
/// only the highest is kept.
pub(crate) fn batch_views(entries: &[Appended]) -> Vec<ViewWrite> {
    let mut rows = Vec::new();
    let mut raises: HashMap<_, _, FxBuildHasher> = HashMap::default();
    for appended in entries {
        for write in views(&appended.entry, &appended.audience) {
            match write {
                ViewWrite::InboxHead { user, conversation, seq } => {
                    raises.insert((user, conversation), seq);
                }
                other => rows.push(other),
            }
        }
    }
    let raises = raises.into_iter();
    rows.extend(raises.map(|((user, conversation), seq)| ViewWrite::InboxHead { user, conversation, seq }));
    rows
}

/// Stores them, however long it takes: their entries are committed, and the lane's senders wait meanwhile.
pub(crate) async fn apply(store: &dyn Store, writes: Vec<ViewWrite>) {
    while let Err(error) = store.apply(writes.clone()).await {
        warn!(%error, "views cannot be stored");
        sleep(PAUSE).await;
    }
}
