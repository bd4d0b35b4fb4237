//! The mailboxes of the directory: users with an address, without guests. Each is named by its `userPrincipalName`.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    page,
    types::{Error, Gap, MailboxPage},
    web,
};

use crate::{
    client::Client,
    link,
    wire::{Page, User},
};

const PATH: &str = "/users";
/// The most users of one request.
const TOP: usize = 999;
/// The longest name that a path of the host takes.
const LONGEST: usize = 500;
/// The most requests of one call, if no user of a page has a mailbox.
const REQUESTS: usize = 20;

/// Returns one page. A cursor is the query of a request, and how many users of its answer were returned.
pub(crate) fn list<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    cursor: Option<&str>,
    most: u32,
) -> Result<MailboxPage, Error> {
    let most = usize::try_from(most.max(1)).unwrap_or(TOP);
    let first = || {
        let top = most.min(TOP).to_string();
        let query = [("$select", "id,mail,userPrincipalName,userType"), ("$top", &top)];
        web::query(query)
    };
    let wrong = page::not_ours;
    let (mut skip, mut query) = match cursor {
        None => (0, first()),
        Some(cursor) => {
            let (skip, query) = cursor.split_once(':').ok_or_else(wrong)?;
            if query.contains(['?', '#', '\r', '\n', ' ']) {
                return Err(wrong());
            }
            (skip.parse().map_err(|_| wrong())?, query.to_owned())
        }
    };
    let (mut mailboxes, mut gaps) = (Vec::new(), Vec::new());
    for _ in 0..REQUESTS {
        let reply = client.get(&format!("{PATH}?{query}"))?;
        if !reply.is_success() {
            return Err(
                reply.error("the directory cannot be listed; the application needs the permission User.Read.All")
            );
        }
        let page: Page<User> = reply.read()?;
        for user in page.value.iter().skip(skip) {
            skip += 1;
            match name(user) {
                None => {}
                Some(Ok(name)) => mailboxes.push(name),
                Some(Err(gap)) => gaps.push(gap),
            }
            if mailboxes.len() == most && (skip < page.value.len() || page.next.is_some()) {
                return Ok(MailboxPage { mailboxes, next: Some(format!("{skip}:{query}")), gaps });
            }
        }
        let Some(next) = page.next else { return Ok(MailboxPage { mailboxes, next: None, gaps }) };
        query = link::query(&next, PATH, page.context.as_deref())?;
        skip = 0;
    }
    Ok(MailboxPage { mailboxes, next: Some(format!("0:{query}")), gaps })
}

/// Returns the name of the mailbox; `None` for a guest and for a user without an address, who have none.
fn name(user: &User) -> Option<Result<String, Gap>> {
    let is_guest = user.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("guest"));
    if is_guest || user.mail.as_deref().is_none_or(str::is_empty) {
        return None;
    }
    let name = user.principal_name.clone().unwrap_or_default();
    let is_plain = !name.is_empty()
        && name.len() <= LONGEST
        && !name.contains(['/', '\\', '%', ';', '?', '#'])
        && !name.chars().any(char::is_control)
        && name != "."
        && name != "..";
    if is_plain {
        return Some(Ok(name));
    }
    let item = user.id.chars().filter(|one| one.is_ascii_alphanumeric() || *one == '-').take(60).collect();
    let reason = "the user has a name that no path of a request can hold".to_owned();
    Some(Err(Gap { folder: String::new(), item, reason }))
}
