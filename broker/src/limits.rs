//! The broker's limits (promise P8): each has a name, a unit and a default, and is a setting.

/// Limits of one listener's connections.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once, whole process.
    pub connections: usize,
    /// Packet size in bytes that is accepted before CONNECT has been answered.
    pub connect_packet_bytes: usize,
    /// Packet size in bytes that is accepted afterwards, announced as Maximum Packet Size.
    pub packet_bytes: usize,
    /// Publishes of one client that may be unanswered at once, announced as Receive Maximum.
    pub receive_maximum: u16,
    /// Deliveries to one client that may be unacknowledged at once (the client may ask for fewer).
    pub in_flight: u16,
    /// Topic aliases that a client may use towards us.
    pub topic_aliases_in: u16,
    /// Topic aliases that we use towards a client at most.
    pub topic_aliases_out: u16,
    /// Subscriptions of one session.
    pub subscriptions: usize,
    /// Seconds from accept to a complete CONNECT, TLS and WebSocket handshake included.
    pub connect_seconds: u64,
    /// Longest keep alive in seconds; a client that asks for more or for none gets this as Server Keep Alive. 0 = no limit.
    pub keep_alive_max_seconds: u16,
    /// Longest session expiry in seconds.
    pub session_expiry_max_seconds: u32,
    /// Seconds after which an unanswered publish closes its connection (protocol rule 21).
    pub answer_seconds: u64,
    /// Bytes encoded and not yet taken by the socket, at which nothing more is read or delivered.
    pub write_buffer_bytes: usize,
    /// Connections accepted per second, per listener; more wait in the listen queue.
    pub accepts_per_second: u32,
    /// Publishes that a connection may make per second, a second's worth at once; faster ones are read later. 0 = no limit.
    pub publishes_per_second: u32,
    /// Bytes of topics and payloads that a connection may publish per second, in the same way.
    pub bytes_per_second: u32,
    /// Connections from one address (IPv6: one /64) per second; further ones wait. 0 = no limit.
    pub connects_per_second_and_address: u32,
    /// Logins from one address that may fail per minute; after that its connections wait. 0 = no limit.
    pub failed_logins_per_minute_and_address: u32,
    /// Plain topics are served: retained messages, wills and shared subscriptions are announced as available.
    pub plain_topics: bool,
    /// Response Information for those who ask for it; `%u` is the user.
    pub response_information: Option<String>,
    /// Server Reference for those who are connected when the server stops.
    pub server_reference: Option<String>,
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
            publishes_per_second: 0,
            bytes_per_second: 0,
            connects_per_second_and_address: 0,
            failed_logins_per_minute_and_address: 0,
            plain_topics: false,
            response_information: None,
            server_reference: None,
        }
    }
}
