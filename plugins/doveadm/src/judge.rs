//! Whether a message matches a query, by its whole header.

use clawback_connector_sdk::{
    fields,
    header::{self, Stored},
    matching,
    types::{Location, Message, Query},
};

use crate::{locator::is_message, row::Row};

/// Whether a message matches.
pub(crate) enum Judgement {
    /// It does, as far as its header says.
    Match(Box<Message>),
    No,
    /// It is unknown, for this reason.
    Unknown(&'static str),
}

/// Judges a message that was read whole.
pub(crate) fn judge(query: &Query, row: &Row, location: &Location) -> Judgement {
    if !is_message(row.guid()) {
        return Judgement::Unknown("the server returns no GUID for it");
    }
    let Some(received_at) = row.received_at() else {
        return Judgement::Unknown("the server does not say when it was received");
    };
    let Some(size) = row.size() else {
        return Judgement::Unknown("the server does not say how large it is");
    };
    let stored = Stored {
        locator: row.locator().to_string(),
        location: location.clone(),
        received_at,
        size,
        flags: row.flags(),
    };
    let mut message = header::describe(stored, row.header(), query);
    let is_match = match fields::without_unreadable(query, row.header()) {
        Some((query, cut)) => {
            message.cut.extend(cut);
            message.cut.sort_unstable();
            message.cut.dedup();
            matching::matches(&query, &message, row.header())
        }
        None => matching::matches(query, &message, row.header()),
    };
    if is_match { Judgement::Match(Box::new(message)) } else { Judgement::No }
}
