//! The settings themselves: name, unit, default, meaning. The doc comments become `docs/reference/settings.md`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::AccessSettings;
use crate::drain::Drain;
use crate::nodes::{LinkSettings, NodeSettings, RedisSettings};
use crate::plain::PlainTopics;
use crate::push::PushSection;
use crate::test_broker::TestBroker;
use crate::tls::{ClientCertificates, TlsVersion};

/// All settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the server listens.
    pub listen: Listen,
    /// Certificate and key of the TLS listeners.
    pub tls: Tls,
    /// Who may connect.
    pub auth: Auth,
    /// Who may do what on plain topics.
    pub access: AccessSettings,
    /// The embedded store.
    pub store: StoreSettings,
    /// The store on Cassandra, instead of the embedded one.
    pub cassandra: CassandraSettings,
    /// The process among others.
    pub node: NodeSettings,
    /// The link between brokers and bridges.
    pub link: LinkSettings,
    /// Redis, for brokers and bridges.
    pub redis: RedisSettings,
    /// What is kept, and for how long.
    pub retention: Retention,
    /// Limits of connections and sessions.
    pub limits: Limits,
    /// Rules of conversations.
    pub conversations: Conversations,
    /// Delivery to devices.
    pub feed: Feeds,
    /// Push notifications to devices that sleep.
    pub push: PushSection,
    /// Topics outside `u/`.
    pub plain: PlainTopics,
    /// How a server leaves.
    pub drain: Drain,
    /// A server for conformance suites.
    pub test_broker: Option<TestBroker>,
    /// What the server says of itself.
    pub log: Logging,
}

/// Where the server listens. An absent address means: do not listen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// MQTT over TCP.
    #[schemars(with = "Option<String>")]
    pub mqtt: Option<SocketAddr>,
    /// MQTT over TLS; needs `tls.certificate` and `tls.key`.
    #[schemars(with = "Option<String>")]
    pub mqtts: Option<SocketAddr>,
    /// MQTT over WebSocket.
    #[schemars(with = "Option<String>")]
    pub websocket: Option<SocketAddr>,
    /// MQTT over WebSocket over TLS; needs `tls.certificate` and `tls.key`.
    #[schemars(with = "Option<String>")]
    pub websocket_tls: Option<SocketAddr>,
    /// Path of the WebSocket listeners.
    pub websocket_path: String,
    /// Origins of the web pages whose browsers may connect, as `https://chat.example.org`; empty = all. Clients that are no browser send none and pass.
    pub websocket_origins: Vec<String>,
    /// Networks of the balancers and proxies in front of the server, as `10.0.0.0/8`: what they say of where a client is counts, by the PROXY protocol
    /// and in `X-Forwarded-For` of WebSockets. Empty = nobody is believed.
    pub trusted_proxies: Vec<String>,
    /// Connections from `trusted_proxies` begin with a header of the PROXY protocol, version 1 or 2; without it they are closed.
    pub proxy_protocol: bool,
    /// HTTP with `/livez`, `/readyz` and `/metrics`. Without authentication: keep it on loopback or inside the cluster.
    #[schemars(with = "Option<String>")]
    pub admin: Option<SocketAddr>,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        Self {
            mqtt: loopback(1883),
            mqtts: None,
            websocket: loopback(8083),
            websocket_tls: None,
            websocket_path: "/mqtt".to_owned(),
            websocket_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            admin: loopback(8080),
        }
    }
}

/// Certificate and key of the TLS listeners. Both files are watched and reloaded without a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file: the server's certificate, then its intermediates.
    pub certificate: Option<PathBuf>,
    /// PEM file: the private key.
    pub key: Option<PathBuf>,
    /// The oldest TLS that clients may speak. Of TLS 1.2 only ciphers with forward secrecy and authenticated encryption are offered.
    pub minimum_version: TlsVersion,
    /// Certificates of clients; absent = none are asked for.
    pub clients: Option<ClientCertificates>,
}

