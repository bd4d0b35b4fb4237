//! Paths and queries.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// All characters but the unreserved ones (RFC 3986 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest address that is followed, in bytes: servers repeat a whole query in it.
const LONGEST: usize = 16 << 10;

/// Returns a text for one segment of a path, or for a value of a query. Everything that is reserved is encoded: an
/// unencoded `#` would end the query, and a `/` would be another segment.
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Returns a path with a query. The values are escaped, the names are not.
pub fn with_query<'a>(path: &str, query: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let query = self::query(query);
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Returns a query, without the `?` before it. The values are escaped, the names are not.
pub fn query<'a>(query: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let fields = query.into_iter().map(|(name, value)| format!("{name}={}", escaped(value)));
    fields.collect::<Vec<_>>().join("&")
}

/// Returns path and query of an address that a server gave, such as that of the next page. The host sends it to the
/// endpoint that the connector names, never to another origin. `None` if it is neither absolute nor a path.
pub fn path_of(address: &str) -> Option<String> {
    if address.len() > LONGEST {
        return None;
    }
    let base = Url::parse("https://endpoint.invalid/").ok()?;
    let url = match Url::parse(address) {
        Ok(url) => url,
        Err(_) if address.starts_with('/') && !address.starts_with("//") => base.join(address).ok()?,
        Err(_) => return None,
    };
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    Some(match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_its_part() {
        assert_eq!(escaped("a/b?c#d&e=f %\u{e9}'\"\r\n"), "a%2Fb%3Fc%23d%26e%3Df%20%25%C3%A9%27%22%0D%0A");
        assert_eq!(escaped("u-1_x.y~@example.test"), "u-1_x.y~%40example.test");
        assert_eq!(with_query("/m", [("$top", "5"), ("q", "a&b")]), "/m?$top=5&q=a%26b");
        assert_eq!(with_query("/m", []), "/m");
    }

    #[test]
    fn the_address_of_a_next_page_is_a_path() {
        for (address, path) in [
            ("https://graph.example/v1.0/users/a?$skip=10&x=%27", Some("/v1.0/users/a?$skip=10&x=%27")),
            ("/jmap/", Some("/jmap/")),
            ("https://other.example/a/../b#part", Some("/b")),
            ("//evil.example/x", None),
            ("jmap", None),
            ("javascript:alert(1)", None),
            ("", None),
        ] {
            assert_eq!(path_of(address).as_deref(), path, "{address}");
        }
        assert_eq!(path_of(&format!("/{}", "x".repeat(LONGEST))), None);
    }
}
