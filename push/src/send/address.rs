//! Which addresses an endpoint that a stranger gave us may lead to: only those of the public internet.
//!
//! A Web Push endpoint is a URL that any user can register, so without this the server could be sent to ask its own neighbours (SSRF).
//! IPv4 is a list of what is not public (IANA special-purpose registries, RFC 6890); IPv6 is the other way round, only 2000::/3, and from
//! that what carries an IPv4 address inside or is special.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, .., g, h] = address.segments();
    let embedded = |high: u16, low: u16| is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match (a, b) {
        // NAT64 (RFC 6052); the rest of 64:ff9b::/32 is for local use (RFC 8215).
        (0x64, 0xff9b) => c == 0 && d == 0 && address.segments()[4..6] == [0, 0] && embedded(g, h),
        // 6to4 (RFC 3056).
        (0x2002, _) => embedded(b, c),
        // Teredo, ORCHID, benchmarks (2001::/23), documentation.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        (0x2000..=0x3fff, _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_public() {
        let private = "0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1 \
            172.31.255.255 192.0.0.8 192.0.2.1 192.168.1.1 198.18.0.1 198.19.1.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 \
            255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::7f00:1 fe80::1 fec0::1 fc00::1 fd12:3456::1 ff02::1 \
            2001:db8::1 2001::1 2002:7f00:1::1 2002:c0a8:101:: 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::8.8.8.8 3fff::1 \
            100::1 4000::1";
        for text in private.split_whitespace() {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn addresses_that_are_public() {
        let public = "1.1.1.1 8.8.8.8 100.63.0.1 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1 198.20.0.1 223.255.255.1 \
            2606:4700::1111 2a00:1450:4001::1 2001:4860:4860::8888 2002:808:808::1 64:ff9b::8.8.8.8";
        for text in public.split_whitespace() {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
