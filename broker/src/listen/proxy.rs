//! The PROXY protocol, versions 1 and 2 (haproxy, *The PROXY protocol*, 2.1 and 2.2): a balancer says first for whom it connects.
//!
//! Read only from networks that are trusted, and there it must come: whoever may leave it out, or send it from elsewhere, could be anybody.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// What a header of version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1 with its end.
const LONGEST_LINE: usize = 107;
/// The longest rest of a header of version 2: addresses and a few extensions, which are passed over.
const LONGEST_REST: usize = 2_048;

/// What is wrong with a header.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    #[error("the connection ended or failed: {0}")]
    Io(#[from] io::Error),
    #[error("there is none")]
    Missing,
    #[error("its line is too long or has no end")]
    TooLong,
    #[error("its line does not say PROXY, a protocol, two addresses and two ports")]
    BadLine,
    #[error("its version is not 1 or 2")]
    BadVersion,
    #[error("its command is neither LOCAL nor PROXY")]
    BadCommand,
    #[error("its addresses are cut short")]
    BadAddress,
}

/// Reads a header, and not a byte more. The address of the client; `None` when the balancer speaks for itself.
pub(super) async fn read(stream: &mut TcpStream) -> Result<Option<IpAddr>, ProxyError> {
    let mut head = [0; 16];
    // Shorter than any header of either version.
    stream.read_exact(&mut head[..12]).await?;
    if head[..12] == SIGNATURE {
        stream.read_exact(&mut head[12..]).await?;
        let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
        if length > LONGEST_REST {
            return Err(ProxyError::TooLong);
        }
        let mut rest = vec![0; length];
        stream.read_exact(&mut rest).await?;
        return version_2(head[12], head[13], &rest);
    }
    if !head.starts_with(b"PROXY ") {
        return Err(ProxyError::Missing);
    }
    let mut line = [0; LONGEST_LINE];
    line[..12].copy_from_slice(&head[..12]);
    let mut length = 12;
    while !line[..length].ends_with(b"\r\n") {
        let there = stream.peek(&mut line[length..]).await?;
        if there == 0 {
            return Err(ProxyError::TooLong);
        }
        // Everything up to the end of the line belongs to it, which may have been cut between its two bytes.
        let end = line[length - 1..length + there].windows(2).position(|two| two == b"\r\n");
        let taken = end.map_or(there, |at| at + 1);
        stream.read_exact(&mut line[length..length + taken]).await?;
        length += taken;
        if length == LONGEST_LINE && !line.ends_with(b"\r\n") {
            return Err(ProxyError::TooLong);
        }
    }
    version_1(&line[..length - 2])
}

/// A line without its end.
fn version_1(line: &[u8]) -> Result<Option<IpAddr>, ProxyError> {
    let text = std::str::from_utf8(line).map_err(|_| ProxyError::BadLine)?;
    let words: Vec<&str> = text.split(' ').collect();
    let port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    match *words.as_slice() {
        // What follows is not to be looked at.
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", "TCP4", from, to, from_port, to_port] if port(from_port) && port(to_port) => {
            let both: (Result<Ipv4Addr, _>, Result<Ipv4Addr, _>) = (from.parse(), to.parse());
            let (Ok(from), Ok(_)) = both else { return Err(ProxyError::BadLine) };
            Ok(Some(from.into()))
        }
        ["PROXY", "TCP6", from, to, from_port, to_port] if port(from_port) && port(to_port) => {
            let both: (Result<Ipv6Addr, _>, Result<Ipv6Addr, _>) = (from.parse(), to.parse());
            let (Ok(from), Ok(_)) = both else { return Err(ProxyError::BadLine) };
            Ok(Some(IpAddr::from(from).to_canonical()))
        }
        _ => Err(ProxyError::BadLine),
    }
}

