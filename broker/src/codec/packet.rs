//! MQTT packets of both versions in one form. A 3.1.1 packet is one whose properties are empty.

use std::sync::Arc;

use bytes::Bytes;

/// Protocol version of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// MQTT 3.1.1 (level 4).
    V311,
    /// MQTT 5.0.
    V5,
}

/// Quality of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Qos {
    /// At most once.
    AtMostOnce = 0,
    /// At least once.
    AtLeastOnce = 1,
    /// Exactly once.
    ExactlyOnce = 2,
}

/// User properties in order.
pub type UserProperties = Vec<(String, String)>;

/// Any packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// CONNECT
    Connect(Box<Connect>),
    /// CONNACK
    ConnAck(Box<ConnAck>),
    /// PUBLISH
    Publish(Box<Publish>),
    /// PUBACK
    PubAck(Ack),
    /// PUBREC
    PubRec(Ack),
    /// PUBREL
    PubRel(Ack),
    /// PUBCOMP
    PubComp(Ack),
    /// SUBSCRIBE
    Subscribe(Box<Subscribe>),
    /// SUBACK
    SubAck(SubAck),
    /// UNSUBSCRIBE
    Unsubscribe(Box<Unsubscribe>),
    /// UNSUBACK: on 3.1.1 the reasons are not sent.
    UnsubAck(SubAck),
    /// PINGREQ
    PingReq,
    /// PINGRESP
    PingResp,
    /// DISCONNECT
    Disconnect(Box<Disconnect>),
    /// AUTH (5.0 only)
    Auth(Box<Auth>),
}

/// CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Protocol version.
    pub version: Version,
    /// Clean Start; on 3.1.1 Clean Session.
    pub clean_start: bool,
    /// Seconds; 0 = off.
    pub keep_alive: u16,
    /// May be empty.
    pub client_id: String,
    /// User name.
    pub user_name: Option<String>,
    /// Password.
    pub password: Option<Bytes>,
    /// Will.
    pub will: Option<Will>,
    /// Session Expiry Interval in seconds; `None` = absent.
    pub session_expiry: Option<u32>,
    /// Receive Maximum; `None` = absent (65,535).
    pub receive_maximum: Option<u16>,
    /// Maximum Packet Size in bytes; `None` = no limit.
    pub maximum_packet_size: Option<u32>,
    /// Topic Alias Maximum that the client accepts; 0 = none.
    pub topic_alias_maximum: u16,
    /// Request Response Information.
    pub request_response_information: bool,
    /// Request Problem Information (absent = true).
    pub request_problem_information: bool,
    /// Authentication Method.
    pub auth_method: Option<String>,
    /// Authentication Data.
    pub auth_data: Option<Bytes>,
    /// User Properties.
    pub user_properties: UserProperties,
}

/// A will in CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Bytes,
    /// QoS.
    pub qos: Qos,
    /// Retain.
    pub retain: bool,
    /// Will Delay Interval in seconds.
    pub delay: u32,
    /// Other properties as of a publish.
    pub properties: PublishProperties,
}

/// CONNACK.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnAck {
    /// Session Present.
    pub session_present: bool,
    /// Reason code of 5.0; the codec translates it for 3.1.1.
    pub reason: u8,
    /// Session Expiry Interval in seconds, when the server uses another than asked for.
    pub session_expiry: Option<u32>,
    /// Receive Maximum of the server.
    pub receive_maximum: Option<u16>,
    /// Maximum QoS, when below 2.
    pub maximum_qos: Option<u8>,
    /// Retain Available, sent when false.
    pub retain_available: Option<bool>,
    /// Maximum Packet Size of the server in bytes.
    pub maximum_packet_size: Option<u32>,
    /// Assigned Client Identifier.
    pub assigned_client_id: Option<String>,
    /// Topic Alias Maximum of the server.
    pub topic_alias_maximum: u16,
    /// Reason String.
    pub reason_string: Option<String>,
    /// Wildcard Subscription Available, sent when false.
    pub wildcard_available: Option<bool>,
    /// Subscription Identifiers Available, sent when false.
    pub subscription_ids_available: Option<bool>,
    /// Shared Subscription Available, sent when false.
    pub shared_available: Option<bool>,
    /// Server Keep Alive in seconds.
    pub server_keep_alive: Option<u16>,
    /// Response Information.
    pub response_information: Option<String>,
    /// User Properties.
    pub user_properties: UserProperties,
}

/// PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// DUP.
    pub dup: bool,
    /// QoS.
    pub qos: Qos,
    /// Retain.
    pub retain: bool,
    /// Topic name; empty when an alias stands for it. Shared, because it travels on to whoever takes the publish.
    pub topic: Arc<str>,
    /// Packet id, for QoS above 0.
    pub packet_id: Option<u16>,
    /// Properties of 5.0.
    pub properties: PublishProperties,
    /// Payload.
    pub payload: Bytes,
}

/// Properties of PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublishProperties {
    /// Payload Format Indicator is 1: UTF-8.
    pub utf8_payload: Option<bool>,
    /// Message Expiry Interval in seconds.
    pub message_expiry: Option<u32>,
    /// Topic Alias.
    pub topic_alias: Option<u16>,
    /// Response Topic.
    pub response_topic: Option<String>,
    /// Correlation Data.
    pub correlation_data: Option<Bytes>,
    /// User Properties.
    pub user_properties: UserProperties,
    /// Subscription Identifiers.
    pub subscription_ids: Vec<u32>,
    /// Content Type.
    pub content_type: Option<String>,
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ack {
    /// Packet id.
    pub packet_id: u16,
    /// Reason code; 3.1.1 has none.
    pub reason: u8,
    /// Reason String.
    pub reason_string: Option<String>,
    /// User Properties.
    pub user_properties: UserProperties,
}

/// SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Packet id.
    pub packet_id: u16,
    /// Subscription Identifier.
    pub identifier: Option<u32>,
    /// Filters with their options, in order.
    pub filters: Vec<SubscribeFilter>,
    /// User Properties.
    pub user_properties: UserProperties,
}

/// One filter of SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeFilter {
    /// Topic filter.
    pub filter: String,
    /// Maximum QoS asked for.
    pub qos: Qos,
    /// No Local.
    pub no_local: bool,
    /// Retain As Published.
    pub retain_as_published: bool,
    /// Retain Handling, 0–2.
    pub retain_handling: u8,
}

/// SUBACK and UNSUBACK.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubAck {
    /// Packet id.
    pub packet_id: u16,
    /// One reason code of 5.0 per filter; the codec translates it for 3.1.1.
    pub reasons: Vec<u8>,
    /// Reason String.
    pub reason_string: Option<String>,
    /// User Properties.
    pub user_properties: UserProperties,
}

/// UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Packet id.
    pub packet_id: u16,
    /// Filters, in order.
    pub filters: Vec<String>,
    /// User Properties.
    pub user_properties: UserProperties,
}

/// DISCONNECT.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disconnect {
    /// Reason code.
    pub reason: u8,
    /// Session Expiry Interval in seconds.
    pub session_expiry: Option<u32>,
    /// Reason String.
    pub reason_string: Option<String>,
    /// Server Reference.
    pub server_reference: Option<String>,
    /// User Properties.
    pub user_properties: UserProperties,
}

/// AUTH.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Auth {
    /// Reason code.
    pub reason: u8,
    /// Authentication Method.
    pub method: Option<String>,
    /// Authentication Data.
    pub data: Option<Bytes>,
    /// Reason String.
    pub reason_string: Option<String>,
    /// User Properties.
    pub user_properties: UserProperties,
}
