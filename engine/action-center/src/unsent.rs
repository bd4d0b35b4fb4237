//! Forms that were not accepted, because their session had ended or another began in the same browser. Such a form goes
//! back to the browser as it came, without the secrets in it, and the user sends it again after signing in: nothing is
//! kept here, so any node can answer, and nothing is carried out without another press.
//!
//! Only a form that the browser says is of our own origin is returned. Otherwise another site could compose a form, let
//! a user sign in, and have them send it as their own.

use axum::extract::Query;
use axum::http::{HeaderMap, Uri, header};

/// Says in the address of the sign-in page that a form was too large to be returned.
pub(crate) const TOO_LARGE: &str = "too-large";
/// Largest form that is returned, in bytes.
pub(crate) const LARGEST: usize = 16 << 10;
/// The beginning of the names that the fields have in the form of the sign-in.
pub(crate) const FIELD: &str = "unsent.";
/// The fields of the sign-in that name the address of the form, and the page that it was on.
pub(crate) const TO: &str = "unsent_to";
pub(crate) const BACK: &str = "unsent_back";
/// Parts of the names of fields that are never returned: passwords, the tokens of sessions, and what confirms a sign-in.
const SECRET: [&str; 4] = ["password", "token", "secret", "unsent"];
/// The routes whose forms are returned.
const RETURNED: [&str; 21] = [
    "/search/submit",
    "/search/save",
    "/search/saved/change",
    "/search/saved/remove",
    "/search/message",
    "/search/investigate",
    "/pending",
    "/remediations/{id}/messages/{seq}",
    "/remediations/{id}/{verb}",
    "/investigations/{id}/{verb}",
    "/schedules/{name}/{verb}",
    "/playbooks/{name}/start",
    "/playbook-check",
    "/evidence/message",
    "/connectors",
    "/people",
    "/people/roles",
    "/people/tokens",
    "/people/confirm",
    "/people/revoke",
    "/halt",
];
/// Those whose forms are not: they have a password or a file, or nothing is lost with them.
#[cfg(test)]
const NOT_RETURNED: [&str; 8] = [
    "/sign-in",
    "/sign-out",
    "/search/cancel",
    "/search/file",
    "/people/password",
    "/people/first-password",
    "/evidence",
    "/audit",
];

/// A form that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsent {
    /// The address that it is for, with its query.
    pub(crate) to: String,
    /// The page that it was on.
    pub(crate) back: String,
    /// Names and values in their order, without secrets.
    pub(crate) fields: Vec<(String, String)>,
}

impl Unsent {
    /// The form with this body. `None` if forms of this address are not returned, or it is none that can be read.
    pub(crate) fn read(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let to = uri.path_and_query()?.as_str();
        // The body of such a form has the syntax of a query (URL Standard, section 5).
        let query: Uri = format!("/?{}", std::str::from_utf8(body).ok()?).parse().ok()?;
        let Query(fields) = Query::<Vec<(String, String)>>::try_from_uri(&query).ok()?;
        Self::of(to, &page_before(headers), fields.into_iter())
    }

    /// The form that a sign-in brings back in its own fields.
    pub(crate) fn brought(fields: &[(&str, &str)]) -> Option<Self> {
        let one = |name: &str| fields.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| *value);
        let (to, back) = (one(TO), one(BACK));
        let own = fields.iter().filter_map(|(name, value)| Some((name.strip_prefix(FIELD)?, value)));
        Self::of(to, back, own.map(|(name, value)| (name.to_owned(), (*value).to_owned())))
    }

    fn of(to: &str, back: &str, fields: impl Iterator<Item = (String, String)>) -> Option<Self> {
        let is_secret = |name: &str| {
            let name = name.to_ascii_lowercase();
            SECRET.iter().any(|part| name.contains(part))
        };
        let path = local(to).split(['?', '#']).next().unwrap_or_default();
        RETURNED.iter().any(|route| is_of(path, route)).then(|| Self {
            to: to.to_owned(),
            back: local(back).to_owned(),
            fields: fields.filter(|(name, _)| !is_secret(name)).collect(),
        })
    }
}

