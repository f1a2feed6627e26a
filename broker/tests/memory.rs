//! What an idle connection costs in heap, counted by the allocator: the promise is that it owns no buffer and little else.
//!
//! The clients are bare sockets without heap of their own, and the backend is as small as the traits allow, so nearly all that is
//! counted belongs to the broker and the runtime. `LONGWAVE_IDLE_CONNECTIONS=9000` gives the figures at another number (each takes two
//! file descriptors of this process), together with the growth of the resident set.

#![allow(clippy::unwrap_used, clippy::print_stderr)]
#![allow(unsafe_code, reason = "a counting allocator implements GlobalAlloc")]

#[path = "small_backend/backend.rs"]
mod small_backend;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use longwave_broker::listen::Transport;
use longwave_broker::listen::tls::{CertificateFiles, TlsReload};
use longwave_broker::stats::BrokerStats;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::ServerName;

/// Requested bytes and allocations alive.
struct Counting;
static BYTES: AtomicI64 = AtomicI64::new(0);
static BLOCKS: AtomicI64 = AtomicI64::new(0);
#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is handed to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count(size: usize, sign: i64) {
    BYTES.fetch_add(i64::try_from(size).unwrap() * sign, Relaxed);
    BLOCKS.fetch_add(sign, Relaxed);
}

/// CONNECT (5.0, keep alive 60, session expiry 3,600) as `user{n}`, and SUBSCRIBE to `u/user{n}/#`.
fn connect_and_subscribe(n: usize) -> Vec<u8> {
    let user = format!("user{n:06}");
    let mut connect = b"\x00\x04MQTT\x05\x80\x00\x3c\x05\x11\x00\x00\x0e\x10\x00\x05phone\x00\x0a".to_vec();
    connect.extend_from_slice(user.as_bytes());
    let filter = format!("u/{user}/#");
    let mut subscribe = vec![0, 1, 0, 0, u8::try_from(filter.len()).unwrap()];
    subscribe.extend_from_slice(filter.as_bytes());
    subscribe.push(1);
    let mut bytes = Vec::new();
    for (kind, body) in [(0x10, connect), (0x82, subscribe)] {
        bytes.push(kind);
        bytes.push(u8::try_from(body.len()).unwrap());
        bytes.extend_from_slice(&body);
    }
    bytes
}

/// Becomes a connected client with one subscription.
fn become_client(stream: &mut (impl Read + Write), n: usize, web: bool) {
    let packets = connect_and_subscribe(n);
    if web {
        upgrade(stream);
        // A binary frame, masked with zeros.
        let length = u8::try_from(packets.len()).unwrap();
        stream.write_all(&[&[0x82, 0x80 | length, 0, 0, 0, 0], &packets[..]].concat()).unwrap();
    } else {
        stream.write_all(&packets).unwrap();
    }
    for kind in [0x20, 0x90] {
        // The server's frames hold one packet each here, and are short.
        let mut header = [0; 4];
        let header = if web { &mut header[..] } else { &mut header[..2] };
        stream.read_exact(header).unwrap();
        let header = &header[header.len() - 2..];
        assert_eq!(header[0], kind);
        stream.read_exact(&mut [0; 127][..usize::from(header[1])]).unwrap();
    }
}

fn upgrade(stream: &mut (impl Read + Write)) {
    let request = "GET /mqtt HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: mqtt\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
}

/// A connected client, of which only the socket is kept: its TLS state would be counted as well.
fn dial(address: SocketAddr, n: usize, transport: Transport, tls: &Arc<ClientConfig>) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    match transport {
        Transport::Tcp => become_client(&mut stream, n, false),
        Transport::WebSocket => become_client(&mut stream, n, true),
        Transport::Tls | Transport::WebSocketTls => {
            let name = ServerName::try_from("localhost").unwrap();
            let mut connection = ClientConnection::new(tls.clone(), name).unwrap();
            let mut both = rustls::Stream::new(&mut connection, &mut stream);
            become_client(&mut both, n, transport == Transport::WebSocketTls);
        }
    }
    stream
}

fn resident_bytes() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<i64>().unwrap() * 4096
}

/// Requested heap bytes of one idle connection: task, socket, session with one subscription, registry entry, mailbox, timer slot, and
/// this test's outlet and sender; over TLS what rustls keeps.
const BOUNDS: [(Transport, i64); 4] =
    [(Transport::Tcp, 1_150), (Transport::Tls, 8_000), (Transport::WebSocket, 1_350), (Transport::WebSocketTls, 8_200)];

#[test]
fn an_idle_connection_is_small() {
    let connections = std::env::var("LONGWAVE_IDLE_CONNECTIONS").map_or(500, |n| n.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = CertificateFiles { certificate: directory.path().join("cert"), key: directory.path().join("key") };
    std::fs::write(&files.certificate, pair.cert.pem()).unwrap();
    std::fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Arc::new(client);

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _runtime = runtime.enter();
    let reload = TlsReload::load(files, Arc::new(BrokerStats::default())).unwrap();
    for (transport, bound) in BOUNDS {
        let (broker, address) = small_backend::start(transport, Some(reload.clone()));
        // What is made once, and the buffers of the threads, are made by the first of them.
        let first = connections / 5 + 50;
        let mut streams = Vec::with_capacity(connections + first);
        streams.extend((0..first).map(|n| dial(address, n, transport, &client)));
        std::thread::sleep(Duration::from_millis(500));
        let before = (BYTES.load(Relaxed), BLOCKS.load(Relaxed), resident_bytes());
        streams.extend((0..connections).map(|n| dial(address, first + n, transport, &client)));
        std::thread::sleep(Duration::from_millis(500));
        let count = i64::try_from(connections).unwrap();
        let bytes = (BYTES.load(Relaxed) - before.0) / count;
        let blocks = (BLOCKS.load(Relaxed) - before.1) as f64 / connections as f64;
        let resident = (resident_bytes() - before.2) / count;
        eprintln!(
            "{}: {connections} idle connections take {bytes} heap bytes in {blocks:.1} blocks, {resident} resident bytes each",
            transport.name()
        );
        assert_eq!(broker.stats().connections(), i64::try_from(streams.len()).unwrap());
        assert_eq!(broker.stats().buffers_in_use.get(), 0);
        assert!(bytes <= bound, "{transport:?}: {bytes} bytes of heap per idle connection, more than {bound}");
        drop(streams);
        while broker.stats().connections() > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
