//! Links to next pages. Only their query is used, on the path that the connector asked for itself.

use clawback_connector_sdk::{types::Error, web};

/// Returns the query of a link. Fails if the link names another server, mailbox or list.
///
/// `path` is the path that was asked for, without `/v1.0`; `context` an address that the same answer gives of its server.
pub(crate) fn query(link: &str, path: &str, context: Option<&str>) -> Result<String, Error> {
    let wrong = |what: &str| Err(Error::Permanent(format!("the link to the next page names {what}")));
    if let (Some(origin), Some(context)) = (origin(link), context.and_then(origin))
        && !origin.eq_ignore_ascii_case(context)
    {
        return wrong("another server");
    }
    let Some(target) = web::path_of(link) else { return wrong("no address") };
    let Some((linked, query)) = target.split_once('?') else { return wrong("no page") };
    let (Some((user, list)), Some((own, own_list))) = (parts(linked.trim_start_matches("/v1.0")), parts(path)) else {
        return wrong("no list");
    };
    if list != own_list {
        return wrong("another list");
    }
    // Delta queries name the user by an id that the connector does not know.
    let is_address = user.contains('@') || user.contains("%40");
    if is_address && !plain(user).eq_ignore_ascii_case(&plain(own)) {
        return wrong("another mailbox");
    }
    Ok(query.to_owned())
}

/// Returns `https://host:port` of an absolute address.
fn origin(address: &str) -> Option<&str> {
    let host = address.find("://")? + 3;
    Some(&address[..address[host..].find(['/', '?', '#']).map_or(address.len(), |end| host + end)])
}

/// Splits `/users/USER/LIST` or `/users('USER')/LIST` into the user and the list; `/users` has neither.
fn parts(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/users")?;
    if rest.is_empty() {
        return Some(("", ""));
    }
    let rest = rest.strip_prefix('/').or_else(|| rest.strip_prefix("('").or_else(|| rest.strip_prefix("(%27")))?;
    let (user, list) = rest.split_once('/')?;
    Some((user.trim_end_matches("')").trim_end_matches("%27)"), list))
}

fn plain(user: &str) -> String {
    user.replace("%40", "@")
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
