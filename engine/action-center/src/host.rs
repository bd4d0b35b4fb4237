//! Which host names requests may be sent to. Another site's page can make its own name resolve to this machine (DNS
//! rebinding), and a browser then treats it as a page of ours; the `Host` header shows it.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, header};
use clawback_model::{PublicUrl, host_of};

use crate::problem::Problem;

/// Refuses a request whose `Host` is none of ours. Accepted are addresses and `localhost`, which cannot be rebound; any
/// request with a token, which a page of another site does not have; and any name behind a proxy, if no public URL is
/// configured.
pub(crate) fn check(headers: &HeaderMap, public_url: Option<&PublicUrl>, is_behind_proxy: bool) -> Result<(), Problem> {
    if headers.contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    check_name(headers, public_url, is_behind_proxy)
}

/// The same, also of a request with a token.
pub(crate) fn check_name(
    headers: &HeaderMap,
    public_url: Option<&PublicUrl>,
    is_behind_proxy: bool,
) -> Result<(), Problem> {
    let Some(given) = headers.get(header::HOST) else { return Ok(()) };
    let name = host_of(given.to_str().unwrap_or_default());
    let is_plain = name.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost");
    let is_ours = public_url.map_or(is_behind_proxy, |url| name.eq_ignore_ascii_case(url.host()));
    if is_plain || is_ours {
        return Ok(());
    }
    let detail = "this host is not the one of `public-url` in clawback.toml; set it to the address that people use";
    Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "host", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_site_are_answered() {
        let url = PublicUrl::try_from("https://clawback.example/soc".to_owned()).unwrap();
        let is_answered = |host: &str, url: Option<&PublicUrl>, is_behind_proxy| {
            let headers = [(header::HOST, host.parse().unwrap())].into_iter().collect();
            check(&headers, url, is_behind_proxy).is_ok()
        };
        for host in
            ["127.0.0.1:8025", "[::1]:8025", "[::1]", "localhost:8025", "Clawback.example", "clawback.example:443"]
        {
            assert!(is_answered(host, Some(&url), true), "{host}");
        }
        for host in ["evil.example", "evil.example:8025", "clawback.example.evil.example", ""] {
            assert!(!is_answered(host, Some(&url), true) && !is_answered(host, None, false), "{host}");
            assert!(is_answered(host, None, true), "a proxy whose name is not configured");
        }
        let mut headers: HeaderMap = [(header::HOST, "node-1:8025".parse().unwrap())].into_iter().collect();
        assert_eq!(check(&headers, Some(&url), true).unwrap_err().status, 421);
        headers.insert(header::AUTHORIZATION, "Bearer cbk_x".parse().unwrap());
        assert!(check(&headers, Some(&url), true).is_ok());
        assert_eq!(check_name(&headers, Some(&url), true).unwrap_err().status, 421);
        assert!(check(&HeaderMap::new(), Some(&url), true).is_ok());
    }
}
