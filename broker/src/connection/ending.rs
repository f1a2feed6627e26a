//! The end of a connection: what was sent leaves, the socket is closed softly, then the feed is closed and the device's place given back.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use bytes::BytesMut;
use longwave_port::{Closing, Outlet};
use tracing::debug;

use super::buffers;
use super::pending::Pending;
use super::wire::Wire;
use crate::broker::Broker;
use crate::registry::Claim;

/// How long a peer may take to receive the last bytes.
const FLUSH: Duration = Duration::from_secs(2);
/// How long the server waits for the peer's side to close, so that a reset does not overtake the last bytes.
const LINGER: Duration = Duration::from_secs(1);

/// An open feed and the place in the registry that protects it.
pub(super) struct OpenFeed {
    pub(super) outlet: Arc<dyn Outlet>,
    pub(super) claim: Claim,
}

/// What a connection leaves behind.
pub(super) struct Ending {
    pub(super) broker: Arc<Broker>,
    pub(super) wire: Wire,
    pub(super) out: BytesMut,
    pub(super) socket_gone: bool,
    pub(super) feed: Option<OpenFeed>,
    pub(super) pending: Option<Box<Pending>>,
    pub(super) closing: Closing,
}

impl Ending {
    pub(super) async fn run(self) {
        let Self { broker, mut wire, mut out, socket_gone, feed, pending, closing } = self;
        if !socket_gone {
            let flush = poll_fn(|cx| wire.poll_flush(cx, &mut out));
            let flushed = matches!(tokio::time::timeout(FLUSH, flush).await, Ok(Ok(())));
            if !flushed {
                wire = Wire::Closed;
            }
        }
        drop(out);
        tokio::join!(close_feed(broker, feed, pending, closing), linger(wire, socket_gone));
    }
}

/// Closes the feed whose connection's task ended in a panic.
pub(super) fn close_after_panic(broker: Arc<Broker>, feed: OpenFeed, closing: Closing) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(close_feed(broker, Some(feed), None, closing));
    }
}

async fn close_feed(broker: Arc<Broker>, feed: Option<OpenFeed>, pending: Option<Box<Pending>>, closing: Closing) {
    let mut feed = feed;
    if let Some(pending) = pending
        && let Some((claim, opened)) = pending.finish().await
    {
        broker.stats().sessions.add(1);
        feed = Some(OpenFeed { outlet: opened.outlet, claim });
    }
    if let Some(OpenFeed { outlet, claim }) = feed {
        outlet.close(closing).await;
        if let Some((user, device)) = claim.device() {
            debug!(%user, %device, "session closed");
        }
        broker.stats().sessions.add(-1);
        drop(claim);
    }
}

async fn linger(mut wire: Wire, socket_gone: bool) {
    if socket_gone {
        return;
    }
    let close = async {
        if poll_fn(|cx| wire.poll_shutdown(cx)).await.is_err() {
            return;
        }
        let mut discard = |cx: &mut Context<'_>| {
            let mut buffer = buffers::borrow();
            let read = wire.poll_read(cx, &mut buffer);
            buffers::give_back(buffer);
            read
        };
        while let Ok(1..) = poll_fn(&mut discard).await {}
    };
    let _ = tokio::time::timeout(LINGER, close).await;
}
