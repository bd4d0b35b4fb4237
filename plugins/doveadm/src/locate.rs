//! The current places of messages. Most are where their locator says, which one request checks; only the others are
//! searched for.

use std::collections::BTreeMap;

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    types::{Error, Located, MessageRef},
};

use crate::{
    api::Api,
    command::{Command, in_some_folder, set},
    find::find,
    folder::{self, Folders},
    locator::Locator,
    row::{self, Row, WHOLE, rows},
};

/// Messages at their places, and the folders.
pub(crate) struct Seen {
    pub(crate) rows: BTreeMap<(String, u32), Row>,
    pub(crate) folders: Folders,
}

/// Reads the messages at these places, and lists the folders.
pub(crate) fn look<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    locators: impl Iterator<Item = Locator>,
) -> Result<Seen, Error> {
    let mut places: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for locator in locators {
        places.entry(locator.folder).or_default().push(locator.uid);
    }
    let mut commands: Vec<Command> = places
        .iter()
        .map(|(folder, uids)| Command::fetch(&WHOLE, in_some_folder(folder, &set(uids.iter().copied()))))
        .collect();
    commands.push(folder::listing());
    let mut answers = api.run(&commands)?;
    let listed = answers.pop().ok_or_else(|| Error::Transient("the server did not answer".into()))?;
    let folders = Folders::read(api, listed)?;
    let mut found = Vec::new();
    let mut again = Vec::new();
    for ((folder, uids), answer) in places.iter().zip(answers) {
        match (answer, folders.all.get(folder)) {
            (Ok(answer), _) => found.extend(rows(&answer)?),
            // Another folder may be the one that cannot be opened, so this one is asked for by name.
            (Err(_), Some(folder)) => again.push(Command::fetch(&WHOLE, folder.query(&set(uids.iter().copied())))),
            (Err(refusal), None) => return Err(refusal.error()),
        }
    }
    for answer in api.run(&again)? {
        // A refusal is not an absence: a copy elsewhere would pass for the new place of the message.
        found.extend(rows(&answer.map_err(|refusal| refusal.error())?)?);
    }
    let rows = row::of_owner(found, &folders).into_iter().map(|row| (row.key(), row)).collect();
    Ok(Seen { rows, folders })
}

/// Returns one answer per message, in order.
pub(crate) fn locate<H: Host + Http + Memo>(api: &Api<'_, H>, refs: &[MessageRef]) -> Result<Vec<Located>, Error> {
    let locators = refs.iter().filter_map(|wanted| Locator::parse(&wanted.locator));
    let seen = look(api, locators)?;
    let mut places: Vec<Vec<Row>> = refs
        .iter()
        .map(|wanted| {
            let at = Locator::parse(&wanted.locator).map(|locator| (locator.folder, locator.uid));
            at.and_then(|at| seen.rows.get(&at)).filter(|row| row.is(wanted)).cloned().into_iter().collect()
        })
        .collect();
    let missing: Vec<usize> = (0..refs.len()).filter(|at| places[*at].is_empty()).collect();
    if !missing.is_empty() {
        let found = find(api, &seen.folders, &missing.iter().map(|at| &refs[*at]).collect::<Vec<_>>())?;
        for (at, rows) in missing.into_iter().zip(found.rows) {
            if let (true, Some(error)) = (rows.is_empty(), &found.closed) {
                return Err(error.clone());
            }
            places[at] = rows;
        }
    }
    let located = refs.iter().zip(places).map(|(wanted, rows)| {
        let sighting = |row: &Row| Ok(row.sighting(&seen.folders.location(api, &row.mailbox)?, wanted));
        let sightings = rows.iter().map(sighting).collect::<Result<_, Error>>()?;
        Ok(Located { locator: wanted.locator.clone(), sightings })
    });
    located.collect()
}
