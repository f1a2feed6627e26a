//! A session row as bytes: protobuf, because sessions outlive releases and gain fields.

use longwave_model::{ConversationId, DeviceId, FirstSending, Seq, UserId};

use crate::sessions::{InFlight, SessionRow, SubscriptionRow};

#[derive(Clone, PartialEq, prost::Message)]
struct Session {
    #[prost(uint64, tag = "1")]
    incarnation: u64,
    #[prost(uint64, tag = "2")]
    connection: u64,
    #[prost(uint32, tag = "3")]
    expiry_seconds: u32,
    #[prost(message, repeated, tag = "4")]
    subscriptions: Vec<Subscription>,
    #[prost(message, repeated, tag = "5")]
    qos2_uses: Vec<Qos2Use>,
    #[prost(message, optional, tag = "6")]
    unsettled: Option<Unsettled>,
    #[prost(message, repeated, tag = "7")]
    in_flight: Vec<Delivery>,
    #[prost(uint64, tag = "8")]
    connected_at: u64,
    #[prost(uint64, optional, tag = "9")]
    disconnected_at: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Subscription {
    #[prost(string, tag = "1")]
    filter: String,
    #[prost(uint32, tag = "2")]
    qos: u32,
    #[prost(bool, tag = "3")]
    no_local: bool,
    #[prost(bool, tag = "4")]
    retain_as_published: bool,
    #[prost(uint32, tag = "5")]
    retain_handling: u32,
    #[prost(uint32, optional, tag = "6")]
    identifier: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Qos2Use {
    #[prost(uint32, tag = "1")]
    packet_id: u32,
    #[prost(uint32, tag = "2")]
    uses: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Unsettled {
    // Tag 1 was packet ids alone.
    #[prost(message, repeated, tag = "2")]
    publishes: Vec<Sending>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Sending {
    #[prost(uint32, tag = "1")]
    packet_id: u32,
    #[prost(uint64, tag = "2")]
    connection: u64,
    #[prost(uint64, tag = "3")]
    number: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Delivery {
    #[prost(uint32, tag = "1")]
    packet_id: u32,
    #[prost(string, tag = "2")]
    conversation: String,
    #[prost(uint64, tag = "3")]
    seq: u64,
}

/// The row as bytes; user and device are the key.
pub(crate) fn encode(row: &SessionRow) -> Vec<u8> {
    use prost::Message as _;
    Session {
        incarnation: row.incarnation,
        connection: row.connection,
        expiry_seconds: row.expiry_seconds,
        subscriptions: row
            .subscriptions
            .iter()
            .map(|subscription| Subscription {
                filter: subscription.filter.clone(),
                qos: u32::from(subscription.qos),
                no_local: subscription.no_local,
                retain_as_published: subscription.retain_as_published,
                retain_handling: u32::from(subscription.retain_handling),
                identifier: subscription.identifier,
            })
            .collect(),
        qos2_uses: row
            .qos2_uses
            .iter()
            .map(|(packet_id, uses)| Qos2Use { packet_id: u32::from(*packet_id), uses: *uses })
            .collect(),
        unsettled: row
            .unsettled
            .as_ref()
            .map(|left| Unsettled { publishes: left.iter().map(encode_sending).collect() }),
        in_flight: row
            .in_flight
            .iter()
            .map(|delivery| Delivery {
                packet_id: u32::from(delivery.packet_id),
                conversation: delivery.conversation.as_str().to_owned(),
                seq: delivery.seq.0,
            })
            .collect(),
        connected_at: row.connected_at,
        disconnected_at: row.disconnected_at,
    }
    .encode_to_vec()
}

/// Takes a row back; `None` when it is damaged.
pub(crate) fn decode(user: UserId, device: DeviceId, row: &[u8]) -> Option<SessionRow> {
    let session = <Session as prost::Message>::decode(row).ok()?;
    Some(SessionRow {
        user,
        device,
        incarnation: session.incarnation,
        connection: session.connection,
        expiry_seconds: session.expiry_seconds,
        subscriptions: session.subscriptions.into_iter().map(subscription).collect::<Option<_>>()?,
        qos2_uses: session
            .qos2_uses
            .into_iter()
            .map(|one| Some((u16::try_from(one.packet_id).ok()?, one.uses)))
            .collect::<Option<_>>()?,
        unsettled: match session.unsettled {
            Some(left) => Some(left.publishes.iter().map(sending).collect::<Option<_>>()?),
            None => None,
        },
        in_flight: session.in_flight.into_iter().map(delivery).collect::<Option<_>>()?,
        connected_at: session.connected_at,
        disconnected_at: session.disconnected_at,
    })
}

fn encode_sending((packet_id, first): &(u16, FirstSending)) -> Sending {
    Sending { packet_id: u32::from(*packet_id), connection: first.connection, number: first.number }
}

fn sending(row: &Sending) -> Option<(u16, FirstSending)> {
    Some((u16::try_from(row.packet_id).ok()?, FirstSending { connection: row.connection, number: row.number }))
}

/// What ordering and expiry need of a row, without its lists.
pub(crate) struct Times {
    /// Its connection number.
    pub(crate) connection: u64,
    /// Seconds that it outlives its connection.
    pub(crate) expiry_seconds: u32,
    /// When it was connected last.
    pub(crate) connected_at: u64,
    /// When its connection closed.
    pub(crate) disconnected_at: Option<u64>,
}

/// Reads only the times; `None` when the row is damaged.
pub(crate) fn times(row: &[u8]) -> Option<Times> {
    let session = <Session as prost::Message>::decode(row).ok()?;
    Some(Times {
        connection: session.connection,
        expiry_seconds: session.expiry_seconds,
        connected_at: session.connected_at,
        disconnected_at: session.disconnected_at,
    })
}

fn subscription(row: Subscription) -> Option<SubscriptionRow> {
    Some(SubscriptionRow {
        filter: row.filter,
        qos: u8::try_from(row.qos).ok()?,
        no_local: row.no_local,
        retain_as_published: row.retain_as_published,
        retain_handling: u8::try_from(row.retain_handling).ok()?,
        identifier: row.identifier,
    })
}

fn delivery(row: Delivery) -> Option<InFlight> {
    Some(InFlight {
        packet_id: u16::try_from(row.packet_id).ok()?,
        conversation: ConversationId::parse(&row.conversation).ok()?,
        seq: Seq(row.seq),
    })
}
