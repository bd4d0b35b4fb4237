//! Searches for messages by their Message-ID, in all folders and in the hidden ones.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place,
    types::{Error, MessageRef},
    web,
};

use crate::{
    address,
    client::{Client, Part},
    filter, link,
    places::Places,
    record,
    wire::{Mail, Page},
};

/// The most pages of messages with one Message-ID.
const PAGES: usize = 200;

/// Returns the messages that are these, by Message-ID and fingerprint, for each one.
pub(crate) fn find<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    places: &mut Places<'_, '_, H>,
    wanted: &[&MessageRef],
) -> Result<Vec<Vec<Mail>>, Error> {
    let mut found: Vec<Vec<Mail>> = vec![Vec::new(); wanted.len()];
    let mut ids: Vec<&str> = wanted.iter().map(|one| one.message_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let filters: Vec<String> = ids.into_iter().filter_map(filter::of_message_id).collect();
    if filters.is_empty() {
        return Ok(found);
    }
    // Another node may just have made the quarantine.
    places.refresh()?;
    let hidden = places.all()?.all.iter().filter(|folder| place::is_hidden(folder.kind()));
    let mut lists: Vec<String> = hidden.map(|folder| format!("{}/messages", address::folder(&folder.id))).collect();
    lists.push("/messages".to_owned());
    let mut asked: Vec<&str> = Vec::new();
    let mut parts: Vec<Part> = Vec::new();
    for filter in &filters {
        for list in &lists {
            let query = [("$filter", filter.as_str()), ("$select", record::IDENTITY), ("$top", "25")];
            parts.push(Part::get(web::with_query(list, query)));
            asked.push(list);
        }
    }
    let replies = client.batch(&parts)?;
    let mut mails: Vec<Mail> = Vec::new();
    for (list, reply) in asked.into_iter().zip(replies) {
        // A folder that is gone has no message.
        if reply.is_missing() && list != "/messages" {
            continue;
        }
        if !reply.is_success() {
            return Err(reply.error("the search for a message was refused"));
        }
        let mut page: Page<Mail> = reply.read()?;
        for number in 0.. {
            mails.append(&mut page.value);
            let Some(next) = page.next.take() else { break };
            if number == PAGES {
                return Err(Error::Permanent("too many messages have one Message-ID".into()));
            }
            let path = format!("{}{list}", client.base());
            let reply = client.get(&format!("{path}?{}", link::query(&next, &path, page.context.as_deref())?))?;
            if !reply.is_success() {
                return Err(reply.error("the search for a message was refused"));
            }
            page = reply.read()?;
        }
    }
    for mail in mails.into_iter().filter(|mail| address::is_id(&mail.id)) {
        let own = record::reference(&mail);
        for (one, found) in wanted.iter().zip(&mut found) {
            let is_it = one.message_id == own.message_id && one.fingerprint == own.fingerprint;
            if is_it && !found.iter().any(|known| known.id == mail.id) {
                found.push(mail.clone());
            }
        }
    }
    Ok(found)
}
