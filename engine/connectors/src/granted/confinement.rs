//! Which requests a manifest lets a connector make in a call for one mailbox: methods, paths, the parts of a batch, and
//! the commands of a list.
//!
//! A token may reach every mailbox of a store, so the host holds the paths of a call to its mailbox. A path is compared
//! after normalisation, part by part and decoded, as a server would read it.

use reqwest::Url;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Map, Value};

use crate::granted::commands::{self, keys};
use crate::granted::headers;
use crate::manifest;

/// The stand-in for the mailbox of the call.
const MAILBOX: &str = "{mailbox}";
/// The stand-in for one part of any content that is not empty; at the end of a path, for one or more.
const ANY: &str = "*";
/// The most parts of one batch.
const MOST_PARTS: usize = 1_000;

/// The allowed requests of an endpoint. Without paths, every path is allowed; without methods, every method.
#[derive(Debug, Default)]
pub(crate) struct Confinement {
    methods: Vec<String>,
    paths: Vec<Allowed>,
    /// Those of calls without a mailbox alone.
    store_paths: Vec<Allowed>,
    batches: Vec<Vec<String>>,
    commands: Option<manifest::Commands>,
}

/// A path, and the only method that it is for, if it names one.
#[derive(Debug)]
struct Allowed {
    method: Option<String>,
    parts: Vec<String>,
}

impl Allowed {
    /// Reads `/path` or `METHOD /path`.
    fn read(text: &str) -> Self {
        let (method, path) = match text.split_once(' ') {
            Some((method, path)) => (Some(method.to_owned()), path),
            None => (None, text),
        };
        Self { method, parts: split(path) }
    }

    fn fits(&self, method: &str, path: &[String], mailbox: Option<&str>) -> bool {
        self.method.as_deref().is_none_or(|only| only == method) && fits(&self.parts, path, mailbox)
    }
}

fn split(path: &str) -> Vec<String> {
    path.trim_start_matches('/').split('/').map(str::to_owned).collect()
}

impl Confinement {
    /// Returns what the manifest says of an endpoint.
    pub(crate) fn of(wish: &manifest::Endpoint) -> Self {
        let read = |paths: &[String]| paths.iter().map(|path| Allowed::read(path)).collect();
        Self {
            methods: wish.methods.clone(),
            paths: read(&wish.paths),
            store_paths: read(&wish.store_paths),
            batches: wish.batches.iter().map(|path| split(path)).collect(),
            commands: wish.commands.clone(),
        }
    }

    /// Returns whether the manifest names any path.
    fn has_paths(&self) -> bool {
        !self.paths.is_empty() || !self.store_paths.is_empty()
    }

