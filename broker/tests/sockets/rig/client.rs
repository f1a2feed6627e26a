//! A client that sends exactly the bytes it is told to, over any stream.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use longwave_broker::codec::packet::{
    Ack, Connect, Packet, Publish, PublishProperties, Qos, Subscribe, SubscribeFilter, Version,
};
use longwave_broker::codec::{Decoder, encode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(30);

/// A client on one connection.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    version: Version,
    buffer: BytesMut,
}

impl Client<TcpStream> {
    /// A TCP connection; nothing is sent.
    pub(crate) async fn dial(address: SocketAddr, version: Version) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::on(stream, version)
    }

    /// Connected as this user and device with a session that lasts.
    pub(crate) async fn connected(address: SocketAddr, user: &str, device: &str) -> Self {
        let mut client = Self::dial(address, Version::V5).await;
        client.connect(user, device).await;
        client
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn on(stream: S, version: Version) -> Self {
        Self { stream, version, buffer: BytesMut::new() }
    }

    /// Sends CONNECT; whether the session was present.
    pub(crate) async fn connect(&mut self, user: &str, device: &str) -> bool {
        self.send(&connect_packet(self.version, user, device)).await;
        match self.receive().await {
            Some(Packet::ConnAck(ack)) if ack.reason == 0 => ack.session_present,
            other => panic!("expected CONNACK, got {other:?}"),
        }
    }

    pub(crate) async fn send(&mut self, packet: &Packet) {
        let bytes = self.encode(packet);
        self.send_bytes(&bytes).await;
    }

    pub(crate) fn encode(&self, packet: &Packet) -> Bytes {
        let mut bytes = BytesMut::new();
        encode(packet, self.version, &mut bytes).unwrap();
        bytes.freeze()
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next packet; `None` when the server has closed.
    pub(crate) async fn receive(&mut self) -> Option<Packet> {
        tokio::time::timeout(PATIENCE, self.next()).await.expect("a packet or the end in time")
    }

    async fn next(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = Decoder::new(self.version, 1 << 28).decode(&mut self.buffer).unwrap() {
                return Some(packet);
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }

    /// The next packet, if one comes within the time.
    pub(crate) async fn receive_within(&mut self, time: Duration) -> Option<Packet> {
        tokio::time::timeout(time, self.next()).await.ok().flatten()
    }

    pub(crate) async fn subscribe(&mut self, filter: &str) {
        self.send(&subscribe_packet(filter)).await;
        match self.receive().await {
            Some(Packet::SubAck(ack)) => assert_eq!(ack.reasons, [1]),
            other => panic!("expected SUBACK, got {other:?}"),
        }
    }

    /// Publishes at QoS 1 and waits for the receipt; its reason.
    pub(crate) async fn publish(&mut self, topic: &str, packet_id: u16, payload: &'static [u8]) -> u8 {
        self.send(&publish_packet(topic, packet_id, Bytes::from_static(payload))).await;
        match self.receive().await {
            Some(Packet::PubAck(ack)) => {
                assert_eq!(ack.packet_id, packet_id);
                ack.reason
            }
            other => panic!("expected PUBACK, got {other:?}"),
        }
    }

    /// Takes the next publish and acknowledges it.
    pub(crate) async fn take(&mut self) -> Publish {
        let publish = self.take_without_ack().await;
        let packet_id = publish.packet_id.unwrap();
        self.send(&Packet::PubAck(Ack { packet_id, ..Ack::default() })).await;
        publish
    }

    pub(crate) async fn take_without_ack(&mut self) -> Publish {
        match self.receive().await {
            Some(Packet::Publish(publish)) => *publish,
            other => panic!("expected PUBLISH, got {other:?}"),
        }
    }
}

/// CONNECT of a session that lasts (on 3.1.1: not clean).
pub(crate) fn connect_packet(version: Version, user: &str, device: &str) -> Packet {
    Packet::Connect(Box::new(Connect {
        version,
        clean_start: false,
        keep_alive: 60,
        client_id: device.into(),
        user_name: Some(user.into()),
        password: None,
        will: None,
        session_expiry: (version == Version::V5).then_some(3_600),
        receive_maximum: None,
        maximum_packet_size: None,
        topic_alias_maximum: 0,
        request_response_information: false,
        request_problem_information: true,
        auth_method: None,
        auth_data: None,
        user_properties: Vec::new(),
    }))
}

/// PUBLISH at QoS 1.
pub(crate) fn publish_packet(topic: &str, packet_id: u16, payload: Bytes) -> Packet {
    Packet::Publish(Box::new(Publish {
        dup: false,
        qos: Qos::AtLeastOnce,
        retain: false,
        topic: topic.into(),
        packet_id: Some(packet_id),
        properties: PublishProperties::default(),
        payload,
    }))
}

/// SUBSCRIBE to one filter at QoS 1.
pub(crate) fn subscribe_packet(filter: &str) -> Packet {
    Packet::Subscribe(Box::new(Subscribe {
        packet_id: 1,
        identifier: None,
        filters: vec![SubscribeFilter {
            filter: filter.into(),
            qos: Qos::AtLeastOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
        }],
        user_properties: Vec::new(),
    }))
}
