//! The results of a search as a CSV file: the messages that the page Search lists, or all rows of a view.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use clawback_model::Target;

use super::csv_file::{attachment, in_pieces};
use super::fields::Asked;
use super::shown::Shown;
use super::views::View;
use super::{query, search, views};
use crate::access::Caller;
use crate::center::Center;
use crate::problem::Problem;

/// Rows that are made at once.
const PIECE: u32 = 200;
const HEAD: [&str; 10] = [
    "subject",
    "from",
    "from-name",
    "mailbox",
    "received",
    "location",
    "original-location",
    "store",
    "message-id",
    "fingerprint",
];

/// The file. A search whose result is no longer kept is made again.
pub(crate) async fn csv(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let conditions = query::conditions(&query);
    if conditions.is_empty() {
        return Err(Problem::bad_request("no condition is given; search first").into());
    }
    let search = match center.searches().of(&caller.who.name, &conditions) {
        Some(search) => search,
        None => search::begin(&center, &caller.who, &query)?,
    };
    let end = search.end(Duration::MAX).await.ok_or_else(Problem::internal)?;
    if let Err(problem) = &end.found {
        return Err(problem.clone().into());
    }
    if let (Some(view), Ok(found)) = (View::of(&query), &end.found) {
        if let Err(reason) = &found.plan {
            return Err(Problem::bad_request(reason.to_string()).into());
        }
        let (head, records) = views::records(view, &found.tally);
        let (most, records) = (records.len(), Arc::new(records));
        let rows = in_pieces(head, most, PIECE, move |at: Option<usize>, most| {
            let (records, from) = (Arc::clone(&records), at.unwrap_or(0));
            async move {
                let rest = records.get(from..).unwrap_or_default();
                let rows: Vec<_> = rest.iter().take(most as usize).cloned().collect();
                let next = (rows.len() < rest.len()).then_some(from + rows.len());
                Ok((rows, next))
            }
        });
        return Ok(attachment(&format!("{}.csv", view.word()), rows));
    }
    let rows = in_pieces(HEAD.map(str::to_owned).to_vec(), search::SHOWN, PIECE, move |at: Option<usize>, most| {
        let end = Arc::clone(&end);
        async move {
            let Ok(found) = &end.found else { return Ok((Vec::new(), None)) };
            let from = at.unwrap_or(0);
            let rest = found.sample.get(from..).unwrap_or_default();
            let name = |target: &Target| found.names.get(&target.seq).map_or("", String::as_str);
            let rows: Vec<_> = rest.iter().take(most as usize).map(|target| record(target, name(target))).collect();
            let next = (rows.len() < rest.len()).then_some(from + rows.len());
            Ok((rows, next))
        }
    });
    Ok(attachment("results.csv", rows))
}

fn record(target: &Target, name: &str) -> Vec<String> {
    vec![
        target.subject.clone(),
        target.from_address.clone(),
        name.to_owned(),
        target.mailbox.to_string(),
        target.received_at.to_string(),
        target.location.to_string(),
        target.original_location.as_ref().map(ToString::to_string).unwrap_or_default(),
        target.store.to_string(),
        target.reference.message_id.clone(),
        target.reference.fingerprint.clone(),
    ]
}
