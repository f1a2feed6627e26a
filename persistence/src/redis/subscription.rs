//! The receiving end of the bus: one connection that is subscribed to one channel, looked after, and opened again when it is lost.
//!
//! Nothing comes back on a dead connection, so it is asked for a sign of life; and the channel may have moved to another master.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::error::RedisError;
use super::inbox::{BusEvent, Inbox};
use super::open::Connection;
use super::pause::{Pause, jittered};
use super::slot::slot_of;
use super::task::Task;
use super::{Inner, Redis};

/// How often an idle subscription is asked for a sign of life.
const CHECK: Duration = Duration::from_secs(5);

/// Receives what is published to one node. Dropping it ends the subscription.
pub struct BusReceiver {
    inbox: Arc<Inbox>,
    _task: Task,
}

impl BusReceiver {
    pub(super) fn start(redis: &Redis, channel: String) -> Self {
        let inbox = Arc::new(Inbox::new(redis.0.settings.bus_buffer_bytes));
        let listener = Listener {
            inner: Arc::clone(&redis.0),
            command: if redis.sharded() { "SSUBSCRIBE" } else { "SUBSCRIBE" },
            channel,
            inbox: Arc::clone(&inbox),
        };
        Self { inbox, _task: Task::spawn(listener.run()) }
    }

    /// The next event; waits for ever while Redis is away. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> BusEvent {
        self.inbox.next().await
    }
}

impl std::fmt::Debug for BusReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BusReceiver").finish_non_exhaustive()
    }
}

struct Listener {
    inner: Arc<Inner>,
    command: &'static str,
    channel: String,
    inbox: Arc<Inbox>,
}

impl Listener {
    async fn run(self) {
        let mut pause = Pause::new();
        loop {
            let started = Instant::now();
            let ended = self.listen().await;
            // From now on nothing of this connection counts, whatever it still brings.
            self.inbox.begin();
            tracing::debug!(channel = self.channel, error = ended.to_string(), "the bus is lost");
            self.inner.router.doubt();
            pause.after_life_of(started.elapsed());
            pause.wait().await;
        }
    }

    /// Subscribes and stays until something is wrong.
    async fn listen(&self) -> RedisError {
        let taken_away = Arc::new(Notify::new());
        match self.subscribe(&taken_away).await {
            Ok((address, connection)) => self.watch(&address, &connection, &taken_away).await,
            Err(error) => error,
        }
    }

    async fn subscribe(&self, taken_away: &Arc<Notify>) -> Result<(Arc<str>, Connection), RedisError> {
        let (limit, router) = (self.inner.settings.limit, &self.inner.router);
        let address = self.master(Instant::now() + limit).await?;
        let connection = router.opener.open_for_pushes(&address, self.pushes(taken_away)).await?;
        let mut command = redis::cmd(self.command);
        command.arg(&self.channel);
        let mut driver = connection.driver.clone();
        match timeout(limit, driver.send_packed_command(&command)).await {
            Ok(Ok(Value::ServerError(error))) => Err(RedisError::of_server(&address, &error)),
            Ok(Ok(_)) => Ok((address, connection)),
            Ok(Err(error)) => Err(RedisError::of_driver(&address, &error)),
            Err(_) => Err(RedisError::away(&address, "the subscription is not answered")),
        }
    }

    /// Where the channel is.
    async fn master(&self, deadline: Instant) -> Result<Arc<str>, RedisError> {
        let map = self.inner.router.map(deadline).await?;
        Ok(Arc::clone(&map.master_of(slot_of(&self.channel))?.address))
    }

    /// Puts what the server sends into the inbox, in its order.
    fn pushes(&self, taken_away: &Arc<Notify>) -> impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static + use<> {
        let (inbox, number) = (Arc::clone(&self.inbox), self.inbox.begin());
        let taken_away = Arc::clone(taken_away);
        move |push| {
            match push.kind {
                PushKind::Message | PushKind::SMessage => {
                    if let Some(Value::BulkString(message)) = push.data.into_iter().nth(1) {
                        inbox.message(number, Bytes::from(message));
                    }
                }
                PushKind::Subscribe | PushKind::SSubscribe => inbox.set_subscribed(number, true),
                // A cluster takes a subscription away when its slot moves to another master.
                PushKind::Unsubscribe | PushKind::SUnsubscribe => {
                    inbox.set_subscribed(number, false);
                    taken_away.notify_one();
                }
                PushKind::Disconnection => inbox.set_subscribed(number, false),
                _ => {}
            }
            Ok(())
        }
    }

    async fn watch(&self, address: &Arc<str>, connection: &Connection, taken_away: &Notify) -> RedisError {
        loop {
            let next_check = Instant::now() + jittered(CHECK);
            tokio::select! {
                () = connection.broken.notified() => return RedisError::away(address, "the connection has ended"),
                () = taken_away.notified() => return RedisError::away(address, "the subscription was taken away"),
                () = sleep_until(next_check) => {}
            }
            let deadline = Instant::now() + self.inner.settings.limit;
            let mut driver = connection.driver.clone();
            match timeout_at(deadline, driver.send_packed_command(&redis::cmd("PING"))).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return RedisError::of_driver(address, &error),
                Err(_) => return RedisError::away(address, "no sign of life"),
            }
            match self.master(deadline).await {
                Ok(master) if master != *address => {
                    return RedisError::away(address, "the channel is on another server now");
                }
                // Who cannot be found just now may well be the one we have.
                _ => {}
            }
        }
    }
}
