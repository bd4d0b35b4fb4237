//! The uses of folders (RFC 6154), as the server reports them. It is asked folder by folder, so the answers are kept.

use std::collections::BTreeMap;
use std::time::Duration;

use clawback_connector_sdk::{
    host::{Host, Http, Memo, Scope},
    memo, place,
    types::{Error, LocationKind},
};
use serde::Deserialize;

use crate::{
    api::{Api, value},
    command::Command,
    folder,
    names::Names,
};

/// How long the answers are kept.
const TIME: Duration = Duration::from_hours(1);
const KEY: &str = "uses";

#[derive(Debug, Deserialize)]
struct Told {
    value: String,
}

/// Returns the uses of the folders that have one, by path. `paths`: the folders that are known to exist.
pub(crate) fn uses<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    names: &Names,
    paths: &[&str],
) -> Result<BTreeMap<String, LocationKind>, Error> {
    let kept: Option<BTreeMap<String, String>> = memo::recall(api.host, Scope::Mailbox, KEY);
    let told = match kept.filter(|kept| paths.iter().all(|path| kept.contains_key(*path))) {
        Some(kept) => kept,
        None => ask(api)?,
    };
    Ok(kinds(names, &told))
}

fn ask<H: Host + Http + Memo>(api: &Api<'_, H>) -> Result<BTreeMap<String, String>, Error> {
    let paths = folder::names(api)?;
    let commands: Vec<Command> = paths.iter().map(|path| Command::special_use(path)).collect();
    let mut told = BTreeMap::new();
    for (path, answer) in paths.into_iter().zip(api.run(&commands)?) {
        // What cannot be told of one folder is no use.
        let answer = answer.ok().and_then(|answer| value::<Vec<Told>>(&answer).ok()).unwrap_or_default();
        told.insert(path, answer.into_iter().map(|one| one.value).collect::<Vec<_>>().join(" "));
    }
    memo::keep(api.host, Scope::Mailbox, KEY, &told, TIME);
    Ok(told)
}

/// Returns the kinds of folders from what the server told. A name decides where no folder has the use.
fn kinds(names: &Names, told: &BTreeMap<String, String>) -> BTreeMap<String, LocationKind> {
    let of_use = |told: &str| {
        told.split_ascii_whitespace().find_map(|one| {
            Some(match one.to_ascii_lowercase().as_str() {
                "\\junk" => LocationKind::Junk,
                "\\trash" => LocationKind::DeletedItems,
                "\\sent" => LocationKind::SentItems,
                "\\archive" => LocationKind::Archive,
                _ => return None,
            })
        })
    };
    let free = || told.iter().filter(|(path, _)| names.kind_of(path).is_none());
    let mut kinds: BTreeMap<String, LocationKind> =
        free().filter_map(|(path, told)| Some((path.clone(), of_use(told)?))).collect();
    for (path, _) in free() {
        let kind = place::kind_of_name(names.leaf(path)).filter(|kind| *kind != LocationKind::Inbox);
        if let Some(kind) = kind
            && names.named(kind).is_none()
            && !kinds.contains_key(path)
            && !kinds.values().any(|known| *known == kind)
        {
            kinds.insert(path.clone(), kind);
        }
    }
    kinds
}
