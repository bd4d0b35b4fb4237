//! Domains, network addresses and links, as far as a filter needs them: no name is ever resolved.

use std::net::IpAddr;

/// Second-level labels of country domains below which names are registered.
const SHARED_SECOND_LEVEL: [&str; 11] = ["co", "com", "org", "net", "gov", "edu", "ac", "or", "ne", "go", "gob"];

/// Returns the part after the last `@`, or the empty text.
pub fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain.trim_end_matches('>'))
}

/// Returns the registered name: the last two labels, or three under `co.uk` and the like. A heuristic, not the public
/// suffix list: sufficient to compare look-alikes, not to set cookies.
pub fn registrable_domain(domain: &str) -> &str {
    let domain = domain.trim_end_matches('.');
    // A simple loop: domains are short.
    let mut dots = domain.bytes().enumerate().rev().filter(|(_, byte)| *byte == b'.').map(|(at, _)| at);
    let (Some(last), Some(second)) = (dots.next(), dots.next()) else { return domain };
    let is_shared = domain.len() - last - 1 == 2 && SHARED_SECOND_LEVEL.contains(&&domain[second + 1..last]);
    let cut = if is_shared { dots.next() } else { Some(second) };
    cut.map_or(domain, |at| &domain[at + 1..])
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
    let wrong = || format!("`{}` is not a network such as 10.0.0.0/8", clawback_model::visible_line(network, 60));
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<u32>().map_err(|_| wrong())?)),
        None => (network, None),
    };
    let base: IpAddr = base.trim().parse().map_err(|_| wrong())?;
    let Ok(address) = address.trim().trim_matches(['[', ']']).parse::<IpAddr>() else { return Ok(false) };
    let (base, address, width) = match (base, address.to_canonical()) {
        (IpAddr::V4(base), IpAddr::V4(address)) => (u128::from(base.to_bits()), u128::from(address.to_bits()), 32),
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return Ok(false),
    };
    let length = length.unwrap_or(width);
    if length > width {
        return Err(wrong());
    }
    // A shift by the whole width is undefined, and a network of length 0 contains everything.
    Ok(length == 0 || (base ^ address) >> (width - length) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrable() {
        for (domain, expected) in [
            ("corp.example", "corp.example"),
            ("mail.eu.corp.example", "corp.example"),
            ("a.corp.co.uk", "corp.co.uk"),
            ("corp.co.uk", "corp.co.uk"),
            ("co.uk", "co.uk"),
            ("localhost", "localhost"),
            ("x.corp.example.", "corp.example"),
        ] {
            assert_eq!(registrable_domain(domain), expected, "{domain}");
        }
    }

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
