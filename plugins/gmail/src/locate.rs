//! Where messages are now. An id stays when a message moves, so its labels say all.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    types::{Error, Located, MessageRef, Sighting},
};

use crate::{
    client::Client,
    labels::Labels,
    locator, place,
    states::{self, Wanted},
};

/// Returns one answer per message, in order.
pub(crate) fn locate<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    refs: &[MessageRef],
) -> Result<Vec<Located>, Error> {
    let labels = Labels::known(client)?;
    let wanted: Vec<Wanted<'_>> = refs.iter().filter_map(wanted).collect();
    let states = states::all(client, &wanted, &labels.ids)?;
    let labels = labels.with(client, states.values().flatten())?;
    let located = refs.iter().map(|one| {
        let state = locator::id(&one.locator).and_then(|id| states.get(id));
        let sighting = state.map(|state| {
            let location = place::of(state, &labels);
            Sighting { ref_: one.clone(), flags: place::flags(state, location.kind, &labels), location }
        });
        Located { locator: one.locator.clone(), sightings: sighting.into_iter().collect() }
    });
    Ok(located.collect())
}

/// Returns how to look for a message. `None` if its locator is none of Gmail's.
pub(crate) fn wanted(message: &MessageRef) -> Option<Wanted<'_>> {
    Some(Wanted { id: locator::id(&message.locator)?, message_id: &message.message_id })
}
