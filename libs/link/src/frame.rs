//! What travels between broker and bridge, as protobuf in the payload of PUBLISH. Both sides accept the previous version, so that restarts
//! can roll: fields are only ever added.

use bytes::Bytes;
use prost::Message as _;

/// The version of what this release writes.
pub(crate) const VERSION: u32 = 1;

/// Requests of one frame at most.
pub(crate) const FRAME_REQUESTS: usize = 200;

/// Bytes after which a frame is full.
pub(crate) const FRAME_BYTES: usize = 128 * 1024;

/// From a broker to a bridge.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ToBridge {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    /// Which of the bridge's leases what follows belongs to; changes whenever the bridge was given up.
    #[prost(uint64, tag = "2")]
    pub(crate) lease: u64,
    /// The number of the latest beat that was heard; 0 = none.
    #[prost(uint64, tag = "3")]
    pub(crate) heard: u64,
    /// Shards that the bridge should own from now on.
    #[prost(uint32, repeated, tag = "4")]
    pub(crate) own: Vec<u32>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) requests: Vec<Request>,
}

/// One attempt to have a publish done.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Request {
    /// Names the publish within its broker.
    #[prost(uint64, tag = "1")]
    pub(crate) job: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) attempt: u32,
    /// The number of the publish that must have been taken before; 0 = none.
    #[prost(uint64, tag = "3")]
    pub(crate) after: u64,
    #[prost(bool, tag = "4")]
    pub(crate) again: bool,
    #[prost(uint64, tag = "5")]
    pub(crate) number: u64,
    #[prost(message, required, tag = "6")]
    pub(crate) sender: Sender,
    #[prost(string, tag = "7")]
    pub(crate) topic: String,
    #[prost(bytes = "bytes", tag = "8")]
    pub(crate) payload: Bytes,
    /// 0–2.
    #[prost(uint32, tag = "9")]
    pub(crate) qos: u32,
    #[prost(uint32, tag = "10")]
    pub(crate) packet_id: u32,
    /// QoS 2: how often the packet id was released.
    #[prost(uint32, tag = "11")]
    pub(crate) uses: u32,
    #[prost(message, optional, tag = "12")]
    pub(crate) resend_of: Option<Sending>,
    #[prost(message, optional, tag = "13")]
    pub(crate) properties: Option<Properties>,
    #[prost(bool, tag = "14")]
    pub(crate) wants_notice: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Sender {
    #[prost(string, tag = "1")]
    pub(crate) user: String,
    #[prost(string, tag = "2")]
    pub(crate) device: String,
    #[prost(bool, tag = "3")]
    pub(crate) service: bool,
    #[prost(uint64, tag = "4")]
    pub(crate) incarnation: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) connection: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Sending {
    #[prost(uint64, tag = "1")]
    pub(crate) connection: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) number: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Properties {
    #[prost(string, optional, tag = "1")]
    pub(crate) content_type: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(crate) correlation_data: Option<Bytes>,
    #[prost(string, optional, tag = "3")]
    pub(crate) response_topic: Option<String>,
    #[prost(uint32, optional, tag = "4")]
    pub(crate) expiry_seconds: Option<u32>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) user_properties: Vec<UserProperty>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UserProperty {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

/// From a bridge to a broker.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ToBroker {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    /// The number of this beat; 0 = no beat.
    #[prost(uint64, tag = "2")]
    pub(crate) beat: u64,
    /// The bridge finishes what it has and wants nothing new.
    #[prost(bool, tag = "3")]
    pub(crate) leaving: bool,
    #[prost(message, repeated, tag = "4")]
    pub(crate) responses: Vec<Response>,
}

/// How an attempt ended.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Response {
    #[prost(uint64, tag = "1")]
    pub(crate) job: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) attempt: u32,
    #[prost(enumeration = "Ending", tag = "3")]
    pub(crate) ending: i32,
    #[prost(uint64, tag = "4")]
    pub(crate) seq: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) ts: u64,
    #[prost(message, optional, tag = "6")]
    pub(crate) notice: Option<Notice>,
    #[prost(uint64, optional, tag = "7")]
    pub(crate) renewed_until: Option<u64>,
    #[prost(uint32, tag = "8")]
    pub(crate) code: u32,
    #[prost(string, tag = "9")]
    pub(crate) reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
pub(crate) enum Ending {
    /// Also what a newer release may say: the attempt is made again.
    Unknown = 0,
    Stored = 1,
    Done = 2,
    Refused = 3,
    Moved = 4,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Notice {
    #[prost(string, tag = "1")]
    pub(crate) topic: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) payload: Bytes,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(crate) correlation_data: Option<Bytes>,
}

/// As a payload.
pub(crate) fn encode(frame: &impl prost::Message) -> Bytes {
    frame.encode_to_vec().into()
}

/// Back; `None` when it is no such frame.
pub(crate) fn decode<F: prost::Message + Default>(payload: Bytes) -> Option<F> {
    F::decode(payload).ok()
}

impl Request {
    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.payload.len() + self.topic.len() + 128
    }
}

impl Response {
    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.notice.as_ref().map_or(0, |notice| notice.payload.len() + notice.topic.len()) + self.encoded_len().min(64)
    }
}
