//! Domains and networks, as far as decisions need them: no name is ever resolved.

use std::net::IpAddr;

use ipnet::IpNet;

/// Returns the name that somebody registered, by the public suffix list: `corp.co.uk` of `mail.corp.co.uk`. A name that
/// nobody can register, such as `co.uk` or `localhost`, is returned whole.
pub fn registrable_domain(domain: &str) -> &str {
    let domain = domain.trim_end_matches('.');
    psl::domain_str(domain).unwrap_or(domain)
}

/// Returns whether somebody registered this name or one above it: `co.uk` is nobody's.
pub(crate) fn is_registrable(domain: &str) -> bool {
    psl::domain_str(domain.trim_end_matches('.')).is_some()
}

/// Parses a network, or a single address as the network that has it alone.
pub fn parse_network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(|ip| IpNet::from(ip.to_canonical())))
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
            ("x.corp.com.br", "corp.com.br"),
            ("evil.github.io", "evil.github.io"),
            ("www.evil.city.kawasaki.jp", "city.kawasaki.jp"),
            ("localhost", "localhost"),
            ("x.corp.example.", "corp.example"),
        ] {
            assert_eq!(registrable_domain(domain), expected, "{domain}");
        }
    }

    #[test]
    fn networks() {
        let contains = |network: &str, address: &str| {
            parse_network(network).is_some_and(|network| network.contains(&address.parse::<IpAddr>().unwrap()))
        };
        assert!(contains("10.0.0.0/8", "10.9.8.7") && contains(" 2001:db8::/32", "2001:db8:1::2"));
        assert!(contains("::ffff:10.0.0.1", "10.0.0.1"), "as addresses are compared");
        assert!(contains("10.0.0.1", "10.0.0.1") && !contains("10.0.0.1", "10.0.0.2"));
        assert!(parse_network("10.0.0.0/33").is_none() && parse_network("x").is_none());
    }
}
