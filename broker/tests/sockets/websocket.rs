//! MQTT over WebSocket: sub-protocols, frames that split and join packets, and what is not binary.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use longwave_broker::codec::packet::{Packet, Version};
use longwave_broker::codec::{Decoder, encode};
use longwave_broker::listen::Transport;
use longwave_broker::listen::tls::TlsReload;
use longwave_broker::stats::BrokerStats;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::rig::{Server, connect_packet, dial_tls, publish_packet, subscribe_packet, trusting, write_certificate};

struct Web<S>(WebSocketStream<S>, BytesMut);

impl<S: AsyncRead + AsyncWrite + Unpin> Web<S> {
    async fn open(stream: S, path: &str, protocol: Option<&'static str>) -> Result<Self, Error> {
        let mut request = format!("ws://localhost{path}").into_client_request()?;
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
        }
        Ok(Self(client_async(request, stream).await?.0, BytesMut::new()))
    }

    async fn frame(&mut self, bytes: impl Into<Bytes>) {
        self.0.send(Message::Binary(bytes.into())).await.unwrap();
    }

    async fn receive(&mut self) -> Packet {
        loop {
            if let Some(packet) = Decoder::new(Version::V5, 1 << 28).decode(&mut self.1).unwrap() {
                return packet;
            }
            match self.0.next().await {
                Some(Ok(Message::Binary(bytes))) => self.1.extend_from_slice(&bytes),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

fn bytes_of(packet: &Packet) -> Bytes {
    let mut bytes = BytesMut::new();
    encode(packet, Version::V5, &mut bytes).unwrap();
    bytes.freeze()
}

async fn tcp(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

#[tokio::test]
async fn packets_are_split_and_joined_across_frames() {
    let server = Server::over(Transport::WebSocket, None);
    let mut all = bytes_of(&connect_packet(Version::V5, "bob", "phone")).to_vec();
    all.extend_from_slice(&bytes_of(&subscribe_packet("t")));
    all.extend_from_slice(&bytes_of(&publish_packet("t", 1, "one".into())));
    all.extend_from_slice(&bytes_of(&publish_packet("t", 2, vec![b'x'; 10_000].into())));
    for size in [all.len(), 1_000, 7, 1] {
        let mut web = Web::open(tcp(server.address).await, "/mqtt", Some("mqtt")).await.unwrap();
        for part in all.chunks(size) {
            web.frame(part.to_vec()).await;
        }
        assert!(matches!(web.receive().await, Packet::ConnAck(_)));
        assert!(matches!(web.receive().await, Packet::SubAck(_)));
        let (mut acked, mut got) = (Vec::new(), Vec::new());
        while acked.len() < 2 || got.len() < 2 {
            match web.receive().await {
                Packet::PubAck(ack) => acked.push(ack.packet_id),
                Packet::Publish(publish) => got.push(publish.payload.len()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((acked, got), (vec![1, 2], vec![3, 10_000]));
        // Clean up: what is in flight belongs to this round.
        server.broker.close_device(
            &longwave_model::UserId::parse("bob").unwrap(),
            &longwave_model::DeviceId::parse("phone").unwrap(),
            longwave_model::Refusal::new(longwave_model::ErrorCode::ServerStopping, "next round"),
        );
        while web.0.next().await.is_some_and(|message| message.is_ok()) {}
        let mut clean = Web::open(tcp(server.address).await, "/mqtt", Some("mqtt")).await.unwrap();
        let Packet::Connect(mut connect) = connect_packet(Version::V5, "bob", "phone") else { unreachable!() };
        (connect.clean_start, connect.session_expiry) = (true, Some(0));
        clean.frame(bytes_of(&Packet::Connect(connect))).await;
        assert!(matches!(clean.receive().await, Packet::ConnAck(_)));
        clean.0.close(None).await.unwrap();
        server.until("all closed", |server| server.broker.stats().sessions.get() == 0).await;
    }
}

#[tokio::test]
async fn sub_protocol_and_path_are_checked() {
    let server = Server::over(Transport::WebSocket, None);
    let status = |result: Result<Web<TcpStream>, Error>| match result {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => 101,
    };
    assert_eq!(status(Web::open(tcp(server.address).await, "/mqtt", Some("mqttv3.1")).await), 101);
    assert_eq!(status(Web::open(tcp(server.address).await, "/mqtt", None).await), 400);
    assert_eq!(status(Web::open(tcp(server.address).await, "/mqtt", Some("chat")).await), 400);
    assert_eq!(status(Web::open(tcp(server.address).await, "/other", Some("mqtt")).await), 404);
}

#[tokio::test]
async fn pings_are_answered_and_text_ends_the_connection_with_1003() {
    let server = Server::over(Transport::WebSocket, None);
    let mut web = Web::open(tcp(server.address).await, "/mqtt", Some("mqtt")).await.unwrap();
    web.0.send(Message::Ping(Bytes::from_static(b"x"))).await.unwrap();
    assert_eq!(web.0.next().await.unwrap().unwrap(), Message::Pong(Bytes::from_static(b"x")));
    web.0.send(Message::Text("hello".into())).await.unwrap();
    match web.0.next().await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(frame.code, CloseCode::Unsupported),
        other => panic!("{other:?}"),
    }
    server.until("gone", |server| server.broker.stats().connections() == 0).await;
}

#[tokio::test]
async fn a_close_from_either_side_is_answered() {
    let server = Server::over(Transport::WebSocket, None);
    let mut web = Web::open(tcp(server.address).await, "/mqtt", Some("mqtt")).await.unwrap();
    web.frame(bytes_of(&connect_packet(Version::V5, "bob", "phone"))).await;
    assert!(matches!(web.receive().await, Packet::ConnAck(_)));
    web.frame(bytes_of(&Packet::Disconnect(Box::default()))).await;
    assert!(matches!(web.0.next().await, Some(Ok(Message::Close(_)))));
    assert!(web.0.next().await.is_none());

    let mut web = Web::open(tcp(server.address).await, "/mqtt", Some("mqtt")).await.unwrap();
    web.0.close(None).await.unwrap();
    assert!(matches!(web.0.next().await, Some(Ok(Message::Close(_)))));
    server.until("gone", |server| server.broker.stats().connections() == 0).await;
}

#[tokio::test]
async fn what_is_no_mqtt_ends_the_connection_however_long_its_frame_is() {
    let server = Server::over(Transport::WebSocket, None);
    let mut web = Web::open(tcp(server.address).await, "/mqtt", Some("mqtt")).await.unwrap();
    // The server may be gone before all of it is sent.
    let _ = web.0.send(Message::Binary(vec![0; 300 * 1024].into())).await;
    while web.0.next().await.is_some_and(|message| message.is_ok()) {}
    server.until("gone", |server| server.broker.stats().connections() == 0).await;
}

#[tokio::test]
async fn over_tls_too() {
    let directory = tempfile::tempdir().unwrap();
    let (files, certificate) = write_certificate(directory.path(), "one");
    let reload = TlsReload::load(files, Arc::new(BrokerStats::default())).unwrap();
    let server = Server::over(Transport::WebSocketTls, Some(reload));
    let stream = dial_tls(server.address, trusting(&certificate, &[b"http/1.1"])).await.unwrap();
    let mut web = Web::open(stream, "/mqtt", Some("mqtt")).await.unwrap();
    web.frame(bytes_of(&connect_packet(Version::V5, "bob", "phone"))).await;
    assert!(matches!(web.receive().await, Packet::ConnAck(_)));
    web.frame(bytes_of(&subscribe_packet("t"))).await;
    assert!(matches!(web.receive().await, Packet::SubAck(_)));
    let payload = Bytes::from(vec![5; 150_000]);
    for _ in 0..10 {
        server.backend.put("t", &payload);
    }
    for _ in 0..10 {
        assert!(matches!(web.receive().await, Packet::Publish(publish) if publish.payload == payload));
    }
}
