//! Where messages are now. An id stays when a message moves, so its labels say all.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    types::{Error, Located, MessageRef, Sighting},
};

use crate::{client::Client, labels::Labels, locator, place, states};

/// Returns one answer per message, in order.
pub(crate) fn locate<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    refs: &[MessageRef],
) -> Result<Vec<Located>, Error> {
    let mut labels = Labels::known(client)?;
    let states = states::of(client, refs.iter())?;
    let is_gone = |one: &MessageRef| locator::id(&one.locator).is_some_and(|id| !states.contains_key(id));
    labels = if !labels.is_new && refs.iter().any(is_gone) {
        // Gone from this mailbox, which answers: the mailbox itself is not gone.
        Labels::ask(client)?
    } else {
        labels.with(client, states.values().flatten())?
    };
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
