//! The mailboxes: the users of the customer in the directory of the Admin SDK.

use clawback_connector_sdk::{
    host::{Host, Http, Memo, Request},
    types::{Error, Gap, MailboxPage},
    web,
};

use crate::{api::Users, client::Client};

/// The most users of one page.
const A_PAGE: u32 = 500;
/// What the directory calls a list of users.
const KIND: &str = "admin#directory#users";
/// The longest token of a page that is believed.
const LONGEST: usize = 8 * 1_024;

/// Returns one page, without users who are suspended or have no mailbox.
pub(crate) fn mailboxes<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    cursor: Option<&str>,
    most: u32,
) -> Result<MailboxPage, Error> {
    let size = most.clamp(1, A_PAGE).to_string();
    let mut query = vec![
        ("customer", "my_customer"),
        ("query", "isSuspended=false"),
        ("orderBy", "email"),
        ("maxResults", size.as_str()),
        ("fields", "kind,nextPageToken,users(primaryEmail,isMailboxSetup)"),
    ];
    query.extend(cursor.map(|token| ("pageToken", token)));
    let path = web::with_query("/admin/directory/v1/users", query);
    let page: Users = client.success(Request::get("directory", path))?.json()?;
    // Without users there is no such key.
    if page.kind != KIND {
        return Err(Error::Permanent("the directory's answer is no list of users".into()));
    }
    let next = page.next_page_token.filter(|token| !token.is_empty());
    if next.as_ref().is_some_and(|next| next.len() > LONGEST) {
        return Err(Error::Permanent("the directory names the next page by a text that is too long".into()));
    }
    let (mut mailboxes, mut gaps) = (Vec::new(), Vec::new());
    for user in page.list.into_iter().filter(|user| user.is_mailbox_setup != Some(false)) {
        if is_address(&user.primary_email) {
            mailboxes.push(user.primary_email);
        } else {
            let reason = "the address of a user cannot be used";
            gaps.push(Gap { folder: String::new(), item: String::new(), reason: reason.into() });
        }
    }
    Ok(MailboxPage { mailboxes, next, gaps })
}

fn is_address(text: &str) -> bool {
    text.len() <= 320 && text.contains('@') && !text.chars().any(|one| one.is_control() || one.is_whitespace())
}
