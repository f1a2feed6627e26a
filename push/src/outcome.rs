//! Writes down how pushes ended, many at a time. Nobody goes on with a pair before its record is durable.

use std::sync::Arc;
use std::time::Duration;

use longwave_persistence::{PushRecord, Store};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::warn;

/// Records of one write.
const BATCH: usize = 256;
/// Pause after a write that failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Takes records. Cheap to clone; the task ends when all are gone.
#[derive(Debug, Clone)]
pub(crate) struct Recorder(mpsc::UnboundedSender<(PushRecord, oneshot::Sender<()>)>);

impl Recorder {
    pub(crate) fn start(store: Arc<dyn Store>) -> Self {
        let (records, queue) = mpsc::unbounded_channel();
        tokio::spawn(write(store, queue));
        Self(records)
    }

    /// Writes a record, however long it takes.
    pub(crate) async fn record(&self, record: PushRecord) {
        let (done, written) = oneshot::channel();
        // Both fail only when the runtime ends.
        let _ = self.0.send((record, done));
        let _ = written.await;
    }
}

async fn write(store: Arc<dyn Store>, mut queue: mpsc::UnboundedReceiver<(PushRecord, oneshot::Sender<()>)>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let records: Vec<PushRecord> = batch.iter().map(|(record, _)| record.clone()).collect();
        while let Err(error) = store.record_pushes(records.clone()).await {
            warn!(%error, records = records.len(), "how pushes ended cannot be stored");
            sleep(PAUSE).await;
        }
        for (_, done) in batch.drain(..) {
            // A worker that was stopped does not wait.
            let _ = done.send(());
        }
    }
}
