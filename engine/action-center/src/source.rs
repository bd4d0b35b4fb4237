//! The origin of a request, for limits.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;

/// The unit of limits: an IPv4 address, or a network of IPv6, of which one client can have 2^64 addresses. `None` if
/// unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Source(pub(crate) Option<IpAddr>);

impl Source {
    /// The source of a request over a connection from `peer`. For a trusted proxy it is in `X-Forwarded-For`: the last
    /// address there that is not a trusted proxy's. What precedes it was written by the client.
    pub(crate) fn of(peer: Option<IpAddr>, headers: &HeaderMap, proxies: &[IpAddr]) -> Self {
        let Some(peer) = peer.map(|peer| peer.to_canonical()) else { return Self(None) };
        if !proxies.contains(&peer) {
            return Self(Some(network(peer)));
        }
        let lists = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
        let mut addresses = hops.iter().rev().map_while(|hop| hop.parse::<IpAddr>().ok()).map(|hop| hop.to_canonical());
        Self(Some(network(addresses.find(|hop| !proxies.contains(hop)).unwrap_or(peer))))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(IpAddr::V6(network)) => write!(f, "{network}/64"),
            Some(address) => write!(f, "{address}"),
            None => Ok(()),
        }
    }
}

/// An IPv4 address as it is; of IPv6, the first 64 bits.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_names_its_client() {
        let proxies: Vec<IpAddr> = ["127.0.0.1", "10.0.0.5"].map(|proxy| proxy.parse().unwrap()).into();
        let from = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            Source::of(Some(peer.parse().unwrap()), &headers, &proxies).to_string()
        };
        assert_eq!(from("192.0.2.9", &["198.51.100.1"]), "192.0.2.9", "not a proxy");
        assert_eq!(from("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(from("::ffff:127.0.0.1", &["6.6.6.6, 198.51.100.1", "10.0.0.5"]), "198.51.100.1");
        assert_eq!(from("127.0.0.1", &["6.6.6.6, nonsense"]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &["2001:db8:1:2:3::4"]), "2001:db8:1:2::/64");
        assert_eq!(Source::of(None, &HeaderMap::new(), &proxies).to_string(), "");
    }
}
