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

fn exchange(address: SocketAddr, request: &[u8], answer: &mut [u8]) -> bool {
    let Ok(mut socket) = TcpStream::connect_timeout(&address, LIMIT) else { return false };
    socket.set_read_timeout(Some(LIMIT)).is_ok()
        && socket.write_all(request).is_ok()
        && socket.read_exact(answer).is_ok()
}
