//! Which request does what.

use serde_json::{Value, json};

use super::app::Right;
use super::event;
use super::listing;
use super::mailbox::{Mailbox, State};
use super::request::{Answer, Body, Request};
use super::site::Site;

/// Answers one request, alone or a part of a batch.
pub(super) fn answer(site: &mut Site, rights: &[Right], request: &Request) -> Answer {
    let mut answer = route(site, rights, request).unwrap_or_else(|refused| refused);
    if let (Some(start), Body::Json(body)) = (&site.links, &mut answer.body)
        && let Some(link) = body.get_mut("@odata.nextLink")
    {
        *link = json!(format!("{start}{}", link.as_str().unwrap_or_default().trim_start_matches(&site.origin)));
    }
    answer
}

fn denied() -> Answer {
    Answer::error(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
}

/// Refuses what the permissions of the application do not allow.
fn check_rights(site: &Site, rights: &[Right], request: &Request) -> Result<(), Answer> {
    let (reads, rest) = (request.method == "GET", request.rest());
    let is_entry = rest.first() == Some(&"events");
    let wants_entry = request.option("$expand").is_some_and(|expand| expand.contains("eventMessage/event"));
    if is_entry || wants_entry {
        let may = |right: &Right| *right == Right::CalendarsReadWrite || reads && *right == Right::CalendarsRead;
        if !rights.iter().any(may) {
            return Err(denied());
        }
        if !reads && site.is_calendar_down {
            return Err(Answer::error(503, "ErrorInternalServerError", "The server is busy."));
        }
    }
    let is_of_mail = |right: &&Right| matches!(right, Right::MailRead | Right::MailReadWrite);
    let may = |right: &Right| reads || *right == Right::MailReadWrite;
    if is_entry || rights.iter().filter(is_of_mail).any(may) { Ok(()) } else { Err(denied()) }
}

fn route(site: &mut Site, rights: &[Right], request: &Request) -> Result<Answer, Answer> {
    let origin = site.origin.clone();
    if request.path == ["users"] {
        if request.method != "GET" || !rights.contains(&Right::UserReadAll) {
            return Err(Answer::error(
                403,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            ));
        }
        return listing::users(request, &site.mailboxes, &origin);
    }
    let Some(user) = request.user() else {
        return Err(Answer::error(400, "BadRequest", "Resource not found for the segment."));
    };
    site.reached.push(user.to_lowercase());
    check_rights(site, rights, request)?;
    let rest = request.rest();
    let has_permanent_delete = site.options.has_permanent_delete;
    let number = site.next_number;
    site.next_number += usize::from(rest == ["events"]);
    let short = site.options.short_pages.then(|| site.random() % 4);
    let counts = site.options.keeps_categories;
    let is_user = |mailbox: &&mut Mailbox| mailbox.user.eq_ignore_ascii_case(user) || mailbox.object == user;
    let Some(mailbox) = site.mailboxes.iter_mut().find(is_user) else {
        return Err(Answer::error(404, "ErrorInvalidUser", "The requested user is invalid."));
    };
    match mailbox.state {
        State::Ready => {}
        State::None => {
            let why = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
            return Err(Answer::error(404, "MailboxNotEnabledForRESTAPI", why));
        }
        State::Blocked => return Err(Answer::error(403, "ErrorAccessDenied", "Access to OData is disabled.")),
    }
    match (request.method.as_str(), rest.as_slice()) {
        ("GET", ["messages"]) => listing::messages(request, mailbox, None, &origin, short),
        ("GET", ["mailFolders"]) => listing::folders(request, mailbox, &mailbox.folders[0].id, &origin),
        ("GET", ["mailFolders", "delta"]) => listing::delta(request, mailbox, &origin),
        ("GET", ["mailFolders", folder]) => {
            let folder = mailbox.folder(folder).ok_or_else(no_folder)?;
            Ok(Answer::json(200, listing::shown(mailbox, folder)))
        }
        ("GET", ["mailFolders", folder, "messages"]) => {
            let folder = mailbox.folder(folder).ok_or_else(no_folder)?.id.clone();
            listing::messages(request, mailbox, Some(&folder), &origin, short)
        }
        ("GET", ["mailFolders", folder, "childFolders"]) => {
            let folder = mailbox.folder(folder).ok_or_else(no_folder)?.id.clone();
            listing::folders(request, mailbox, &folder, &origin)
        }
        ("POST", ["mailFolders"]) => create(request, mailbox, None),
        ("POST", ["mailFolders", parent, "childFolders"]) => create(request, mailbox, Some(parent)),
        ("GET", ["messages", id]) => {
            let mail = &mailbox.mails[find(mailbox, id)?];
            let selected = listing::selected(request)?;
            let mut shown = mail.json(&selected, request.is_immutable(), false);
            let expand = request.option("$expand").unwrap_or_default();
            if event::expand(mailbox, mail, expand, &mut shown).is_none() {
                shown = mail.json(&selected, request.is_immutable(), listing::wants_size(request)?);
            }
            Ok(Answer::json(200, shown))
        }
        ("GET", ["messages", id, "attachments"]) => {
            let mail = &mailbox.mails[find(mailbox, id)?];
            listing::attachments(request, mail)
        }
        ("PATCH", ["messages", id]) => {
            let at = find(mailbox, id)?;
            patch(mailbox, at, request.body.as_ref(), counts)?;
            Ok(Answer::json(200, mailbox.mails[at].json(&[], request.is_immutable(), false)))
        }
        ("GET", ["messages", id, "$value"]) => {
            let mail = &mailbox.mails[find(mailbox, id)?];
            Ok(Answer { status: 200, headers: Vec::new(), body: Body::Bytes(mail.raw.clone()) })
        }
        ("POST", ["messages", id, "move"]) => {
            let at = find(mailbox, id)?;
            let to = request.body.as_ref().and_then(|body| body["destinationId"].as_str()).unwrap_or_default();
            let to = mailbox.folder(to).ok_or_else(no_folder)?.id.clone();
            mailbox.mails[at].folder = to;
            Ok(Answer::json(201, mailbox.mails[at].json(&[], request.is_immutable(), false)))
        }
        ("POST", ["messages", id, "permanentDelete"]) if has_permanent_delete => {
            let at = find(mailbox, id)?;
            mailbox.mails.remove(at);
            Ok(Answer::nothing(204))
        }
        (_, ["events", rest @ ..]) => event::answer(mailbox, request, rest, number, has_permanent_delete),
        _ => Err(Answer::error(400, "BadRequest", "Resource not found for the segment.")),
    }
}

fn no_folder() -> Answer {
    Answer::error(404, "ErrorItemNotFound", "The specified folder could not be found in the store.")
}

fn find(mailbox: &Mailbox, id: &str) -> Result<usize, Answer> {
    if id.len() < 20 {
        return Err(Answer::error(400, "ErrorInvalidIdMalformed", "Id is malformed."));
    }
    let missing = || Answer::error(404, "ErrorItemNotFound", "The specified object was not found in the store.");
    mailbox.find(id).ok_or_else(missing)
}

fn create(request: &Request, mailbox: &mut Mailbox, parent: Option<&str>) -> Result<Answer, Answer> {
    let body = request.body.clone().unwrap_or_default();
    let name = body["displayName"].as_str().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Answer::error(400, "ErrorInvalidRequest", "A display name is needed."))?;
    let parent = mailbox.folder(parent.unwrap_or("msgfolderroot")).ok_or_else(no_folder)?.id.clone();
    let is_twin = |folder: &&super::mailbox::Folder| folder.parent == parent && folder.name.eq_ignore_ascii_case(name);
    if mailbox.folders.iter().any(|folder| is_twin(&folder)) {
        return Err(Answer::error(409, "ErrorFolderExists", "A folder with the specified name already exists."));
    }
    let id = mailbox.add(name, &parent, "", body["isHidden"].as_bool().unwrap_or(false));
    let folder = mailbox.folder(&id).ok_or_else(no_folder)?;
    Ok(Answer::json(201, listing::shown(mailbox, folder)))
}

fn patch(mailbox: &mut Mailbox, at: usize, body: Option<&Value>, keeps_categories: bool) -> Result<(), Answer> {
    let body = body.and_then(Value::as_object).cloned().unwrap_or_default();
    let mail = &mut mailbox.mails[at];
    for (name, value) in body {
        match (name.as_str(), value) {
            ("isRead", Value::Bool(is_read)) => mail.is_read = is_read,
            ("singleValueExtendedProperties", Value::Array(all)) => {
                for one in &all {
                    let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
                    mail.properties.retain(|(id, _)| *id != text("id"));
                    mail.properties.push((text("id"), text("value")));
                }
            }
            ("flag", flag) if flag["flagStatus"].is_string() => {
                flag["flagStatus"].as_str().unwrap_or_default().clone_into(&mut mail.flag);
            }
            ("categories", Value::Array(all)) => {
                let all = all.iter().filter_map(|one| one.as_str().map(str::to_owned));
                if keeps_categories {
                    mail.categories = all.collect();
                }
            }
            _ => return Err(Answer::error(400, "ErrorInvalidPropertySet", &json!(name).to_string())),
        }
    }
    Ok(())
}