fn version_2(version_and_command: u8, family: u8, rest: &[u8]) -> Result<Option<IpAddr>, ProxyError> {
    if version_and_command >> 4 != 2 {
        return Err(ProxyError::BadVersion);
    }
    match version_and_command & 0xf {
        0 => return Ok(None),
        1 => {}
        _ => return Err(ProxyError::BadCommand),
    }
    Ok(match family >> 4 {
        1 => {
            let addresses: &[u8; 12] = rest.first_chunk().ok_or(ProxyError::BadAddress)?;
            let from: [u8; 4] = [addresses[0], addresses[1], addresses[2], addresses[3]];
            Some(Ipv4Addr::from(from).into())
        }
        2 => {
            let addresses: &[u8; 36] = rest.first_chunk().ok_or(ProxyError::BadAddress)?;
            let from: [u8; 16] = *addresses.first_chunk().ok_or(ProxyError::BadAddress)?;
            Some(IpAddr::from(Ipv6Addr::from(from)).to_canonical())
        }
        // Unspecified, and Unix sockets, which have no address of use here.
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn lines_of_version_1() {
        let long = format!("PROXY UNKNOWN {}", "f".repeat(80));
        for (line, expected) in [
            ("PROXY TCP4 192.0.2.7 10.0.0.1 56324 443", address("192.0.2.7")),
            ("PROXY TCP6 2001:db8::7 ::1 1 65535", address("2001:db8::7")),
            ("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2", address("192.0.2.7")),
            ("PROXY UNKNOWN", None),
            (&long, None),
        ] {
            assert_eq!(version_1(line.as_bytes()).unwrap(), expected, "{line}");
        }
        for line in [
            "PROXY",
            "PROXY TCP4 192.0.2.7 10.0.0.1 56324",
            "PROXY TCP4 192.0.2.7 10.0.0.1 56324 443 9",
            "PROXY TCP4 192.0.2.7 10.0.0.1 56324 65536",
            "PROXY TCP4 192.0.2.7 10.0.0.1 +1 443",
            "PROXY TCP4 2001:db8::7 ::1 1 2",
            "PROXY TCP6 192.0.2.7 10.0.0.1 1 2",
            "PROXY  TCP4 192.0.2.7 10.0.0.1 1 2",
            "PROXY TCP5 192.0.2.7 10.0.0.1 1 2",
            "proxy TCP4 192.0.2.7 10.0.0.1 1 2",
            "PROXY TCP4 192.0.2.007 10.0.0.1 1 2",
        ] {
            assert!(matches!(version_1(line.as_bytes()), Err(ProxyError::BadLine)), "{line}");
        }
        assert!(matches!(version_1(b"PROXY \xff"), Err(ProxyError::BadLine)));
    }

    #[test]
    fn headers_of_version_2() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 1, 2, 3, 4];
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        let with_more = [&v4[..], &[4, 0, 1, 9]].concat();
        for (command, family, rest, expected) in [
            (0x21, 0x11, &v4[..], address("192.0.2.7")),
            (0x21, 0x11, &with_more[..], address("192.0.2.7")),
            (0x21, 0x21, &v6[..], address("2001:db8::7")),
            (0x20, 0x11, &v4[..], None),
            (0x20, 0x00, &[], None),
            (0x21, 0x00, &[], None),
            (0x21, 0x31, &[0; 216], None),
        ] {
            assert_eq!(version_2(command, family, rest).unwrap(), expected, "{command:#x} {family:#x}");
        }
        assert!(matches!(version_2(0x31, 0x11, &v4), Err(ProxyError::BadVersion)));
        assert!(matches!(version_2(0x22, 0x11, &v4), Err(ProxyError::BadCommand)));
        for length in 0..12 {
            assert!(matches!(version_2(0x21, 0x11, &v4[..length]), Err(ProxyError::BadAddress)));
        }
        for length in 0..36 {
            assert!(matches!(version_2(0x21, 0x21, &v6[..length]), Err(ProxyError::BadAddress)));
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(line: Vec<u8>, command: u8, family: u8, rest: Vec<u8>) {
            let _ = version_1(&line);
            let _ = version_2(command, family, &rest);
        }

        #[test]
        fn every_address_comes_through(from: std::net::Ipv4Addr, to: std::net::Ipv6Addr) {
            let line = format!("PROXY TCP4 {from} 10.0.0.1 1 2");
            prop_assert_eq!(version_1(line.as_bytes()).unwrap(), Some(from.into()));
            let line = format!("PROXY TCP6 {to} ::1 1 2");
            prop_assert_eq!(version_1(line.as_bytes()).unwrap(), Some(IpAddr::from(to).to_canonical()));
        }
    }
}
