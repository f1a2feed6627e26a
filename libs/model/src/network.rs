//! Networks of addresses, as `10.0.0.0/8`, `2001:db8::/32` or a single address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no address and no network such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NetworkError;

impl Network {
    /// Whether an address is in it. An IPv4 address that comes as an IPv6 one (`::ffff:10.0.0.1`) is what it stands for.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.prefix);
                u64::from(own.to_bits()) >> shift == u64::from(other.to_bits()) >> shift
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.prefix);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => (address, Some(prefix)),
            Some(_) => return Err(NetworkError),
            None => (text, None),
        };
        let address = address.parse::<IpAddr>().map_err(|_| NetworkError)?.to_canonical();
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse::<u8>).map_err(|_| NetworkError)?;
        if prefix > most {
            return Err(NetworkError);
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, prefix } = self;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        if *prefix == whole { write!(f, "{address}") } else { write!(f, "{address}/{prefix}") }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn addresses_are_in_their_networks_and_in_no_others() {
        for (network, address) in [
            ("10.0.0.0/8", "10.255.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3"),
            ("192.0.2.7", "192.0.2.7"),
            ("0.0.0.0/0", "203.0.113.9"),
            ("2001:db8::/32", "2001:db8:ffff::1"),
            ("::/0", "2001:db8::1"),
            ("::1", "::1"),
        ] {
            assert!(contains(network, address), "{network} {address}");
        }
        for (network, address) in [
            ("10.0.0.0/8", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "::1"),
            ("::/0", "10.0.0.1"),
            ("2001:db8::/32", "2001:db9::1"),
            ("192.0.2.128/25", "192.0.2.127"),
        ] {
            assert!(!contains(network, address), "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_and_the_rest_is_written_as_it_was() {
        for text in
            ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "host", "::1/-1"]
        {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
        for text in ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
    }
}