/// Who may connect. Without `--dev`, at least one way must be on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Local users, made by `longwave user add`, with user name and password.
    pub passwords: bool,
    /// Passwords checked at once; each check takes a core for tens of milliseconds and 19 MiB.
    pub password_checks: usize,
    /// Milliseconds for which the answer to a wrong login is held back.
    pub failed_login_delay_millis: u64,
    /// Tokens in the password field; absent = none are accepted.
    pub jwt: Option<Jwt>,
    /// A service that is asked whether a client may connect, in place of the local users; absent = nobody is asked.
    pub hook: Option<Hook>,
}

impl Default for Auth {
    fn default() -> Self {
        Self { passwords: true, password_checks: 2, failed_login_delay_millis: 500, jwt: None, hook: None }
    }
}

/// A service that decides who may connect. It gets a POST with JSON and answers with JSON ([access](../operate/access.md#a-hook)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hook {
    /// Its URL, https or, on loopback, http.
    pub url: String,
    /// PEM file with root certificates for it; absent = the system's.
    pub root_certificates: Option<PathBuf>,
    /// Milliseconds that an answer may take, waiting for a turn included; then nobody gets in.
    pub answer_millis: u64,
    /// Questions at once.
    pub at_once: usize,
    /// Seconds for which a yes is remembered. 0 = asked every time.
    pub yes_seconds: u64,
    /// Seconds for which a no is remembered.
    pub no_seconds: u64,
}

impl Default for Hook {
    fn default() -> Self {
        Self {
            url: String::new(),
            root_certificates: None,
            answer_millis: 3_000,
            at_once: 64,
            yes_seconds: 60,
            no_seconds: 5,
        }
    }
}

/// JSON Web Tokens (RFC 7519): `sub` = user, `exp` required, optional `device` (pin) and `service` (may act for any user).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jwt {
    /// A public key in PEM (RSA for RS256, P-256 for ES256, Ed25519 for EdDSA), or the secret of HS256, at least 32 bytes.
    pub key_file: Option<PathBuf>,
    /// URL of a JSON Web Key Set (RFC 7517), https or, on loopback, http.
    pub jwks_url: Option<String>,
    /// PEM file with root certificates for `jwks_url`; absent = the system's.
    pub jwks_root_certificates: Option<PathBuf>,
    /// Required `iss`.
    pub issuer: Option<String>,
    /// Required `aud`.
    pub audience: Option<String>,
    /// Seconds by which clocks may differ.
    pub leeway_seconds: u64,
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            key_file: None,
            jwks_url: None,
            jwks_root_certificates: None,
            issuer: None,
            audience: None,
            leeway_seconds: 30,
        }
    }
}

/// The embedded store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// Directory of the data; made when it does not exist.
    pub path: PathBuf,
    /// Number of shards, fixed when the store is created.
    pub shards: u16,
    /// Bytes of memory for caching blocks of the tables.
    pub cache_bytes: u64,
    /// Bytes that must stay free on the disk; below it writes are refused with error 4001. 0 = no mark.
    pub free_space_mark_bytes: u64,
    /// Bytes of write-ahead log after which the oldest rows in memory are written as sorted files; at least 64 MiB.
    pub log_bytes: u64,
    /// Writes that may wait for the commit thread; more wait outside.
    pub queued_writes: usize,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            path: PathBuf::from("data"),
            shards: 64,
            cache_bytes: 16 * 1024 * 1024,
            free_space_mark_bytes: 256 * 1024 * 1024,
            log_bytes: 128 * 1024 * 1024,
            queued_writes: 1_024,
        }
    }
}

/// The store on Cassandra. Used instead of the embedded one when `contact_points` names a node; `longwave schema` makes its tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CassandraSettings {
    /// Addresses (`host:port`) of some nodes, separated by commas; the rest are found through them. Empty = the embedded store.
    pub contact_points: String,
    /// The keyspace: lower-case letters, digits and underscores.
    pub keyspace: String,
    /// Copies of every row, where `longwave schema` makes the keyspace. 3 survives the loss of a node.
    pub replication_factor: u32,
    /// Copies per data centre, as in `{ east = 3, west = 3 }`; overrides `replication_factor`.
    pub data_centres: BTreeMap<String, u32>,
    /// Pins reads, writes and ballots to this data centre (LOCAL_QUORUM, LOCAL_SERIAL). The same for all processes.
    pub local_data_centre: Option<String>,
    /// User name for password authentication; needs `password_file`.
    pub user: Option<String>,
    /// File whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// PEM file with root certificates: connections use TLS.
    pub root_certificates: Option<PathBuf>,
    /// Number of shards, fixed when the schema is made.
    pub shards: u16,
    /// Seconds that a request may take; what an append did that took longer has to be found out.
    pub request_seconds: u64,
    /// Requests under way at most, for this process.
    pub concurrent_requests: usize,
}

