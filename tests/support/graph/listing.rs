//! Listings of messages and of folders: their options, their pages, and the links to the next ones.

use serde_json::{Value, json};

use super::filter::Filter;
use super::mailbox::{Folder, Mailbox};
use super::message::{self, Mail};
use super::request::{Answer, Request, encoded};

/// The `$expand` of messages that the fake knows: their size.
const SIZE: &str = "singleValueExtendedProperties($filter=id eq 'Integer 0xe08')";

fn refuse(message: &str) -> Answer {
    Answer::error(400, "BadRequest", message)
}

/// Reads `$select`: known names only.
pub(super) fn selected(request: &Request) -> Result<Vec<String>, Answer> {
    let names: Vec<String> = request
        .option("$select")
        .map(|names| names.split(',').map(|name| name.trim().to_owned()).collect())
        .unwrap_or_default();
    match names.iter().find(|name| !message::is_property(name)) {
        Some(name) => {
            Err(refuse(&format!("Could not find a property named '{name}' on type 'microsoft.graph.message'.")))
        }
        None => Ok(names),
    }
}

/// Reads `$expand`: whether the size is wanted.
pub(super) fn wants_size(request: &Request) -> Result<bool, Answer> {
    match request.option("$expand") {
        None => Ok(false),
        Some(SIZE) => Ok(true),
        Some(_) => Err(refuse("Parsing OData Select and Expand failed.")),
    }
}

/// Refuses options that this listing does not have.
fn check_options(request: &Request, known: &[&str]) -> Result<(), Answer> {
    for (at, (name, _)) in request.query.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            return Err(refuse(&format!("The query specified in the URI is not valid: '{name}'.")));
        }
        if request.query[..at].iter().any(|(before, _)| before == name) {
            return Err(refuse(&format!("The query option '{name}' was given twice.")));
        }
    }
    Ok(())
}

fn top(request: &Request, usual: usize, most: usize) -> Result<usize, Answer> {
    let Some(top) = request.option("$top") else { return Ok(usual) };
    top.parse().ok().filter(|top| (1..=most).contains(top)).ok_or_else(|| refuse("The value of $top is not allowed."))
}

fn skip(request: &Request) -> Result<usize, Answer> {
    request
        .option("$skip")
        .map_or(Ok(0), |skip| skip.parse().map_err(|_| refuse("The value of $skip is not a number.")))
}

/// The link to the same request with another option.
fn next(request: &Request, origin: &str, path: &str, option: &str, value: usize) -> Value {
    let kept = request.query.iter().filter(|(name, _)| name != option);
    let query: Vec<String> = kept.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    let query = query.into_iter().chain([format!("{}={value}", encoded(option))]).collect::<Vec<_>>().join("&");
    json!(format!("{origin}{path}?{query}"))
}

/// Answers a listing of messages, of all folders or of one.
pub(super) fn messages(
    request: &Request,
    mailbox: &Mailbox,
    folder: Option<&str>,
    origin: &str,
    short: Option<u64>,
) -> Result<Answer, Answer> {
    check_options(request, &["$filter", "$select", "$expand", "$top", "$skip", "$orderby"])?;
    let (selected, with_size) = (selected(request)?, wants_size(request)?);
    let (top, skip) = (top(request, 10, 1_000)?, skip(request)?);
    let filter = match request.option("$filter") {
        Some(text) => Some(Filter::parse(text).map_err(|why| Answer::error(400, "ErrorInvalidUrlQueryFilter", &why))?),
        None => None,
    };
    let mut found: Vec<&Mail> = mailbox
        .mails
        .iter()
        .filter(|mail| match folder {
            Some(folder) => mail.folder == folder,
            None => mailbox.folder(&mail.folder).is_some_and(|folder| folder.well_known != "recoverableitemsdeletions"),
        })
        .filter(|mail| filter.as_ref().is_none_or(|filter| filter.holds(mail)))
        .collect();
    found.sort_by_key(|mail| (std::cmp::Reverse(mail.received), mail.number));
    if let Some(order) = request.option("$orderby") {
        let (property, direction) = order.split_once(' ').unwrap_or((order, "asc"));
        if property != "receivedDateTime" || !["asc", "desc"].contains(&direction) {
            return Err(Answer::error(400, "ErrorInvalidUrlQuery", "The query is not supported."));
        }
        if filter.as_ref().is_some_and(|filter| filter.properties().first() != Some(&property)) {
            let why = "The restriction or sort order is too complex for this operation.";
            return Err(Answer::error(400, "InefficientFilter", why));
        }
        if direction == "asc" {
            found.sort_by_key(|mail| (mail.received, mail.number));
        }
    }
    let total = found.len();
    // A page may be shorter than asked for, even empty, and still have a next one.
    let size = short.map_or(top, |short| usize::try_from(short).unwrap_or(0).min(top));
    let page: Vec<Value> = found
        .into_iter()
        .skip(skip)
        .take(size)
        .map(|mail| mail.json(&selected, request.is_immutable(), with_size))
        .collect();
    let end = skip + page.len();
    let context = format!("{origin}/v1.0/$metadata#users('{}')/messages", mailbox.user);
    let mut body = json!({ "@odata.context": context, "value": page });
    if end < total {
        let path = request.target.split('?').next().unwrap_or_default();
        body["@odata.nextLink"] = next(request, origin, path, "$skip", end);
    }
    Ok(Answer::json(200, body))
}

