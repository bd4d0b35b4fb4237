//! The outbound gate: which addresses may be dialled. Names are resolved first and the checked address is the one that
//! is dialled, so changing the resolution in between has no effect.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The addresses that are granted for one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Public addresses only.
    Public,
    /// Private addresses, too: the operator allowed it.
    Private,
}

/// Why no address may be dialled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GateError {
    #[error("cannot resolve `{host}`: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("`{host}` has no address")]
    NoAddress { host: String },
    #[error(
        "`{host}` is {address}, which is not a public address; set `allow-private-network = true` next to it if that is intended"
    )]
    NotPublic { host: String, address: IpAddr },
}

/// Returns the addresses of a host that may be dialled.
pub(crate) async fn resolve(host: &str, port: u16, reach: Reach) -> Result<Vec<SocketAddr>, GateError> {
    // The caller decides about addresses, which are granted if the operator wrote them.
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let found: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => tokio::net::lookup_host((host, port))
            .await
            .map_err(|source| GateError::Resolve { host: host.to_owned(), source })?
            .collect(),
    };
    admit(host, found, reach)
}

/// Keeps the addresses that may be dialled; fails if none remains.
pub(crate) fn admit(host: &str, mut found: Vec<SocketAddr>, reach: Reach) -> Result<Vec<SocketAddr>, GateError> {
    let Some(first) = found.first().map(SocketAddr::ip) else {
        return Err(GateError::NoAddress { host: host.to_owned() });
    };
    if reach == Reach::Public {
        found.retain(|address| is_public(address.ip()));
    } else {
        found.retain(|address| !is_never_a_host(address.ip()));
    }
    if found.is_empty() {
        return Err(GateError::NotPublic { host: host.to_owned(), address: first });
    }
    Ok(found)
}

fn is_never_a_host(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// Returns whether an address is on the public internet. All others may be internal.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Every notation of an IPv4 address in IPv6 is judged by that address.
    let parts = address.segments();
    let v4 = |high: u16, low: u16| is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    if parts[..5] == [0; 5] && (parts[5] == 0xffff || parts[5] == 0) {
        return parts[5] == 0xffff && v4(parts[6], parts[7]);
    }
    if parts[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return v4(parts[6], parts[7]);
    }
    if parts[0] == 0x2002 {
        return v4(parts[1], parts[2]);
    }
    // Only 2000::/3 is assigned to the public internet; Teredo, documentation and benchmarks in it are excluded.
    (parts[0] & 0xe000) == 0x2000
        && !(parts[0] == 0x2001 && parts[1] < 0x200)
        && !(parts[0] == 0x2001 && parts[1] == 0xdb8)
        && !(parts[0] == 0x3fff && parts[1] < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fec0::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
        {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[tokio::test]
    async fn a_private_host_needs_a_grant() {
        let refused = resolve("localhost", 143, Reach::Public).await.unwrap_err().to_string();
        assert!(refused.contains("allow-private-network"), "{refused}");
        assert!(resolve("localhost", 143, Reach::Private).await.is_ok());
        assert!(resolve("[::1]", 143, Reach::Public).await.is_err());
        assert!(resolve("0.0.0.0", 143, Reach::Private).await.is_err());
    }

    #[test]
    fn one_public_address_among_private_ones_is_the_one_to_dial() {
        let found = vec!["10.0.0.1:1".parse().unwrap(), "1.1.1.1:1".parse().unwrap()];
        assert_eq!(admit("h", found, Reach::Public).unwrap(), ["1.1.1.1:1".parse().unwrap()]);
    }
}
