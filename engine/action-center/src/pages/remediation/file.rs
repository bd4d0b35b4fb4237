//! The messages of a remediation as a file.

use axum::extract::{Path, State};

use super::super::csv_file::{attachment, in_pieces};
use super::super::shown::Shown;
use crate::center::Center;
use crate::json::MessageJson;
use crate::lookup::find;

/// Messages read at once for a file.
const READ: u32 = 5_000;

/// Every message with its outcome, read and sent in pieces.
pub(crate) async fn messages_csv(State(center): State<Center>, Path(id): Path<String>) -> Shown {
    let found = find(&center, &id).await?;
    let name = format!("{}.csv", found.id);
    let rows = in_pieces(message_head(), usize::MAX, READ, move |after, most| {
        let (center, found) = (center.clone(), found.clone());
        async move {
            let pairs = center.site().history.messages(&found.id, after, most).await?;
            let next = pairs.last().map(|(target, _)| target.seq);
            let row = |(target, outcome): &_| message(&MessageJson::new(&found, target, Option::as_ref(outcome)));
            Ok((pairs.iter().map(row).collect(), next))
        }
    });
    Ok(attachment(&name, rows))
}

fn message_head() -> Vec<String> {
    let names = [
        "Mailbox",
        "Message-ID",
        "Subject",
        "From",
        "Received",
        "Original delivery location",
        "Latest delivery location",
        "Store",
        "Location before",
        "Location after",
        "Action",
        "Outcome",
        "Reason",
        "Detail",
        "Evidence",
        "Calendar entry",
        "Calendar entry detail",
        "Batch",
        "Recorded",
    ];
    names.map(str::to_owned).to_vec()
}

fn message(row: &MessageJson) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![
        row.mailbox.clone(),
        row.message_id.clone(),
        row.subject.clone(),
        row.from.clone(),
        row.received_at.clone(),
        text(&row.original_delivery_location),
        text(&row.latest_delivery_location),
        row.store.clone(),
        row.location_before.clone(),
        text(&row.location_after),
        row.action.to_string(),
        row.outcome.as_deref().unwrap_or("open").to_owned(),
        row.reason.as_deref().unwrap_or_default().to_owned(),
        text(&row.detail),
        text(&row.evidence),
        row.calendar_entry.as_deref().unwrap_or_default().to_owned(),
        text(&row.calendar_entry_detail),
        row.batch.map(|batch| batch.to_string()).unwrap_or_default(),
        text(&row.recorded_at),
    ]
}
