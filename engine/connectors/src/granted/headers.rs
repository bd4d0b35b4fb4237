//! Names of header fields, and of parameters of a query, that a guest may not set.

/// The host's own headers, and those for proxies and connections instead of the endpoint.
const OF_THE_HOST: [&str; 15] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
];
const OF_PROXIES: [&str; 2] = ["proxy-", "x-forwarded-"];

/// The headers by which servers and frameworks take another method or path than that of the request.
const OVERRIDES: [&str; 10] = [
    "x-envoy-original-path",
    "x-http-method",
    "x-http-method-override",
    "x-http-path-override",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-rewrite-url",
];

/// The parameters of a query that do the same.
const OVERRIDING_PARAMETERS: [&str; 4] = ["$httpmethod", "$method", "_method", "x-http-method-override"];

/// Returns whether only the host may set this header. Names are compared without case.
pub(crate) fn is_of_the_host(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    OF_THE_HOST.contains(&name.as_str()) || is_of_proxies(&name)
}

/// Returns whether a header, whose name is in lower case, is one of proxies.
pub(crate) fn is_of_proxies(name: &str) -> bool {
    OF_PROXIES.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns whether a server may read another method or path from this header. Servers may read `_` as `-`.
pub(crate) fn overrides(name: &str) -> bool {
    OVERRIDES.contains(&name.to_ascii_lowercase().replace('_', "-").as_str())
}

/// Returns whether a server may read another method from this parameter of a query.
pub(crate) fn parameter_overrides(name: &str) -> bool {
    OVERRIDING_PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_servers_read_them() {
        assert!(is_of_the_host("Authorization") && is_of_the_host("X-Forwarded-Host") && !is_of_the_host("Accept"));
        for name in ["X-HTTP-Method-Override", "x_http_method_override", "X-HTTP-Method", "X-Rewrite-URL"] {
            assert!(overrides(name), "{name}");
        }
        assert!(!overrides("X-Request-Id") && !overrides("If-Match"));
        assert!(parameter_overrides("$httpMethod") && !parameter_overrides("$filter"));
    }
}
