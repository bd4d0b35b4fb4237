//! What people paste into a field of a search, as the condition that it means: the host of a link, the address of a
//! sender.

use clawback_model::{Indicator, IndicatorKind, host_of};

/// Returns the value that is searched for in the input of this name.
pub(super) fn understood(name: &str, text: &str) -> String {
    match name {
        "url_host" | "from_domain" => host(text),
        "from" => address(text),
        _ => text.to_owned(),
    }
}

/// Returns the host of a URL, which may be defanged or without a scheme; other text as it is.
fn host(text: &str) -> String {
    let pasted = text.trim();
    let bare = pasted.contains('/') && !pasted.contains("//");
    let with_scheme = || if bare { read(IndicatorKind::Url, &format!("http://{pasted}")) } else { None };
    if let Some(host) = read(IndicatorKind::Url, pasted).or_else(with_scheme).as_deref().and_then(host_of_url) {
        return host;
    }
    let (wildcard, name) = pasted.strip_prefix("*.").map_or(("", pasted), |name| ("*.", name));
    if !is_defanged(name) {
        return text.to_owned();
    }
    read(IndicatorKind::Domain, name).map_or_else(|| text.to_owned(), |name| format!("{wildcard}{name}"))
}

/// Returns the address of `Name <address>`, of a link to write to it, and of one that is defanged; other text as it is.
fn address(text: &str) -> String {
    let pasted = text.trim();
    let inner =
        pasted.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')).map_or(pasted, |(_, inner)| inner.trim());
    let inner = match inner.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &inner[7..],
        _ => inner,
    };
    let read = if is_defanged(inner) { read(IndicatorKind::Sender, inner) } else { None };
    match read {
        Some(address) => address,
        None if inner.is_empty() || inner.len() == pasted.len() => text.to_owned(),
        None => inner.to_owned(),
    }
}

fn read(kind: IndicatorKind, text: &str) -> Option<String> {
    // A search for a domain that strangers share is the caller's decision.
    Indicator::read(Some(kind), text, true).ok().map(|indicator| indicator.value)
}

fn is_defanged(text: &str) -> bool {
    text.contains(['[', '(', '{'])
}

fn host_of_url(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let host = host_of(authority.rsplit('@').next()?);
    (!host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_becomes_its_host() {
        for (pasted, host) in [
            ("https://login.payro11-portal.example/verify?u=5", "login.payro11-portal.example"),
            ("hxxps://login[.]payro11-portal[.]example", "login.payro11-portal.example"),
            (" hxxp[:]//Evil(dot)example:8080/a ", "evil.example"),
            ("http://ann@evil.example/", "evil.example"),
            ("evil.example/verify", "evil.example"),
            ("evil[.]example/verify", "evil.example"),
            ("evil[.]example", "evil.example"),
            ("*.evil[.]example", "*.evil.example"),
        ] {
            assert_eq!(understood("url_host", pasted), host, "{pasted}");
        }
        for kept in
            ["evil.example", "*.evil.example", "https://", "two words", "http.example", "evil.example:80", "[", ""]
        {
            assert_eq!(understood("url_host", kept), kept);
            assert_eq!(understood("subject", kept), kept);
        }
        assert_eq!(understood("url", "hxxp://a.example"), "hxxp://a.example", "other inputs are not changed");
    }

    #[test]
    fn a_sender_becomes_the_address() {
        for (pasted, address) in [
            ("Payroll <payroll@evil-pay.example>", "payroll@evil-pay.example"),
            ("\"ceo@corp.example\" <Eve@evil.example> ", "Eve@evil.example"),
            ("Payroll <payroll[at]evil[.]example>", "payroll@evil.example"),
            ("<eve@evil.example>", "eve@evil.example"),
            ("MAILTO:eve@evil.example", "eve@evil.example"),
        ] {
            assert_eq!(understood("from", pasted), address, "{pasted}");
        }
        for kept in ["Eve@evil.example", "Eve", "<>", "a < b", "\"two words\"@evil.example", ""] {
            assert_eq!(understood("from", kept), kept);
        }
    }
}
