//! One client socket: bytes in, packets out to a closure, bytes collected and written in one go.
//!
//! It keeps no read buffer: a packet that has not arrived whole is the only thing that it holds between two reads, so that 18,000
//! idle connections cost the generator almost nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use thiserror::Error;

use crate::wire::{Malformed, Packet, Version, next_packet};

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Closed {
    /// The server closed the socket.
    #[error("the server closed the connection")]
    End,
    /// The socket failed.
    #[error("socket error: {0}")]
    Socket(ErrorKind),
    /// The server sent what no MQTT server may send.
    #[error("malformed packet from the server: {0}")]
    Malformed(#[from] Malformed),
    /// A packet does not fit the read buffer.
    #[error("packet from the server larger than {0} bytes")]
    TooLarge(usize),
}

impl From<std::io::Error> for Closed {
    fn from(error: std::io::Error) -> Self {
        Self::Socket(error.kind())
    }
}

/// A non-blocking client connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    version: Version,
    /// Bytes of a packet that has not arrived whole.
    partial: Vec<u8>,
    out: Vec<u8>,
    written: usize,
}

impl Connection {
    /// Starts to connect, from a chosen loopback address if one is given; the outcome shows at the first read or write.
    ///
    /// # Errors
    /// When no socket can be made (too many open files) or the source address cannot be bound.
    pub fn start(server: SocketAddr, source: Option<Ipv4Addr>, version: Version) -> std::io::Result<Self> {
        let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
        if let Some(source) = source {
            rustix::net::bind(&socket, &SocketAddrV4::new(source, 0))?;
        }
        match rustix::net::connect(&socket, &server) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self { stream: TcpStream::from(socket), version, partial: Vec::new(), out: Vec::new(), written: 0 })
    }

    /// The bytes that the next [`Self::flush`] writes; append packets here.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Reads what has arrived and hands every whole packet to `handle`, with the outgoing bytes to answer into.
    ///
    /// The socket is polled edge-triggered. A read that does not fill the buffer has emptied it, which saves one system call per
    /// wake-up; only when the end was announced (`to_the_end`) must reading go on until it is seen.
    ///
    /// # Errors
    /// [`Closed`] when the connection is over; packets that arrived before that were handled.
    pub fn read(
        &mut self,
        scratch: &mut [u8],
        to_the_end: bool,
        mut handle: impl FnMut(Packet<'_>, &mut Vec<u8>),
    ) -> Result<(), Closed> {
        loop {
            let kept = self.partial.len();
            if kept >= scratch.len() {
                return Err(Closed::TooLarge(scratch.len()));
            }
            let count = match self.stream.read(&mut scratch[kept..]) {
                Ok(0) => return Err(Closed::End),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            scratch[..kept].copy_from_slice(&self.partial);
            self.partial.clear();
            let mut left = &scratch[..kept + count];
            while let Some((packet, taken)) = next_packet(self.version, left)? {
                handle(packet, &mut self.out);
                left = &left[taken..];
            }
            self.partial.extend_from_slice(left);
            if kept + count < scratch.len() && !to_the_end {
                return Ok(());
            }
        }
    }

    /// Writes what is collected, as far as the socket takes it; the rest goes when it becomes writable.
    ///
    /// # Errors
    /// [`Closed`] when the connection is over.
    pub fn flush(&mut self) -> Result<(), Closed> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(count) => self.written += count,
                // Also while the connection is still being made.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Gives the buffers back: for connections that stay idle.
    pub fn shrink(&mut self) {
        self.partial.shrink_to_fit();
        self.out.shrink_to_fit();
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