    /// Checks a request of a call for `mailbox`, or for the whole store. `url` is normalised. A batch is checked as JSON
    /// without encoding, so its headers say that it is.
    pub(crate) fn hold(
        &self,
        mailbox: Option<&str>,
        method: &str,
        url: &Url,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<(), String> {
        if self.methods.is_empty() && !self.has_paths() && self.batches.is_empty() && self.commands.is_none() {
            return Ok(());
        }
        if let Some(name) = headers.keys().find(|name| headers::overrides(name.as_str())) {
            return Err(format!("the header `{name}` replaces the method or path; send the request without it"));
        }
        let path = parts(url)?;
        if let Some(allowed) = &self.commands
            && split(&allowed.path) == path
        {
            if method != "POST" || url.query().is_some() {
                return Err("commands are sent by POST, to a path without a query".to_owned());
            }
            commands::check(allowed, mailbox, body)?;
            Self::is_json(headers);
            return Ok(());
        }
        if self.batches.iter().any(|allowed| fits(allowed, &path, mailbox)) {
            if method != "POST" {
                return Err("a batch is sent by POST".to_owned());
            }
            Self::check_query(url)?;
            self.check_batch(mailbox, url, body)?;
            Self::is_json(headers);
            return Ok(());
        }
        if self.commands.is_some() && !self.has_paths() {
            return Err("the path is not the one of the manifest for commands".to_owned());
        }
        self.check_one(mailbox, method, url, &path)
    }

    /// Returns whether a path takes batches.
    pub(crate) fn takes_batch(&self, mailbox: Option<&str>, url: &Url) -> bool {
        parts(url).is_ok_and(|path| self.batches.iter().any(|allowed| fits(allowed, &path, mailbox)))
    }

    /// Says that a body is what it was checked as.
    fn is_json(headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.remove(CONTENT_ENCODING);
    }

    fn check_one(&self, mailbox: Option<&str>, method: &str, url: &Url, path: &[String]) -> Result<(), String> {
        if !self.methods.is_empty() && !self.methods.iter().any(|allowed| allowed == method) {
            return Err("the manifest does not name this method".to_owned());
        }
        let is_one_of = |paths: &[Allowed]| paths.iter().any(|allowed| allowed.fits(method, path, mailbox));
        let is_of_the_store = is_one_of(&self.store_paths);
        if self.has_paths() && !is_one_of(&self.paths) && !(is_of_the_store && mailbox.is_none()) {
            if is_of_the_store {
                return Err("the path concerns the whole store, and the call is for one mailbox".to_owned());
            }
            return Err(
                "the path is not one of the manifest for this method, or of another mailbox than that of the call"
                    .to_owned(),
            );
        }
        Self::check_query(url)
    }

    fn check_query(url: &Url) -> Result<(), String> {
        if url.query_pairs().any(|(name, _)| headers::parameter_overrides(&name)) {
            return Err("a parameter of the query replaces the method; send the request without it".to_owned());
        }
        Ok(())
    }

    /// Checks each part of a batch: `requests` of a JSON object, each with `method` and a `url` below the batch's folder.
    fn check_batch(&self, mailbox: Option<&str>, url: &Url, body: &[u8]) -> Result<(), String> {
        let wrong = || {
            "a batch is a JSON object with `requests` alone, each with a `method`, a relative `url`, and `headers` as an \
             object"
                .to_owned()
        };
        // The parser keeps the last of two equal keys, and a server may read the first: what is read here is sent.
        let batch: Map<String, Value> = serde_json::from_slice(body).map_err(|_| wrong())?;
        if serde_json::to_vec(&batch).is_ok_and(|again| keys(&again) != keys(body)) {
            return Err("a batch has each key once".to_owned());
        }
        // A server may read keys without case, so `Requests` could be another list.
        let requests = batch.get("requests").and_then(Value::as_array).ok_or_else(wrong)?;
        if batch.len() != 1 {
            return Err(wrong());
        }
        if requests.len() > MOST_PARTS {
            return Err(format!("a batch has at most {MOST_PARTS} parts"));
        }
        for request in requests {
            let request = request.as_object().ok_or_else(wrong)?;
            let hides = |key: &String| {
                ["method", "url", "headers"].iter().any(|known| key.eq_ignore_ascii_case(known) && key != known)
            };
            if request.keys().any(hides) {
                return Err(wrong());
            }
            let text = |key: &str| request.get(key).and_then(Value::as_str).ok_or_else(wrong);
            let (method, part) = (text("method")?, text("url")?);
            match request.get("headers") {
                None | Some(Value::Null) => {}
                Some(Value::Object(fields)) => check_headers_of_part(fields)?,
                Some(_) => return Err(wrong()),
            }
            if part.starts_with("//") || part.contains('\\') || part.chars().any(char::is_control) {
                return Err(wrong());
            }
            // The server gets it as it is, so nothing in it may need normalisation.
            let raw = part.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
            if raw.split('/').any(|segment| decoded(segment).is_none()) {
                return Err(wrong());
            }
            let part = url.join(&format!("./{}", part.trim_start_matches('/'))).map_err(|_| wrong())?;
            let path = parts(&part)?;
            if self.batches.iter().any(|allowed| fits(allowed, &path, mailbox)) {
                return Err("a batch contains no batch".to_owned());
            }
            self.check_one(mailbox, &method.to_ascii_uppercase(), &part, &path)?;
        }
        Ok(())
    }
}

/// Checks the header fields of a part, which no other check sees.
fn check_headers_of_part(fields: &Map<String, Value>) -> Result<(), String> {
    // A server may remove blanks around a name.
    let may_not = |name: &&String| headers::overrides(name.trim()) || headers::is_of_the_host(name.trim());
    match fields.keys().find(may_not) {
        Some(name) => {
            let name = clawback_model::visible_line(name, 60);
            Err(format!("the header `{name}` of a part of a batch is not the connector's; send the part without it"))
        }
        None => Ok(()),
    }
}

/// Returns the decoded parts of a path. Parts that a server could read as others are refused.
fn parts(url: &Url) -> Result<Vec<String>, String> {
    let wrong = || "a part of the path is empty, or hides a slash, a dot or a percent sign".to_owned();
    let segments: Vec<&str> = url.path_segments().ok_or_else(wrong)?.collect();
    let last = segments.len().saturating_sub(1);
    let read = |(at, segment): (usize, &str)| match segment {
        "" if at == last => Ok(String::new()),
        segment => decoded(segment).ok_or_else(wrong),
    };
    segments.into_iter().enumerate().map(read).collect()
}

fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    let text = String::from_utf8(bytes).ok()?;
    let hides = text.contains(['/', '\\', '%', ';', '?', '#']) || text.chars().any(char::is_control);
    (!text.is_empty() && text != "." && text != ".." && !hides).then_some(text)
}