impl Default for CassandraSettings {
    fn default() -> Self {
        Self {
            contact_points: String::new(),
            keyspace: "longwave".to_owned(),
            replication_factor: 3,
            data_centres: BTreeMap::new(),
            local_data_centre: None,
            user: None,
            password_file: None,
            root_certificates: None,
            shards: 256,
            request_seconds: 10,
            concurrent_requests: 256,
        }
    }
}

/// What is kept, and for how long. A conversation may set its own by `conversation.update`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Seconds after which an entry is removed; 0 = kept for ever.
    pub age_seconds: u64,
    /// Entries that a conversation keeps at most; 0 = all.
    pub entries: u64,
    /// Seconds between two runs of the sweeper.
    pub sweep_seconds: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age_seconds: 0, entries: 0, sweep_seconds: 60 }
    }
}

/// Limits of connections and sessions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once, all listeners together; more wait to be accepted.
    pub connections: usize,
    /// Packet size in bytes accepted before a client is admitted.
    pub connect_packet_bytes: usize,
    /// Packet size in bytes accepted from an admitted client, announced as Maximum Packet Size.
    pub packet_bytes: usize,
    /// Publishes of one client that may be unanswered at once, announced as Receive Maximum.
    pub receive_maximum: u16,
    /// Deliveries to one device that may be unacknowledged at once; the device may ask for fewer.
    pub in_flight: u16,
    /// Topic aliases that a client may use.
    pub topic_aliases_in: u16,
    /// Topic aliases used towards a client, at most as many as it offers.
    pub topic_aliases_out: u16,
    /// Subscriptions of one session.
    pub subscriptions: usize,
    /// Seconds from accept to a complete CONNECT, handshakes included.
    pub connect_seconds: u64,
    /// Longest keep alive in seconds; clients that ask for more or for none get it as Server Keep Alive. 0 = no limit.
    pub keep_alive_max_seconds: u16,
    /// Longest session expiry in seconds.
    pub session_expiry_max_seconds: u32,
    /// Seconds after which a publish that has no answer closes its connection.
    pub answer_seconds: u64,
    /// Bytes waiting for one socket at which nothing more is read from or delivered to it.
    pub write_buffer_bytes: usize,
    /// Connections accepted per second and listener.
    pub accepts_per_second: u32,
    /// Connections from one address (of IPv6: one /64) per second, a second's worth at once; further ones wait, and are closed when the wait is longer than
    /// `connect_seconds`. 0 = no limit. Behind a balancer set `listen.trusted_proxies` first, or all clients are one address.
    pub connects_per_second_and_address: u32,
    /// Logins from one address that may fail per minute; after that its connections wait in the same way. 0 = no limit.
    pub failed_logins_per_minute_and_address: u32,
    /// Publishes that a connection may make per second, a second's worth at once; who is faster is read later, and nothing is refused. 0 = no limit.
    pub publishes_per_second: u32,
    /// Bytes of topics and payloads that a connection may publish per second, in the same way. 0 = no limit.
    pub bytes_per_second: u32,
    /// Connections closed per second when the server drains.
    pub drain_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            connect_packet_bytes: 8 * 1024,
            packet_bytes: 256 * 1024,
            receive_maximum: 100,
            in_flight: 100,
            topic_aliases_in: 16,
            topic_aliases_out: 16,
            subscriptions: 64,
            connect_seconds: 10,
            keep_alive_max_seconds: 1_800,
            session_expiry_max_seconds: 90 * 24 * 60 * 60,
            answer_seconds: 10,
            write_buffer_bytes: 64 * 1024,
            accepts_per_second: 2_000,
            connects_per_second_and_address: 0,
            failed_logins_per_minute_and_address: 0,
            publishes_per_second: 0,
            bytes_per_second: 0,
            drain_per_second: 2_000,
        }
    }
}

