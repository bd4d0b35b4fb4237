//! Links to next pages. Only their query is used, on the path that the connector asked for itself.

use clawback_connector_sdk::{types::Error, web};

/// The fixed names in the paths of lists. A server writes them with the case that it likes.
const NAMES: [&str; 5] = ["users", "mailFolders", "messages", "childFolders", "delta"];

/// Returns the query of a link. Fails if the link names another server, mailbox or list.
///
/// `path` is the path that was asked for, without `/v1.0`; `context` an address that the same answer gives of its server.
/// Paths are compared decoded, and with keys in brackets as with keys of their own, because a server shows its paths as it
/// likes: only the query is used, so a path that merely looks like the own one does no harm.
pub(crate) fn query(link: &str, path: &str, context: Option<&str>) -> Result<String, Error> {
    let wrong = |what: &str| Err(Error::Permanent(format!("the link to the next page names {what}")));
    if let (Some(origin), Some(context)) = (origin(link), context.and_then(origin))
        && !origin.eq_ignore_ascii_case(context)
    {
        return wrong("another server");
    }
    let Some(target) = web::path_of(link) else { return wrong("no address") };
    let Some((linked, query)) = target.split_once('?') else { return wrong("no page") };
    let linked = linked.strip_prefix("/v1.0").unwrap_or(linked);
    let (Some(linked), Some(own)) = (parts(linked), parts(path)) else { return wrong("no list") };
    let is_user = |(at, (one, own)): (usize, (&String, &String))| {
        // Delta queries name the user by an id that the connector does not know.
        at != 1 || !one.contains('@') || one.eq_ignore_ascii_case(own)
    };
    let is_same = |(at, (one, own)): (usize, (&String, &String))| {
        let is_name = NAMES.iter().any(|name| name.eq_ignore_ascii_case(own));
        at == 1 || one == own || is_name && one.eq_ignore_ascii_case(own)
    };
    if linked.len() != own.len() || !linked.iter().zip(&own).enumerate().all(is_same) {
        return wrong("another list");
    }
    if !linked.iter().zip(&own).enumerate().all(is_user) {
        return wrong("another mailbox");
    }
    Ok(query.to_owned())
}

/// Returns `https://host:port` of an absolute address.
fn origin(address: &str) -> Option<&str> {
    let host = address.find("://")? + 3;
    Some(&address[..address[host..].find(['/', '?', '#']).map_or(address.len(), |end| host + end)])
}

/// Returns the decoded parts of a path; `users('USER')` are two parts. `None` if a part is empty or not text.
fn parts(path: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for part in path.strip_prefix('/')?.split('/') {
        let part = decoded(part)?;
        let keyed = part.strip_suffix("')").and_then(|rest| rest.split_once("('"));
        match keyed {
            Some((name, key)) => parts.extend([name.to_owned(), key.replace("''", "'")]),
            None => parts.push(part),
        }
    }
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/users/ann%40x.test/messages";
    const CONTEXT: Option<&str> = Some("https://graph.example/v1.0/$metadata#users");

    #[test]
    fn a_link_continues_the_own_list() {
        for link in [
            "https://graph.example/v1.0/users/ann@x.test/messages?$skip=10",
            "https://graph.example/v1.0/users/ANN%40x.test/messages?$skip=10",
            "https://graph.example/v1.0/users('6f1d-00')/messages?$skip=10",
            "https://GRAPH.example/v1.0/users/6f1d-00/messages?$skip=10",
        ] {
            assert_eq!(query(link, PATH, CONTEXT), Ok("$skip=10".to_owned()), "{link}");
        }
        let users = "https://graph.example/v1.0/users?$skiptoken=R";
        assert_eq!(query(users, "/users", CONTEXT), Ok("$skiptoken=R".to_owned()));
    }

    #[test]
    fn a_link_is_spelled_as_the_server_likes() {
        for (link, path) in [
            ("/v1.0/users/ann@x.test/mailfolders/delta?$skiptoken=R", "/users/ann%40x.test/mailFolders/delta"),
            ("/v1.0/users('6f1d')/mailFolders/delta?$skiptoken=R", "/users/ann%40x.test/mailFolders/delta"),
            (
                "/v1.0/users/ann@x.test/mailFolders/AQ=/messages?$skiptoken=R",
                "/users/ann%40x.test/mailFolders/AQ%3D/messages",
            ),
            (
                "/v1.0/users('6f1d')/mailfolders('AQ%3D')/messages?$skiptoken=R",
                "/users/a%40x/mailFolders/AQ%3D/messages",
            ),
            ("/v1.0/users/o'brien@x/messages?$skiptoken=R", "/users/o%27brien%40x/messages"),
            ("/v1.0/users('o''brien@x')/messages?$skiptoken=R", "/users/o%27brien%40x/messages"),
            ("/v1.0/Users?$skiptoken=R", "/users"),
        ] {
            let link = format!("https://graph.example{link}");
            assert_eq!(query(&link, path, CONTEXT), Ok("$skiptoken=R".to_owned()), "{link}");
        }
        let other = "https://graph.example/v1.0/users/ann@x.test/mailFolders/aq=/messages?$skip=1";
        assert!(query(other, "/users/ann%40x.test/mailFolders/AQ%3D/messages", CONTEXT).is_err(), "ids differ by case");
    }

    #[test]
    fn a_link_elsewhere_is_refused() {
        for link in [
            "https://evil.example/v1.0/users/ann@x.test/messages?$skip=10",
            "https://graph.example:444/v1.0/users/ann@x.test/messages?$skip=10",
            "https://graph.example/v1.0/users/ben@x.test/messages?$skip=10",
            "https://graph.example/v1.0/users('ben@x.test')/messages?$skip=10",
            "https://graph.example/v1.0/users/ann@x.test/../ben@x.test/messages?$skip=10",
            "https://graph.example/v1.0/users/ann@x.test/mailFolders/x/messages?$skip=10",
            "https://graph.example/v1.0/me/messages?$skip=10",
            "https://graph.example/v1.0/users/ann@x.test/messages",
            "javascript:1",
            "",
        ] {
            assert!(query(link, PATH, CONTEXT).is_err(), "{link}");
        }
    }
}
