//! Opens one connection to one server: TCP without delay, TLS if set, credentials.
//!
//! Sockets are opened here and not by the driver, so that TLS is the same rustls configuration as everywhere else, and so that the task that
//! drives a connection is ours: its end is how we learn at once that the server is gone.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{AsyncConnectionConfig, ProtocolVersion, RedisConnectionInfo, Value};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;

use super::config::{Login, Settings};
use super::error::RedisError;
use super::task::Task;

/// Opens connections.
#[derive(Clone)]
pub(super) struct Opener {
    login: Login,
    tls: Option<Arc<ClientConfig>>,
    limit: Duration,
    /// A server that says it is a replica is not taken.
    masters_only: bool,
}

/// An open connection, shared by all who send over it.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) driver: MultiplexedConnection,
    /// Told when the connection has ended, or somebody thinks that it should.
    pub(super) broken: Arc<Notify>,
    /// Drives it; ends when nobody uses it any more.
    _task: Arc<Task>,
}

impl Opener {
    /// For the servers that hold the data.
    pub(super) fn of_servers(settings: &Settings) -> Self {
        let masters_only = matches!(settings.topology, super::Topology::Sentinel { .. });
        Self { login: settings.login.clone(), tls: settings.tls.clone(), limit: settings.limit, masters_only }
    }

    /// For the Sentinels.
    pub(super) fn of_sentinels(settings: &Settings) -> Self {
        let (login, tls) = (settings.sentinel_login.clone(), settings.tls.clone());
        Self { login, tls, limit: settings.limit, masters_only: false }
    }

    /// Opens a connection for requests.
    ///
    /// # Errors
    /// [`RedisError`] when it is not open and accepted within the time limit.
    pub(super) async fn open(&self, address: &str) -> Result<Connection, RedisError> {
        self.within_limit(address, AsyncConnectionConfig::new(), ProtocolVersion::RESP2).await
    }

    /// Opens a connection for a subscription, whose messages go to `pushes`.
    ///
    /// # Errors
    /// Like [`Self::open`].
    pub(super) async fn open_for_pushes(
        &self,
        address: &str,
        pushes: impl AsyncPushSender,
    ) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new().set_push_sender(pushes);
        self.within_limit(address, config, ProtocolVersion::RESP3).await
    }

    async fn within_limit(
        &self,
        address: &str,
        config: AsyncConnectionConfig,
        protocol: ProtocolVersion,
    ) -> Result<Connection, RedisError> {
        // The time limit is that of a whole call, which only the caller knows.
        let config = config.set_response_timeout(None);
        match tokio::time::timeout(self.limit, Box::pin(self.attempt(address, config, protocol))).await {
            Ok(opened) => opened,
            Err(_) => Err(RedisError::away(address, format_args!("no connection within {:?}", self.limit))),
        }
    }

    async fn attempt(
        &self,
        address: &str,
        config: AsyncConnectionConfig,
        protocol: ProtocolVersion,
    ) -> Result<Connection, RedisError> {
        let away = |error: &dyn fmt::Display| RedisError::away(address, error);
        let (host, port) = split_address(address).ok_or_else(|| away(&"not host:port"))?;
        let socket = TcpStream::connect((host, port)).await.map_err(|error| away(&error))?;
        socket.set_nodelay(true).map_err(|error| away(&error))?;
        let connection = match &self.tls {
            None => self.greet(address, socket, config, protocol).await?,
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned()).map_err(|error| away(&error))?;
                let stream = TlsConnector::from(Arc::clone(tls)).connect(name, socket).await;
                self.greet(address, stream.map_err(|error| away(&error))?, config, protocol).await?
            }
        };
        if self.masters_only {
            must_be_master(address, &connection).await?;
        }
        Ok(connection)
    }

    async fn greet(
        &self,
        address: &str,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        config: AsyncConnectionConfig,
        protocol: ProtocolVersion,
    ) -> Result<Connection, RedisError> {
        let mut info = RedisConnectionInfo::default().set_protocol(protocol).set_skip_set_lib_name();
        if let Some(user) = &self.login.user {
            info = info.set_username(user);
        }
        if let Some(password) = &self.login.password {
            info = info.set_password(password);
        }
        let opened = MultiplexedConnection::new_with_config(&info, stream, config).await;
        let (driver, work) = opened.map_err(|error| RedisError::of_driver(address, &error))?;
        let broken = Arc::new(Notify::new());
        let ended = Arc::clone(&broken);
        let task = Task::spawn(async move {
            work.await;
            ended.notify_one();
        });
        Ok(Connection { driver, broken, _task: Arc::new(task) })
    }
}

/// A former master that has not heard of its successor still takes connections.
async fn must_be_master(address: &str, connection: &Connection) -> Result<(), RedisError> {
    let role = connection.driver.clone().send_packed_command(&redis::cmd("ROLE")).await;
    match role.map_err(|error| RedisError::of_driver(address, &error))? {
        Value::Array(role) if matches!(role.first(), Some(Value::BulkString(name)) if name == b"master") => Ok(()),
        Value::ServerError(error) => Err(RedisError::of_server(address, &error)),
        _ => Err(RedisError::away(address, "is not a master now")),
    }
}

/// Host and port of `host:port`; the host may be an IPv6 address in brackets.
pub(super) fn split_address(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() { None } else { Some((host, port.parse().ok()?)) }
}

/// The way back.
pub(super) fn join_address(host: &str, port: u16) -> Arc<str> {
    if host.contains(':') { format!("[{host}]:{port}").into() } else { format!("{host}:{port}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_apart_and_together() {
        assert_eq!(split_address("redis.example:6379"), Some(("redis.example", 6379)));
        assert_eq!(split_address("[::1]:6379"), Some(("::1", 6379)));
        assert_eq!(split_address("redis.example"), None);
        assert_eq!(split_address(":6379"), None);
        assert_eq!(&*join_address("::1", 6379), "[::1]:6379");
        assert_eq!(&*join_address("10.0.0.1", 6379), "10.0.0.1:6379");
    }
}