/// Who may open a direct conversation with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DirectPolicy {
    /// Everybody.
    Anyone,
    /// Who shares a group with the user.
    SharedGroup,
    /// Nobody new: only direct conversations that exist already.
    NobodyNew,
}

/// Rules of conversations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Conversations {
    /// Who may open a direct conversation with a user.
    pub direct: DirectPolicy,
    /// Members that a group may have; a channel may have more.
    pub group_members: usize,
    /// Size in bytes of a message's body.
    pub body_bytes: usize,
    /// Bytes of publishes that may wait for the store, all together, and as many on plain topics; above it they are refused with error 4003.
    pub queue_bytes: usize,
    /// Message ids remembered per shard; older ones are looked up in the store.
    pub dedup_entries: usize,
    /// Conversations remembered per shard; others are looked up in the store.
    pub cached_conversations: usize,
    /// Publishes per second that one user may make on average, all its devices and all bridges together; 0 = no limit.
    pub user_rate: u32,
    /// Entries of one append; more that wait make the next one.
    pub append_entries: usize,
    /// Bytes of one append; an entry larger than this travels alone.
    pub append_bytes: usize,
    /// Publishes without an id remembered per shard, so that their DUP resend is recognised.
    pub resend_entries: usize,
    /// Sessions per shard whose connection number is remembered.
    pub session_entries: usize,
    /// Requests of one session that may wait; above it they are refused with error 4003.
    pub queued_requests: usize,
    /// Entries of one page of `history.page`.
    pub page_entries: usize,
    /// Bytes of bodies of one page of `history.page`; one entry always fits.
    pub page_bytes: usize,
    /// Conversations of one page of `conversation.list`.
    pub list_conversations: usize,
}

impl Default for Conversations {
    fn default() -> Self {
        Self {
            direct: DirectPolicy::Anyone,
            group_members: 1_024,
            body_bytes: 128 * 1024,
            queue_bytes: 64 * 1024 * 1024,
            dedup_entries: 20_000,
            cached_conversations: 4_096,
            user_rate: 0,
            append_entries: 200,
            append_bytes: 128 * 1024,
            resend_entries: 8_192,
            session_entries: 16_384,
            queued_requests: 64,
            page_entries: 200,
            page_bytes: 128 * 1024,
            list_conversations: 200,
        }
    }
}

/// Delivery to devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Feeds {
    /// Milliseconds by which cursors and delivered marks may be written behind.
    pub flush_millis: u64,
    /// Seconds between two comparisons of a session with its inbox.
    pub compare_seconds: u64,
    /// Seconds for which changes of presence are gathered.
    pub presence_seconds: u64,
    /// Entries of one page read from the log.
    pub page_entries: usize,
    /// Bytes of bodies of one page.
    pub page_bytes: usize,
    /// Pages read at once, all sessions together.
    pub concurrent_pages: usize,
    /// Live entries that may wait in a session; further ones are read from the log when there is room.
    pub live_entries: usize,
    /// Conversations in which a session remembers where it stands although nothing is on its way.
    pub remembered_conversations: usize,
    /// QoS 0 events (marks, typing, presence) that may wait in a session; further ones are dropped.
    pub events: usize,
    /// A rising "delivered" mark is told to the members of groups up to this size; in larger ones it is only stored.
    pub mark_members: usize,
    /// People about whose presence a session is told when it subscribes.
    pub presence_people: usize,
}

impl Default for Feeds {
    fn default() -> Self {
        Self {
            flush_millis: 500,
            compare_seconds: 60,
            presence_seconds: 5,
            page_entries: 128,
            page_bytes: 64 * 1024,
            concurrent_pages: 64,
            live_entries: 64,
            remembered_conversations: 256,
            events: 64,
            mark_members: 64,
            presence_people: 1_024,
        }
    }
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the server says of itself, on standard error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// Filter in the syntax of `tracing_subscriber::EnvFilter`: `info`, `warn,longwave_broker=debug` …
    pub level: String,
    /// Form of the log.
    pub format: LogFormat,
}

impl Default for Logging {
    fn default() -> Self {
        Self { level: "info,fjall=warn,lsm_tree=warn".to_owned(), format: LogFormat::Text }
    }
}
