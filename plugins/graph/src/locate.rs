//! The current places of messages. An id stays when a message moves, so one request for each finds most of them; only
//! those whose id is gone are searched for.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    types::{Error, Located, MessageRef, Sighting},
    web,
};

use crate::{
    address,
    client::{Client, Part},
    find::find,
    flags,
    places::{Places, Spot},
    record,
    refusal::Reply,
    wire::Mail,
};

/// Returns one answer per message, in order.
pub(crate) fn locate<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    refs: &[MessageRef],
) -> Result<Vec<Located>, Error> {
    let mut places = Places::new(client);
    let mails = mails(client, &mut places, refs)?;
    let mut located = Vec::new();
    for (one, mails) in refs.iter().zip(mails) {
        let mut sightings = Vec::new();
        for mail in mails {
            let spot = places.spot(mail.parent_folder_id.as_deref())?;
            if spot == Spot::Gone {
                continue;
            }
            let location = spot.location();
            sightings.push(Sighting { ref_: record::reference(&mail), location, flags: flags::of(&mail) });
        }
        located.push(Located { locator: one.locator.clone(), sightings });
    }
    Ok(located)
}

/// Returns the part that asks for the identity and the state of a message.
pub(crate) fn ask(id: &str) -> Part {
    Part::get(web::with_query(&address::message(id), [("$select", record::IDENTITY)]))
}

/// Reads the answer to it: `None` if the message is not there.
pub(crate) fn read(reply: &Reply) -> Result<Option<Mail>, Error> {
    if reply.is_missing() {
        return Ok(None);
    }
    if !reply.is_success() {
        return Err(reply.error("the message cannot be read"));
    }
    reply.read().map(Some)
}

/// Returns the messages that are these: by id, else by Message-ID and fingerprint.
pub(crate) fn mails<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    places: &mut Places<'_, '_, H>,
    refs: &[MessageRef],
) -> Result<Vec<Vec<Mail>>, Error> {
    let asked: Vec<usize> = (0..refs.len()).filter(|at| address::is_id(&refs[*at].locator)).collect();
    let parts: Vec<Part> = asked.iter().map(|at| ask(&refs[*at].locator)).collect();
    let mut mails: Vec<Vec<Mail>> = vec![Vec::new(); refs.len()];
    for (at, reply) in asked.iter().zip(client.batch(&parts)?) {
        let mail = read(&reply)?.filter(|mail| address::is_id(&mail.id));
        mails[*at].extend(mail.filter(|mail| record::print(mail) == refs[*at].fingerprint));
    }
    let lost: Vec<usize> = (0..refs.len()).filter(|at| mails[*at].is_empty()).collect();
    let wanted: Vec<&MessageRef> = lost.iter().map(|at| &refs[*at]).collect();
    for (at, found) in lost.into_iter().zip(find(client, places, &wanted)?) {
        mails[at] = found;
    }
    Ok(mails)
}
