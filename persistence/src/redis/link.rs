//! The connection to one server, opened again whenever it breaks.
//!
//! A request never opens a connection itself: while a server is away every request fails at once with the reason of the last
//! attempt, and one task tries again, more and more slowly.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::error::RedisError;
use super::open::{Connection, Opener};
use super::pause::Pause;
use super::task::Task;

/// The connection to one server.
pub(super) struct Link {
    pub(super) address: Arc<str>,
    state: watch::Receiver<State>,
    _task: Task,
}

#[derive(Clone)]
enum State {
    Opening,
    Open(Connection),
    Down(RedisError),
}

impl Link {
    /// Begins to connect. `trouble` is told whenever the server is lost or does not come.
    pub(super) fn start(address: Arc<str>, opener: Opener, trouble: Arc<Notify>) -> Arc<Self> {
        let (state, reader) = watch::channel(State::Opening);
        let task = Task::spawn(keep(Arc::clone(&address), opener, state, trouble));
        Arc::new(Self { address, state: reader, _task: task })
    }

    /// The connection; waits only while the first attempt since it was lost is under way.
    ///
    /// # Errors
    /// [`RedisError`] when the server is away, or not there by the deadline.
    pub(super) async fn connection(&self, deadline: Instant) -> Result<Connection, RedisError> {
        let mut state = self.state.clone();
        let settled = timeout_at(deadline, state.wait_for(|state| !matches!(state, State::Opening))).await;
        let settled = settled.map(|state| state.map(|state| State::clone(&state)));
        match settled {
            Ok(Ok(State::Open(connection))) => Ok(connection),
            Ok(Ok(State::Down(error))) => Err(error),
            _ => Err(RedisError::away(&self.address, "not connected in time")),
        }
    }

    /// The connection if it is open now.
    pub(super) fn open_now(&self) -> Option<Connection> {
        match &*self.state.borrow() {
            State::Open(connection) => Some(connection.clone()),
            _ => None,
        }
    }
}

async fn keep(address: Arc<str>, opener: Opener, state: watch::Sender<State>, trouble: Arc<Notify>) {
    let mut pause = Pause::new();
    loop {
        match opener.open(&address).await {
            Ok(connection) => {
                let (broken, since) = (Arc::clone(&connection.broken), Instant::now());
                state.send_replace(State::Open(connection));
                broken.notified().await;
                state.send_replace(State::Opening);
                trouble.notify_one();
                pause.after_life_of(since.elapsed());
            }
            Err(error) => {
                tracing::debug!(address = &*address, error = error.to_string(), "redis is not there");
                state.send_replace(State::Down(error));
                trouble.notify_one();
            }
        }
        pause.wait().await;
    }
}
