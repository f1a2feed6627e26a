//! A TCP proxy on loopback that can cut: connections end, or what is sent is held back without a word, as when a cable is pulled.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What it does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// Hands everything on.
    Open,
    /// Holds everything back; connections stay, and new ones are accepted.
    Held,
    /// Ends all connections and takes no new ones.
    Closed,
}

/// A proxy. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    passage: watch::Sender<Passage>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts one that hands on to `target`.
    ///
    /// # Errors
    /// When no port is free.
    pub(super) async fn start(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (passage, state) = watch::channel(Passage::Open);
        let task = tokio::spawn(accept(listener, target, state));
        Ok(Self { address, passage, task })
    }

    /// From now on.
    pub(super) fn set(&self, passage: Passage) {
        self.passage.send_replace(passage);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, state: watch::Receiver<Passage>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let mut state = state.clone();
        tokio::spawn(async move {
            if *state.borrow() == Passage::Closed {
                return;
            }
            let Ok(server) = TcpStream::connect(target).await else { return };
            // A proxy that delays small packets would be slower than the wire it stands for.
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let gate = Arc::new(state.clone());
            tokio::select! {
                () = hand_on(from_client, to_server, (*gate).clone()) => {}
                () = hand_on(from_server, to_client, (*gate).clone()) => {}
                _ = state.wait_for(|passage| *passage == Passage::Closed) => {}
            }
        });
    }
}

async fn hand_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut gate: watch::Receiver<Passage>,
) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let Ok(count) = from.read(&mut bytes).await else { return };
        if gate.wait_for(|passage| *passage != Passage::Held).await.is_err() {
            return;
        }
        if count == 0 || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