/// Answers a listing of the attachments of one message.
pub(super) fn attachments(request: &Request, mail: &Mail) -> Result<Answer, Answer> {
    check_options(request, &["$select", "$top"])?;
    let shown = |(name, kind): &(String, String)| {
        let is_item = kind == "message/rfc822";
        let odata = if is_item { "#microsoft.graph.itemAttachment" } else { "#microsoft.graph.fileAttachment" };
        json!({ "@odata.type": odata, "id": "AAA=", "name": name, "contentType": if is_item { None } else { Some(kind) } })
    };
    let value: Vec<Value> = mail.shown.attachments.iter().map(shown).collect();
    Ok(Answer::json(200, json!({ "value": value })))
}

/// Returns a folder as Graph shows it.
pub(super) fn shown(mailbox: &Mailbox, folder: &Folder) -> Value {
    let count = mailbox.mails.iter().filter(|mail| mail.folder == folder.id).count();
    let children = mailbox.folders.iter().filter(|child| child.parent == folder.id).count();
    json!({
        "id": folder.id, "displayName": folder.name, "parentFolderId": folder.parent, "isHidden": folder.is_hidden,
        "childFolderCount": children, "totalItemCount": count, "unreadItemCount": 0,
    })
}

/// Answers a listing of the folders in one folder.
pub(super) fn folders(request: &Request, mailbox: &Mailbox, parent: &str, origin: &str) -> Result<Answer, Answer> {
    check_options(request, &["$filter", "$select", "$top", "$skip", "includeHiddenFolders"])?;
    let (top, skip) = (top(request, 10, 1_000)?, skip(request)?);
    let name = match request.option("$filter") {
        None => None,
        Some(filter) => {
            let quoted = filter.strip_prefix("displayName eq '").and_then(|rest| rest.strip_suffix('\''));
            let doubled = quoted.filter(|quoted| !quoted.replace("''", "").contains('\''));
            let wrong = || Answer::error(400, "ErrorInvalidUrlQueryFilter", "Invalid filter clause.");
            Some(doubled.ok_or_else(wrong)?.replace("''", "'").to_lowercase())
        }
    };
    let with_hidden = request.option("includeHiddenFolders").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let all: Vec<&Folder> = mailbox
        .folders
        .iter()
        .filter(|folder| folder.parent == parent && folder.is_listed() && (with_hidden || !folder.is_hidden))
        .filter(|folder| name.as_ref().is_none_or(|name| folder.name.to_lowercase() == *name))
        .collect();
    let page: Vec<Value> = all.iter().skip(skip).take(top).map(|folder| shown(mailbox, folder)).collect();
    let end = skip + page.len();
    let mut body = json!({ "value": page });
    if end < all.len() {
        let path = request.target.split('?').next().unwrap_or_default();
        body["@odata.nextLink"] = next(request, origin, path, "$skip", end);
    }
    Ok(Answer::json(200, body))
}

/// Answers `mailFolders/delta` without an earlier state: the whole tree, flat, ten a page, without hidden folders.
pub(super) fn delta(request: &Request, mailbox: &Mailbox, origin: &str) -> Result<Answer, Answer> {
    check_options(request, &["$select", "$skiptoken"])?;
    let at: usize = match request.option("$skiptoken") {
        None => 0,
        Some(token) => token.parse().map_err(|_| refuse("The token is not valid."))?,
    };
    let all: Vec<&Folder> = mailbox.folders.iter().filter(|folder| folder.is_listed() && !folder.is_hidden).collect();
    let page: Vec<Value> = all.iter().skip(at).take(10).map(|folder| shown(mailbox, folder)).collect();
    let end = at + page.len();
    let mut body = json!({ "value": page });
    // Links of delta queries name the user by the object id, and the list in lower case.
    let path = format!("/v1.0/users('{}')/mailfolders/delta", mailbox.object);
    if end < all.len() {
        body["@odata.nextLink"] = json!(format!("{origin}{path}?%24skiptoken={end}"));
    } else {
        body["@odata.deltaLink"] = json!(format!("{origin}{path}?%24deltatoken=1"));
    }
    Ok(Answer::json(200, body))
}

/// Answers a listing of the users of the directory, in the order of their names.
pub(super) fn users(request: &Request, users: &[Mailbox], origin: &str) -> Result<Answer, Answer> {
    check_options(request, &["$select", "$top", "$skiptoken"])?;
    let top = top(request, 100, 999)?;
    let at: usize = match request.option("$skiptoken") {
        None => 0,
        Some(token) => token.parse().map_err(|_| refuse("The token is not valid."))?,
    };
    let shown = |user: &Mailbox| {
        json!({
            "id": user.object, "userPrincipalName": user.user, "mail": user.mail,
            "userType": if user.is_guest { "Guest" } else { "Member" },
        })
    };
    let page: Vec<Value> = users.iter().skip(at).take(top).map(shown).collect();
    let mut body = json!({ "@odata.context": format!("{origin}/v1.0/$metadata#users"), "value": page });
    if at + top < users.len() {
        body["@odata.nextLink"] = next(request, origin, "/v1.0/users", "$skiptoken", at + top);
    }
    Ok(Answer::json(200, body))
}
