//! The gate of a broker whose bridges are elsewhere.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use longwave_model::{ErrorCode, Refusal};
use longwave_port::{Answer, Completion, Gate, Publish};
use tokio::sync::mpsc;

use crate::driver::{self, Input};
use crate::internal::Internal;
use crate::settings::LinkSettings;
use crate::stats::{LinkStats, add};

/// A broker's side of the link. It ends when it and its [`Internal`] are dropped.
pub struct Link {
    inputs: mpsc::UnboundedSender<Input>,
    settings: Arc<LinkSettings>,
    stats: Arc<LinkStats>,
}

impl Link {
    /// Starts it. Publishes may come at once; they wait for a bridge.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(settings: LinkSettings, stats: Arc<LinkStats>) -> (Arc<Self>, Arc<Internal>) {
        let settings = Arc::new(settings);
        let (inputs, queue) = mpsc::unbounded_channel();
        tokio::spawn(driver::run(settings.clone(), stats.clone(), queue));
        let internal = Arc::new(Internal::new(settings.clone(), inputs.clone()));
        (Arc::new(Self { inputs, settings, stats }), internal)
    }

    /// Why no publish can be answered just now, if so.
    #[must_use]
    pub fn unavailable(&self) -> Option<String> {
        (self.stats.bridges.load(Relaxed) == 0).then(|| "no bridge is connected; publishes wait".to_owned())
    }
}

impl Gate for Link {
    fn publish(&self, publish: Publish, completion: Completion) {
        let bytes = publish.payload.len() as u64;
        if self.stats.waiting_bytes.load(Relaxed).saturating_add(bytes) > self.settings.queue_bytes {
            let refusal = Refusal::new(ErrorCode::Overloaded, "too many publishes wait for a bridge");
            return completion.complete(Answer::Refused { refusal, notice: None });
        }
        add(&self.stats.waiting, 1);
        add(&self.stats.waiting_bytes, bytes);
        // Fails only when the runtime ends; the completion then says that nobody knows.
        let _ = self.inputs.send(Input::Publish(publish, completion));
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("node", &self.settings.node).finish_non_exhaustive()
    }
}
