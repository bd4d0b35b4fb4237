//! Domains, network addresses and links, as far as a filter needs them: no name is ever resolved.

use std::net::IpAddr;

use clawback_model::parse_network;

/// Returns the part after the last `@`, or the empty text.
pub fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain.trim_end_matches('>'))
}

/// Returns the host of a link in lower case; the empty text if there is none.
pub(crate) fn url_domain(url: &str) -> String {
    let rest = url.trim().split_once("://").map_or(url.trim(), |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or("");
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = if host.starts_with('[') {
        host.split_inclusive(']').next().unwrap_or(host)
    } else {
        host.split(':').next().unwrap_or(host)
    };
    host.trim_end_matches('.').to_lowercase()
}

/// Returns whether the network (`10.0.0.0/8`, `2001:db8::/32` or a single address) contains the address. False for a
/// text that is not an address.
pub(crate) fn cidr_contains(network: &str, address: &str) -> Result<bool, String> {
    let network = parse_network(network).ok_or_else(|| {
        format!("`{}` is not a network such as 10.0.0.0/8", clawback_model::visible_line(network, 60))
    })?;
    let address = address.trim().trim_matches(['[', ']']).parse::<IpAddr>();
    Ok(address.is_ok_and(|address| network.contains(&address.to_canonical())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_links() {
        for (url, expected) in [
            ("https://Corp.example:443/a?b", "corp.example"),
            ("http://corp.example@evil.example/", "evil.example"),
            ("evil.example/path", "evil.example"),
            ("https://[2001:db8::1]:8080/x", "[2001:db8::1]"),
            ("https://evil.example\\@corp.example/", "evil.example"),
            ("", ""),
        ] {
            assert_eq!(url_domain(url), expected, "{url}");
        }
    }

    #[test]
    fn networks() {
        assert_eq!(cidr_contains("10.0.0.0/8", "10.9.8.7"), Ok(true));
        assert_eq!(cidr_contains("10.0.0.0/8", "11.0.0.1"), Ok(false));
        assert_eq!(cidr_contains("0.0.0.0/0", "11.0.0.1"), Ok(true));
        assert_eq!(cidr_contains("2001:db8::/32", "[2001:db8:1::2]"), Ok(true));
        assert_eq!(cidr_contains("10.0.0.0/8", "::ffff:10.1.1.1"), Ok(true));
        assert_eq!(cidr_contains("10.0.0.0/8", "no address"), Ok(false));
        assert!(cidr_contains("10.0.0.0/33", "10.0.0.1").is_err() && cidr_contains("x", "10.0.0.1").is_err());
    }
}
