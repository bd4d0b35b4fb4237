//! Folders that show the messages of other folders again: a namespace that is an alias of another, and the folders of
//! Dovecot's virtual plugin. A message in both is the same, and only the real folder accepts messages.
//!
//! Such folders are in a second namespace of the owner, so only servers that report one are asked. An alias has the
//! UIDVALIDITY, UIDNEXT and number of messages of the folder with the same name in another namespace. Dovecot reports
//! with `X-MAILBOX` which folder a message of a virtual one is in; other servers refuse the item, and have no such
//! folders.

use clawback_connector_sdk::{host::MailStream, types::Error};
use imap_codec::imap_types::{response::Data, status::StatusDataItem};

use crate::{
    command::Command,
    folder::MailFolder,
    search::open,
    session::{Access, Reply, Session},
};

/// Removes the folders that show messages of other folders.
pub(crate) fn without<S: MailStream>(
    session: &mut Session<S>,
    folders: &[MailFolder],
) -> Result<Vec<MailFolder>, Error> {
    let unknown: Vec<&MailFolder> =
        folders.iter().filter(|folder| folder.aside.is_some() && !session.views.contains_key(&folder.wire)).collect();
    if !unknown.is_empty() {
        ask(session, &unknown)?;
    }
    let is_view = |folder: &MailFolder| session.views.get(&folder.wire).copied().unwrap_or_default();
    Ok(folders.iter().filter(|folder| !is_view(folder)).cloned().collect())
}

/// Detects views. STATUS has its own flight: Dovecot answers it before an earlier FETCH of a virtual folder.
fn ask<S: MailStream>(session: &mut Session<S>, folders: &[&MailFolder]) -> Result<(), Error> {
    const EACH: usize = 2;
    let status = |wire: &str| Command::new("STATUS ").text(wire).raw(" (MESSAGES UIDNEXT UIDVALIDITY)");
    let (mut asks, mut looks) = (Vec::new(), Vec::new());
    for folder in folders {
        asks.push(status(&folder.wire));
        asks.push(status(folder.aside.as_deref().unwrap_or_default()));
        looks.push(open(&folder.wire, Access::Examine));
        looks.push(Command::new("FETCH 1 (UID X-MAILBOX)"));
    }
    let told = session.flight(asks)?;
    let seen = session.flight(looks)?;
    session.selected = None;
    for ((folder, told), seen) in folders.iter().zip(told.chunks(EACH)).zip(seen.chunks(EACH)) {
        let ([own, other], [opened, fetched]) = (told, seen) else { continue };
        let is_alias = numbers(own).is_some_and(|own| own[2] > 0 && numbers(other) == Some(own));
        let origin = || fetched.fetches.iter().find_map(|fetch| fetch.origin.as_deref());
        let is_named = |name: &str| name == folder.location.path || name == folder.wire;
        let is_virtual = opened.is_ok() && origin().is_some_and(|origin| !is_named(origin));
        session.views.insert(folder.wire.clone(), is_alias || is_virtual);
    }
    Ok(())
}

/// Returns UIDVALIDITY, UIDNEXT and the number of messages, if all three were reported.
fn numbers(reply: &Reply) -> Option<[u32; 3]> {
    let items = reply.data.iter().find_map(|data| match data {
        Data::Status { items, .. } => Some(items.as_ref()),
        _ => None,
    })?;
    let one = |wanted: &dyn Fn(&StatusDataItem) -> Option<u32>| items.iter().find_map(wanted);
    Some([
        one(&|item| if let StatusDataItem::UidValidity(number) = item { Some(number.get()) } else { None })?,
        one(&|item| if let StatusDataItem::UidNext(number) = item { Some(number.get()) } else { None })?,
        one(&|item| if let StatusDataItem::Messages(number) = item { Some(*number) } else { None })?,
    ])
}
