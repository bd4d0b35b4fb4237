//! Known obstacles for each action. Nothing is changed: no label is created.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place::destination,
    types::{Action, Error, LocationKind, Readiness},
};

use crate::{client::Client, labels::Labels};

/// Returns the known obstacles for each of these actions.
pub(crate) fn check<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    actions: &[Action],
) -> Result<Vec<Readiness>, Error> {
    let labels = Labels::ask(client)?;
    let readiness = actions.iter().map(|action| {
        let mark = destination(*action).and_then(|kind| Some((kind, labels.mark(kind)?)));
        let creates = mark.filter(|(_, (id, _))| id.is_none()).map(|(_, (_, name))| name.to_owned());
        let visible = mark.map(|(kind, _)| match kind {
            LocationKind::RecoverableItems => "TRASH".to_owned(),
            _ => "All Mail".to_owned(),
        });
        Readiness { action: *action, obstacle: None, creates, visible }
    });
    Ok(readiness.collect())
}
