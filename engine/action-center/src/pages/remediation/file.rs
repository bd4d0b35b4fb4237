//! The messages of a remediation as a file.

use axum::body::Body;
use axum::extract::{Path, State};
use futures::stream;

use super::super::csv_file::{attachment, lines};
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
    let begin = (Some(None), Some(lines([message_head()])));
    let pieces = stream::try_unfold(begin, move |(at, head): (Option<Option<u32>>, Option<Vec<u8>>)| {
        let (center, found) = (center.clone(), found.clone());
        async move {
            if let Some(head) = head {
                return Ok::<_, clawback_store::StoreError>(Some((head, (at, None))));
            }
            let Some(after) = at else { return Ok(None) };
            let pairs = center.site().history.messages(&found.id, after, READ).await?;
            let next = pairs.last().map(|(target, _)| Some(target.seq));
            let rows =
                pairs.iter().map(|(target, outcome)| message(&MessageJson::new(&found, target, outcome.as_ref())));
            Ok(Some((lines(rows), (next, None))))
        }
    });
    Ok(attachment(&name, Body::from_stream(pieces)))
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
        row.batch.map(|batch| batch.to_string()).unwrap_or_default(),
        text(&row.recorded_at),
    ]
}
