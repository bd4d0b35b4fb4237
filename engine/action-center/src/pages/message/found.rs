//! Which message of a search a form means. The form says it, and a form can say anything: only a message that a search
//! of the same caller has found is read, by the place that the store gave.

use std::time::Duration;

use clawback_model::{Action, Inputs, Picked, Principal, SelectionMode, Target};
use clawback_runtime::silent;

use crate::center::Center;
use crate::pages::fields::Fields;
use crate::pages::{query, search};
use crate::problem::Problem;

/// Returns the message in the results of the caller's search for the conditions of the form. If they are no longer kept,
/// the search is made again in the mailbox of the message.
pub(super) async fn in_results(
    center: &Center,
    who: &Principal,
    fields: &Fields,
    picked: &Picked,
) -> Result<Target, Problem> {
    if let Some(search) = center.searches().of(&who.name, &query::conditions(fields))
        && let Some(end) = search.end(Duration::ZERO).await
        && let Ok(found) = &end.found
        && let Some(target) = named(&found.sample, picked)
    {
        return Ok(target.clone());
    }
    let inputs = in_mailbox(&query::inputs(fields), &picked.mailbox).ok_or_else(not_found)?;
    let (action, mode) = (Action::SoftDelete, SelectionMode::Query);
    let submission = search::submission(&Fields::default(), inputs, action, mode, Vec::new())?;
    let found = center.preview(who, submission, search::SHOWN, &silent()).await?;
    named(&found.sample, picked).cloned().ok_or_else(not_found)
}

/// The conditions in one mailbox; `None` if there are none, or if they leave this mailbox out.
fn in_mailbox(conditions: &Inputs, mailbox: &str) -> Option<Inputs> {
    let chosen = conditions.get("mailbox").unwrap_or_default();
    if conditions.is_empty() || !chosen.is_empty() && !chosen.iter().any(|one| one.eq_ignore_ascii_case(mailbox)) {
        return None;
    }
    let others = conditions.pairs().filter(|(name, _)| *name != "mailbox");
    let mut inputs: Inputs = others.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    inputs.push("mailbox", mailbox.to_owned());
    Some(inputs)
}

/// The copy that is named; if it was moved since, another copy of the same mail in the mailbox.
fn named<'a>(found: &'a [Target], picked: &Picked) -> Option<&'a Target> {
    let is_it = |target: &&Target| {
        *target.mailbox == *picked.mailbox && picked.fingerprint.as_ref() == Some(&target.reference.fingerprint)
    };
    let copies = || found.iter().filter(is_it);
    let this = copies().find(|target| picked.locator.as_ref() == Some(&target.reference.locator));
    this.or_else(|| copies().next())
}

fn not_found() -> Problem {
    Problem::bad_request("the message is not among the results of your search, or was moved since; search again")
}
