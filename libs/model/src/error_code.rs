//! Every refusal has a number, a short name, and a page `docs/errors/<number>.md` that says what to do.
//!
//! Numbers are never reused: clients and operators search for them.

use std::borrow::Cow;
use std::fmt;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $slug:literal;)*) => {
        /// Numbers of refusals.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum ErrorCode {
            $($(#[$doc])* $name = $number,)*
        }

        impl ErrorCode {
            /// All of them, in order.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name,)*];

            /// A short name for logs and metrics.
            #[must_use]
            pub fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }
        }
    };
}

error_codes! {
    /// User name, password or token is wrong or missing.
    BadCredentials = 1001, "bad-credentials";
    /// The token has expired.
    TokenExpired = 1002, "token-expired";
    /// The client id is not a device id, or the token is pinned to another device.
    BadDeviceId = 1003, "bad-device-id";
    /// Enhanced authentication is not supported.
    AuthMethod = 1004, "auth-method";
    /// A will message was given; wills are not available.
    WillUnavailable = 1005, "will-unavailable";
    /// Another connection of the same device took the session over.
    SessionTakenOver = 1006, "session-taken-over";
    /// The server is stopping or draining.
    ServerStopping = 1007, "server-stopping";
    /// Nothing was heard from the client for one and a half keep alive times.
    KeepAliveTimeout = 1008, "keep-alive-timeout";
    /// A publish stayed unanswered too long, so its connection was closed.
    AnswerTimeout = 1009, "answer-timeout";
    /// The user, the device or the address is banned.
    Banned = 1010, "banned";

    /// The packet breaks the MQTT protocol.
    ProtocolError = 1101, "protocol-error";
    /// The packet could not be decoded.
    MalformedPacket = 1102, "malformed-packet";
    /// The packet is larger than the limit.
    PacketTooLarge = 1103, "packet-too-large";
    /// More publishes in flight than the Receive Maximum allows.
    ReceiveMaximum = 1104, "receive-maximum";
    /// A topic alias of 0, above the maximum, or unknown.
    TopicAlias = 1105, "topic-alias";
    /// Retained messages are not available.
    RetainUnavailable = 1106, "retain-unavailable";
    /// Shared subscriptions are not available.
    SharedUnavailable = 1107, "shared-unavailable";
    /// No CONNECT arrived in time, or the first packet was none.
    ConnectExpected = 1108, "connect-expected";

    /// The topic or filter is not one this user may use.
    NotYourTopic = 2001, "not-your-topic";
    /// The topic is under `u/` but has no meaning.
    UnknownTopic = 2002, "unknown-topic";
    /// The payload is not a command in the topic's encoding.
    BadPayload = 2003, "bad-payload";
    /// The sender is not a member of the conversation, or there is no such conversation.
    NotAMember = 2004, "not-a-member";
    /// The member's role does not allow this.
    RoleTooLow = 2005, "role-too-low";
    /// The other user has blocked the sender.
    Blocked = 2006, "blocked";
    /// There is no such user.
    UnknownPeer = 2007, "unknown-peer";
    /// New direct conversations are not open to this sender.
    DirectClosed = 2008, "direct-closed";
    /// The message id is empty or longer than 32 bytes.
    BadMessageId = 2009, "bad-message-id";
    /// The body is larger than the limit.
    BodyTooLarge = 2010, "body-too-large";
    /// A seq above the conversation's head, or below 1.
    BadSeq = 2011, "bad-seq";
    /// The sender publishes faster than its limit.
    RateLimited = 2012, "rate-limited";
    /// The device has too many subscriptions.
    TooManySubscriptions = 2013, "too-many-subscriptions";
    /// The topic filter is not valid.
    BadFilter = 2014, "bad-filter";
    /// As many messages, or bytes, are retained as may be.
    RetainedFull = 2016, "retained-full";

    /// There is no such method.
    UnknownMethod = 3001, "unknown-method";
    /// The parameters do not fit the method.
    BadParams = 3002, "bad-params";
    /// The conversation exists already.
    ConversationExists = 3003, "conversation-exists";
    /// The group would have more members than the limit.
    GroupFull = 3004, "group-full";
    /// There is no such conversation, or the caller may not see it.
    UnknownConversation = 3005, "unknown-conversation";
    /// The method does not apply to this kind of conversation.
    WrongKind = 3006, "wrong-kind";
    /// The last owner cannot leave or step down while others remain.
    LastOwner = 3007, "last-owner";

    /// The disk is nearly full; writes are refused.
    DiskFull = 4001, "disk-full";
    /// The store cannot be read or written just now.
    StoreUnavailable = 4002, "store-unavailable";
    /// The server has too much work queued.
    Overloaded = 4003, "overloaded";

    /// A setting is unknown or has a wrong value.
    BadSetting = 5001, "bad-setting";
    /// The store was written by a newer release.
    NewerFormat = 5002, "newer-format";
    /// The store is damaged.
    StoreDamaged = 5003, "store-damaged";
    /// The store is in use by another process.
    StoreLocked = 5004, "store-locked";
    /// The store was created with another number of shards.
    ShardMismatch = 5005, "shard-mismatch";
    /// An address cannot be listened on.
    ListenFailed = 5006, "listen-failed";
    /// A certificate or key cannot be used.
    BadCertificate = 5007, "bad-certificate";
    /// The schema on Cassandra is not there, or older than this release needs.
    SchemaMissing = 5008, "schema-missing";
    /// Redis is away, too slow, or not ready.
    RedisUnavailable = 5009, "redis-unavailable";
    /// Redis answers, but refuses: wrong user or password, a missing permission, no memory left.
    RedisRefused = 5010, "redis-refused";
    /// Cassandra answers, but refuses: wrong user or password, or a missing permission.
    CassandraRefused = 5011, "cassandra-refused";
    /// A bridge cannot connect to a broker: it is away, or TLS or the secret does not fit.
    BrokerUnreachable = 5012, "broker-unreachable";
}

impl ErrorCode {
    /// The number, as clients see it.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.slug())
    }
}

/// A request that was understood and will not be done. Sending it again unchanged will not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Refusal {
    /// The number.
    pub code: ErrorCode,
    /// One sentence for the developer of the client. No secrets, no bodies.
    pub reason: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with its reason.
    pub fn new(code: ErrorCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_slugs_are_unique_and_in_order() {
        assert!(ErrorCode::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
        let mut slugs: Vec<_> = ErrorCode::ALL.iter().map(|code| code.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), ErrorCode::ALL.len());
    }
}
