//! The names of attachments: from the list of a message, and from the raw message where a message is attached.
//!
//! `hasAttachments` decides nothing, because it leaves out what is shown within the text.

use clawback_connector_sdk::{
    attachment,
    host::{Host, Http, Memo},
    types::Error,
    web,
};

use crate::{
    address,
    client::{Client, Part},
    raw,
    wire::{Attachment, Page},
};

/// The bytes of a raw message that are read for its names.
const RAW: u64 = 15 * 1024 * 1024;

/// Returns the names of each message, and whether these may not be all.
pub(crate) fn names<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    ids: &[&str],
) -> Result<Vec<(Vec<String>, bool)>, Error> {
    let select = web::with_query("", [("$select", "name,contentType")]);
    let parts: Vec<Part> =
        ids.iter().map(|id| Part::get(format!("{}/attachments{select}", address::message(id)))).collect();
    let replies = client.batch(&parts)?;
    let mut all = Vec::new();
    for (id, reply) in ids.iter().zip(replies) {
        if reply.is_missing() {
            all.push((Vec::new(), false));
            continue;
        }
        if !reply.is_success() {
            match reply.error("the attachments cannot be listed") {
                error @ (Error::Throttled(_) | Error::Transient(_)) => return Err(error),
                _ => all.push((Vec::new(), true)),
            }
            continue;
        }
        let page: Page<Attachment> = reply.read()?;
        let is_whole = page.next.is_none() && !page.value.iter().any(holds_more);
        let mut names: Vec<String> = page.value.into_iter().filter_map(|one| one.name).collect();
        let mut is_cut = false;
        if !is_whole {
            match raw::value(client, id, RAW)? {
                Ok(bytes) => {
                    is_cut = bytes.len() as u64 == RAW;
                    names.extend(
                        attachment::names(&bytes).into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>(),
                    );
                }
                Err(_) => is_cut = true,
            }
        }
        all.push((names, is_cut));
    }
    Ok(all)
}

/// Whether an attachment can have attachments itself.
fn holds_more(one: &Attachment) -> bool {
    let kind = one.kind.as_deref().unwrap_or_default();
    let media = one.content_type.as_deref().unwrap_or_default().to_lowercase();
    let name = one.name.as_deref().unwrap_or_default().to_lowercase();
    kind.ends_with("itemAttachment")
        || media.starts_with("message/")
        || media.contains("ms-outlook")
        || media.contains("ms-tnef")
        || [".eml", ".msg", "winmail.dat"].iter().any(|end| name.ends_with(end))
}