/// Returns whether a path is an allowed one. Mailboxes are addresses, which are compared without case.
fn fits(allowed: &[String], path: &[String], mailbox: Option<&str>) -> bool {
    let is_open = allowed.last().is_some_and(|last| last == ANY);
    if path.len() < allowed.len() || path.len() > allowed.len() && !is_open {
        return false;
    }
    // The parser of paths leaves only the last part empty.
    if is_open && path.last().is_none_or(String::is_empty) {
        return false;
    }
    allowed.iter().zip(path).all(|(allowed, part)| match allowed.as_str() {
        ANY => !part.is_empty(),
        MAILBOX => mailbox.is_some_and(|mailbox| mailbox.eq_ignore_ascii_case(part)),
        fixed => fixed == part,
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    const ANN: Option<&str> = Some("ann@x.test");

    /// Returns the confinement of an endpoint with these keys.
    fn confined(keys: &str) -> Confinement {
        Confinement::of(&toml::from_str(keys).unwrap())
    }

    fn graph() -> Confinement {
        confined(
            "methods = [\"GET\", \"POST\"]\npaths = [\"/v1.0/users/{mailbox}/*\"]\nstore-paths = [\"/v1.0/users\"]\n\
             batches = [\"/v1.0/$batch\"]",
        )
    }

    /// Checks a request as it is made of the path of a guest.
    fn check(mailbox: Option<&str>, method: &str, path: &str, body: &str) -> Result<(), String> {
        let url = Url::parse("https://graph.example").unwrap().join(path).unwrap();
        graph().hold(mailbox, method, &url, &mut HeaderMap::new(), body.as_bytes())
    }

    fn name(text: &str) -> HeaderName {
        HeaderName::try_from(text).unwrap()
    }

    #[test]
    fn a_call_reaches_its_mailbox() {
        for path in [
            "/v1.0/users/ann@x.test/messages?$top=10",
            "/v1.0/users/ANN%40x.test/mailFolders/inbox/messages",
            "/v1.0/users/ben@x.test/../ann@x.test/messages",
        ] {
            assert_eq!(check(ANN, "GET", path, ""), Ok(()), "{path}");
        }
        assert_eq!(check(None, "GET", "/v1.0/users", ""), Ok(()));
        let batch = r#"{"requests":[{"id":"1","method":"GET","url":"/users/ann@x.test/messages/A?$select=id"},
            {"id":"2","method":"POST","url":"users/ann@x.test/messages/A/move","body":{"destinationId":"x:y"}}]}"#;
        assert_eq!(check(ANN, "POST", "/v1.0/$batch", batch), Ok(()));
        let open = Confinement::default();
        let url = Url::parse("https://jmap.example/jmap/").unwrap();
        let headers = &mut HeaderMap::from_iter([(name("x-http-method-override"), HeaderValue::from_static("PUT"))]);
        assert_eq!(open.hold(ANN, "POST", &url, headers, b""), Ok(()), "a manifest without paths confines nothing");
        headers.clear();
        let jmap = confined("paths = [\"/jmap/\"]");
        assert_eq!(jmap.hold(ANN, "POST", &url, headers, b""), Ok(()));
        assert!(jmap.hold(ANN, "POST", &url.join("upload").unwrap(), headers, b"").is_err());
    }

    #[test]
    fn a_call_for_one_mailbox_does_not_list_the_store() {
        let batch = r#"{"requests":[{"id":"1","method":"GET","url":"/users?$top=999"}]}"#;
        for (path, method, body) in [("/v1.0/users?$top=999", "GET", ""), ("/v1.0/$batch", "POST", batch)] {
            assert_eq!(check(None, method, path, body), Ok(()), "{path}");
            let said = check(ANN, method, path, body).unwrap_err();
            assert!(said.contains("whole store"), "{said}");
        }
        assert!(check(ANN, "GET", "/v1.0/users/", "").is_err() && check(ANN, "GET", "/v1.0/%75sers", "").is_err());
        let directory = confined("store-paths = [\"/users\"]");
        let check = |mailbox: Option<&str>, path: &str| {
            let url = Url::parse("https://directory.example").unwrap().join(path).unwrap();
            directory.hold(mailbox, "GET", &url, &mut HeaderMap::new(), b"").is_ok()
        };
        assert!(check(None, "/users") && !check(None, "/groups"));
        assert!(!check(ANN, "/users") && !check(ANN, "/groups"), "it names no path of a mailbox");
    }

    /// Of the built-in connectors, those whose credential reaches every mailbox.
    #[test]
    fn what_lists_a_store_is_for_no_mailbox() {
        for (name, endpoint, path) in [
            ("graph", "api", "/v1.0/users?$top=999"),
            ("gmail", "directory", "/admin/directory/v1/users?customer=my_customer"),
        ] {
            let built_in = crate::embedded::EMBEDDED.iter().find(|one| one.name == name).unwrap();
            let manifest = manifest::Manifest::parse(built_in.manifest).unwrap();
            let confinement = Confinement::of(&manifest.endpoints[endpoint]);
            let url = Url::parse("https://store.example").unwrap().join(path).unwrap();
            let hold = |mailbox| confinement.hold(mailbox, "GET", &url, &mut HeaderMap::new(), b"");
            assert_eq!(hold(None), Ok(()), "{name}");
            assert!(hold(ANN).is_err(), "{name}");
        }
    }

    #[test]
    fn a_path_can_be_for_one_method() {
        let gmail = confined(
            "paths = [\"GET /users/{mailbox}/messages/*\", \"POST /users/{mailbox}/messages/*/modify\", \"/labels\"]",
        );
        let check = |method: &str, path: &str| {
            let url = Url::parse("https://gmail.example").unwrap().join(path).unwrap();
            gmail.hold(ANN, method, &url, &mut HeaderMap::new(), b"").is_ok()
        };
        assert!(check("GET", "/users/ann@x.test/messages/1"));
        assert!(check("POST", "/users/ann@x.test/messages/1/modify"));
        assert!(check("GET", "/labels") && check("POST", "/labels"));
        for (method, path) in [
            ("POST", "/users/ann@x.test/messages/send"),
            ("DELETE", "/users/ann@x.test/messages/1"),
            ("POST", "/users/ben@x.test/messages/1/modify"),
            ("get", "/users/ann@x.test/messages/1"),
        ] {
            assert!(!check(method, path), "{method} {path}");
        }
    }

    #[test]
    fn ways_into_another_mailbox_are_closed() {
        for path in [
            "/v1.0/users/ben@x.test/messages",
            "/v1.0/users/ann@x.test/../ben@x.test/messages",
            "/v1.0/users/ann@x.test/%2e%2e/ben@x.test/messages",
            "/v1.0/users/ann@x.test/.%2E/ben@x.test/messages",
            "/v1.0/users/ann@x.test%2F..%2Fben@x.test/messages",
            "/v1.0/users/ann@x.test/..%2fben@x.test/messages",
            "/v1.0/users/ann@x.test/%252e%252e/ben@x.test",
            "/v1.0/users/ann@x.test/..%5cben@x.test",
            "/v1.0/users/ann@x.test;x=/../ben@x.test/messages",
            "/v1.0/users/ann@x.test/..;/ben@x.test",
            "/v1.0//users/ben@x.test/messages",
            "/v1.0/users//ben@x.test/messages",
            "/v1.0/users/ann@x.test",
            "/v1.0/users/ann@x.test/",
            "/v1.0/users/ann@x.test/messages/",
            "/v1.0/users/ann@x.test/messages?$httpMethod=DELETE",
            "/v1.0/users/ann@x.test/messages?a=b&%5Fmethod=DELETE",
            "/v1.0/users/ann@x.test.evil/messages",
            "/v1.0/users/*/messages",
            "/v1.0/users/{mailbox}/messages",
            "/v1.0/me/messages",
            "/beta/users/ann@x.test/messages",
            "/v1.0/users/ben@x.test%00/messages",
            "/v1.0/users/ann@x.test%3f/messages",
            "/V1.0/users/ann@x.test/messages",
        ] {
            assert!(check(ANN, "GET", path, "").is_err(), "{path}");
        }
        assert!(check(None, "GET", "/v1.0/users/ann@x.test/messages", "").is_err(), "a call for the whole store");
        assert!(check(ANN, "DELETE", "/v1.0/users/ann@x.test/messages/A", "").is_err());
        let part = |url: &str| format!(r#"{{"requests":[{{"id":"1","method":"GET","url":"{url}"}}]}}"#);
        for body in [
            part("/users/ben@x.test/messages"),
            part("/users/ann@x.test/../ben@x.test/messages"),
            part("/../v1.0/users/ben@x.test/messages"),
            part("/../beta/users/ann@x.test/messages"),
            part("https://evil.example/users/ann@x.test/messages"),
            part("//evil.example/v1.0/users/ann@x.test/messages"),
            part("/users/ben@x.test/../ann@x.test/messages"),
            part("/users/ann@x.test/messages").replace("\"id\":\"1\"", r#""URL":"/users/ben@x.test""#),
            part("/$batch"),
            part("/users/ann@x.test/messages").replace("GET", "DELETE"),
            part(r#"/users/ann@x.test/messages","url":"/users/ben@x.test/messages"#),
            part(r#"/users/ben@x.test/messages","url":"/users/ann@x.test/messages"#),
            part("/users/ann@x.test/messages").replace("}]}", r#"}],"requests":[]}"#),
            part("/users/ann@x.test/messages").replace("}]}", r#"}],"Requests":[]}"#),
            part("/users/ann@x.test/messages").replace("}]}", r#"}],"other":[]}"#),
            part("/users/ann@x.test/messages?_method=DELETE"),
            part("/users/ann@x.test/"),
            r#"{"requests":[{"id":"1"}]}"#.to_owned(),
            "[]".to_owned(),
            "not JSON".to_owned(),
        ] {
            assert!(check(ANN, "POST", "/v1.0/$batch", &body).is_err(), "{body}");
        }
        assert!(check(ANN, "GET", "/v1.0/$batch", "").is_err());
    }

    #[test]
    fn no_header_replaces_the_method_or_the_path() {
        let url = Url::parse("https://graph.example/v1.0/users/ann@x.test/messages").unwrap();
        for field in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"]
        {
            for field in [field.to_owned(), field.replace('-', "_")] {
                let mut headers = HeaderMap::from_iter([(name(&field), HeaderValue::from_static("DELETE"))]);
                let said = graph().hold(ANN, "POST", &url, &mut headers, b"").unwrap_err();
                assert!(said.contains(&format!("`{}`", field.to_ascii_lowercase())), "{said}");
                let part = part(&format!(r#"{{"{field}":"DELETE"}}"#));
                let said = check(ANN, "POST", "/v1.0/$batch", &part).unwrap_err();
                assert!(said.contains(&format!("`{field}`")), "{said}");
            }
        }
        let plain = r#"{"Content-Type":"application/json","If-Match":"a"}"#;
        assert_eq!(check(ANN, "POST", "/v1.0/$batch", &part(plain)), Ok(()));
        for wrong in [
            part(r#"{"Authorization":"Bearer other"}"#),
            part(r#"{"Host":"other.example"}"#),
            part(r#"{" X-HTTP-Method ":"DELETE"}"#),
            part(r#"[{"name":"X-HTTP-Method","value":"DELETE"}]"#),
            part("{}").replace("headers", "Headers"),
        ] {
            assert!(check(ANN, "POST", "/v1.0/$batch", &wrong).is_err(), "{wrong}");
        }
    }

    /// A batch of one part with these header fields.
    fn part(headers: &str) -> String {
        format!(
            r#"{{"requests":[{{"id":"1","method":"GET","url":"/users/ann@x.test/messages","headers":{headers}}}]}}"#
        )
    }

    #[test]
    fn a_batch_is_sent_as_what_was_checked() {
        let url = Url::parse("https://graph.example/v1.0/$batch").unwrap();
        let mut headers = HeaderMap::new();
        headers.append(CONTENT_TYPE, HeaderValue::from_static("multipart/mixed; boundary=x"));
        headers.append(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.append(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        graph().hold(ANN, "POST", &url, &mut headers, part("{}").as_bytes()).unwrap();
        assert_eq!(
            headers.into_iter().collect::<Vec<_>>(),
            [(Some(CONTENT_TYPE), HeaderValue::from_static("application/json"))]
        );
    }

    #[test]
    fn commands_have_one_path() {
        let doveadm = confined(
            "[commands]\npath = \"/doveadm/v1\"\nowner = \"user\"\n[commands.of-mailbox]\nfetch = [\"query\"]",
        );
        let check = |method: &str, path: &str, user: &str| {
            let url = Url::parse("https://mail.example").unwrap().join(path).unwrap();
            let mut headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
            let body = format!(r#"[["fetch",{{"query":["all"],"user":"{user}"}},"0"]]"#);
            let checked = doveadm.hold(ANN, method, &url, &mut headers, body.as_bytes());
            checked.map(|()| assert!(!headers.contains_key(CONTENT_ENCODING) && headers.contains_key(CONTENT_TYPE)))
        };
        assert_eq!(check("POST", "/doveadm/v1", "ann@x.test"), Ok(()));
        for (method, path, user) in [
            ("POST", "/doveadm/v1", "ben@x.test"),
            ("GET", "/doveadm/v1", "ann@x.test"),
            ("POST", "/doveadm/v1?user=ben@x.test", "ann@x.test"),
            ("POST", "/doveadm/v1/", "ann@x.test"),
            ("POST", "/doveadm/v2", "ann@x.test"),
            ("POST", "/DOVEADM/v1", "ann@x.test"),
            ("POST", "/", "ann@x.test"),
        ] {
            assert!(check(method, path, user).is_err(), "{method} {path} {user}");
        }
    }
}
