//! Out of file descriptors: the listener waits instead of dying, those who are connected notice nothing, and those who wait get in later.
//!
//! The limit is the process's, so this test is one.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code, reason = "setrlimit has no safe face in the standard library")]

#[path = "small_backend/backend.rs"]
mod small_backend;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use longwave_broker::listen::Transport;
use tokio::net::TcpSocket;

/// CONNECT (3.1.1, clean, keep alive 60) as user `bob`, device `d{n}`.
fn connect(n: u8) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04\x82\x00\x3c\x00\x03".to_vec();
    body.extend_from_slice(&[b'd', b'0' + n / 10, b'0' + n % 10]);
    body.extend_from_slice(b"\x00\x03bob");
    [&[0x10, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}

fn read_exactly<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Lets this process open so many more.
fn allow_more_descriptors(count: u64) {
    let used = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let limit = libc::rlimit { rlim_cur: used + count, rlim_max: used + count };
    // SAFETY: the structure is valid for the duration of the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

#[test]
fn the_listener_survives() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _runtime = runtime.enter();
    let (broker, address) = small_backend::start(Transport::Tcp, None);
    // The clients' own descriptors are there before the limit, so that only the server runs into it.
    let sockets: Vec<TcpSocket> = (0..30).map(|_| TcpSocket::new_v4().unwrap()).collect();
    allow_more_descriptors(10);
    let mut clients: Vec<TcpStream> = sockets
        .into_iter()
        .zip(0..)
        .map(|(socket, n)| {
            let mut stream = runtime.block_on(socket.connect(address)).unwrap().into_std().unwrap();
            stream.set_nonblocking(false).unwrap();
            stream.write_all(&connect(n)).unwrap();
            stream
        })
        .collect();
    let start = Instant::now();
    while broker.stats().accept_errors.get() == 0 {
        assert!(start.elapsed() < Duration::from_secs(30), "30 connections fit into 10 descriptors?");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(read_exactly(&mut clients[0]), [0x20, 2, 0, 0]);
    clients[0].write_all(&[0xc0, 0]).unwrap();
    assert_eq!(read_exactly(&mut clients[0]), [0xd0, 0]);

    let mut waiting = clients.split_off(15);
    drop(clients);
    for client in &mut waiting {
        assert_eq!(read_exactly(client), [0x20, 2, 0, 0]);
    }
    assert_eq!(broker.stats().panics.get(), 0);
}
