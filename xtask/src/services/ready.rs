//! Whether an engine really answers: one exchange of its own protocol, written by hand, because xtask depends on no client.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(2);

/// CQL native protocol v4: OPTIONS is answered by SUPPORTED as soon as clients are served.
pub(super) fn cassandra(address: SocketAddr) -> bool {
    const OPTIONS: [u8; 9] = [4, 0, 0, 0, 5, 0, 0, 0, 0];
    const RESPONSE_V4: u8 = 0x84;
    const SUPPORTED: u8 = 6;
    let mut header = [0; 9];
    exchange(address, &OPTIONS, &mut header) && header[0] == RESPONSE_V4 && header[4] == SUPPORTED
}

/// RESP: PING.
pub(super) fn redis(address: SocketAddr) -> bool {
    let mut answer = [0; 5];
    exchange(address, b"PING\r\n", &mut answer) && answer == *b"+PONG"
}

/// TLS: the smallest ClientHello of version 1.2 is answered by a handshake record.
pub(super) fn tls(address: SocketAddr) -> bool {
    const HANDSHAKE: u8 = 22;
    let body: [&[u8]; 4] = [
        // Version 1.2, 32 bytes that need not be random here, no session.
        &[&[3, 3][..], &[7; 32], &[0]].concat(),
        // ECDHE with AES-128-GCM, for certificates of either kind; no compression.
        &[0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0],
        // Extensions: curves P-256 and X25519, uncompressed points …
        &[0, 32, 0, 10, 0, 6, 0, 4, 0, 23, 0, 29, 0, 11, 0, 2, 1, 0],
        // … and signatures: ECDSA with SHA-256, RSA-PSS and RSA with SHA-256, ECDSA with SHA-384.
        &[0, 13, 0, 12, 0, 10, 4, 3, 8, 4, 4, 1, 5, 3, 8, 5],
    ];
    let body = body.concat();
    let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
    let hello = [&[HANDSHAKE, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat();
    let mut header = [0; 3];
    exchange(address, &hello, &mut header) && header[..2] == [HANDSHAKE, 3]
}

fn exchange(address: SocketAddr, request: &[u8], answer: &mut [u8]) -> bool {
    let Ok(mut socket) = TcpStream::connect_timeout(&address, LIMIT) else { return false };
    socket.set_read_timeout(Some(LIMIT)).is_ok()
        && socket.write_all(request).is_ok()
        && socket.read_exact(answer).is_ok()
}
