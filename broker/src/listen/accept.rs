//! The accept loop. Overload never refuses a connection: it leaves it in the listen queue a little longer, because some clients never
//! come back after a refused CONNECT.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tracing::{info, warn};

use super::handshake::Handshake;
use super::pace::Pace;
use crate::broker::Broker;
use crate::connection::seat::Seat;

/// How often a full process looks whether it has room again.
const FULL_PAUSE: Duration = Duration::from_millis(20);
/// How long to wait when the operating system has no file descriptor or memory for a connection.
const ERROR_PAUSE: Duration = Duration::from_millis(200);
/// How often the log says that the server is full.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Accepts until the broker stops accepting.
pub(super) async fn run(broker: Arc<Broker>, listener: TcpListener, handshake: Arc<Handshake>) {
    let mut stopping = broker.watch_stopping();
    let accept = accept_all(&broker, &listener, &handshake);
    tokio::select! {
        biased;
        _ = stopping.wait_for(|stopping| *stopping) => {}
        () = accept => {}
    }
}

async fn accept_all(broker: &Arc<Broker>, listener: &TcpListener, handshake: &Arc<Handshake>) {
    let stats = broker.stats();
    let mut pace = Pace::new(broker.parts.limits.accepts_per_second, Instant::now());
    let mut failing = false;
    let mut full_said = None;
    loop {
        wait_for_room(broker, &mut full_said).await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                if std::mem::replace(&mut failing, false) {
                    info!("connections can be accepted again");
                }
                start(broker, stream, peer.ip().to_canonical(), handshake);
            }
            Err(error) if is_about_one_connection(&error) => {
                stats.accept_errors.add(1);
                continue;
            }
            Err(error) => {
                stats.accept_errors.add(1);
                stats.accept_pauses.add(1);
                if !std::mem::replace(&mut failing, true) {
                    warn!(%error, "cannot accept connections; they wait in the listen queue");
                }
                tokio::time::sleep(ERROR_PAUSE).await;
                continue;
            }
        }
        let wait = pace.take(Instant::now());
        if wait > Duration::ZERO {
            stats.accept_pauses.add(1);
            tokio::time::sleep(wait).await;
        }
    }
}

/// Says so at most every [`SAY_AGAIN`]: at the limit every connection that ends lets one in.
async fn wait_for_room(broker: &Broker, said: &mut Option<Instant>) {
    let limit = i64::try_from(broker.parts.limits.connections).unwrap_or(i64::MAX);
    if broker.stats().connections() < limit {
        return;
    }
    broker.stats().accept_pauses.add(1);
    if said.is_none_or(|said| said.elapsed() > SAY_AGAIN) {
        *said = Some(Instant::now());
        warn!(limit, "the connection limit is reached; new connections wait in the listen queue");
    }
    while broker.stats().connections() >= limit {
        tokio::time::sleep(FULL_PAUSE).await;
    }
}

fn start(broker: &Arc<Broker>, stream: TcpStream, peer: IpAddr, handshake: &Arc<Handshake>) {
    if broker.bans.address(peer, broker.clock.now().unix) {
        broker.stats().banned.add(1);
        return;
    }
    // Receipts are small and urgent; the connection batches by itself.
    let _ = stream.set_nodelay(true);
    handshake.clone().start(stream, Seat::take(broker.clone(), handshake.transport()), peer);
}

/// The peer gave up while it waited; the next one may be fine.
fn is_about_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