/// Whether the body is that of a form without files.
pub(crate) fn is_plain_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The page from which a request comes; the start page if the browser does not say.
pub(crate) fn page_before(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|referer| referer.to_str().ok()?.parse::<Uri>().ok());
    referer.as_ref().and_then(Uri::path_and_query).map_or("/", |page| page.as_str()).to_owned()
}

/// Accepts only a path of this site, so that the page does not redirect to other sites.
pub(crate) fn local(next: &str) -> &str {
    // A text that a header cannot hold is no path either.
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic()) && !next.contains('\\');
    let is_path = next.starts_with('/') && !next.starts_with("//");
    if is_path && is_plain { next } else { "/" }
}

/// Whether a path is of a route: a parameter is one part that is not empty.
fn is_of(path: &str, route: &str) -> bool {
    let (mut parts, mut wanted) = (path.split('/'), route.split('/'));
    loop {
        match (parts.next(), wanted.next()) {
            (None, None) => return true,
            (Some(part), Some(wanted)) if part == wanted || wanted.starts_with('{') && !part.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_returned_or_listed_as_not() {
        let pages = include_str!("pages/mod.rs");
        let routes = pages.lines().filter(|line| line.contains("post(")).filter_map(|line| line.split('"').nth(1));
        let mut named: Vec<&str> = RETURNED.into_iter().chain(NOT_RETURNED).collect();
        let mut found: Vec<&str> = routes.collect();
        named.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, named, "a route with a form is in one of the two lists");
    }

    #[test]
    fn a_form_goes_back_as_it_came_without_its_secrets() {
        let uri = Uri::from_static("/remediations/R-1/decide?x=1");
        let headers = [(header::REFERER, "https://clawback.example/pending?show=R-1".parse().unwrap())];
        let headers: HeaderMap = headers.into_iter().collect();
        let body = b"form_token=0a&comment=a%0D%0Ab+%26+%3Cb%3E&pick=1&pick=2&New_Password=x&signature=";
        let unsent = Unsent::read(&uri, &headers, body).unwrap();
        assert_eq!((&*unsent.to, &*unsent.back), ("/remediations/R-1/decide?x=1", "/pending?show=R-1"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = [pair("comment", "a\r\nb & <b>"), pair("pick", "1"), pair("pick", "2"), pair("signature", "")];
        assert_eq!(unsent.fields, fields);

        // A sign-in brings the same back.
        let names: Vec<String> = fields.iter().map(|(name, _)| format!("{FIELD}{name}")).collect();
        let mut brought = vec![("name", "ann"), ("password", "x"), (TO, &*unsent.to), (BACK, &*unsent.back)];
        brought.extend(names.iter().zip(&fields).map(|(name, (_, value))| (name.as_str(), value.as_str())));
        assert_eq!(Unsent::brought(&brought).as_ref(), Some(&unsent));
        assert_eq!(Unsent::brought(&[("name", "ann")]), None);
    }

    #[test]
    fn only_forms_of_our_own_routes_go_back() {
        let read = |path: &str, body: &[u8]| Unsent::read(&path.parse().unwrap(), &HeaderMap::new(), body);
        assert!(read("/pending", b"comment=x").is_some_and(|unsent| unsent.back == "/"));
        for path in ["/sign-in", "/people/password", "/search/file", "/pending/", "/remediations//decide", "/x"] {
            assert_eq!(read(path, b"comment=x"), None, "{path}");
        }
        for to in ["//evil.example/pending", "https://evil.example/pending", "/\\evil.example", ""] {
            assert_eq!(Unsent::brought(&[(TO, to), ("unsent.comment", "x")]), None, "{to}");
        }
        let hostile = [(TO, "/pending"), (BACK, "//evil.example")];
        assert_eq!(Unsent::brought(&hostile).unwrap().back, "/");
        assert_eq!(read("/pending", b"\xff"), None);
    }

    #[test]
    fn the_return_path_stays_on_this_site() {
        assert_eq!(local("/remediations/R-1?x=1"), "/remediations/R-1?x=1");
        for other in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/\t/evil",
            "/\u{b}/x",
            "/ü",
        ] {
            assert_eq!(local(other), "/", "{other}");
        }
    }
}
