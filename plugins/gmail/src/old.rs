//! Where the newest messages of a list end. A list has ids only, and a message costs 20 units; the index says for 5 which
//! messages are old. That it can say: a time of receipt does not change.

use std::time::Duration;

use clawback_connector_sdk::{
    host::{Host, Http, Memo, Scope},
    memo,
    types::Error,
    web,
};
use serde::{Deserialize, Serialize};

use crate::{api::Listed, client::Client, narrow, refusal::Refused};

/// How many old messages are asked for: one of them can be deleted or moved since.
const MANY: &str = "5";
/// How long they are kept.
const KEPT: Duration = Duration::from_mins(55);
/// Lists are by time, but not to the second: a list ends with a message that is older by this, in microseconds.
const MARGIN: i64 = 300 * 1_000_000;

/// The newest messages that are older than a time.
#[derive(Debug, Serialize, Deserialize)]
struct Old {
    than: i64,
    ids: Vec<String>,
}

impl Old {
    fn first(&self, ids: &[String]) -> Option<usize> {
        ids.iter().position(|id| self.ids.contains(id))
    }
}

/// Returns whether a list is over with a message of this time.
pub(crate) fn is_older(received: i64, floor: i64) -> bool {
    received < floor.saturating_sub(MARGIN)
}

/// Returns the index of the first of these ids that is known to be older. Without one the messages themselves say it.
pub(crate) fn first<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    label: Option<&str>,
    ids: &[String],
    floor: i64,
) -> Result<Option<usize>, Error> {
    let key = format!("old {}", label.unwrap_or_default());
    let than = floor.saturating_sub(MARGIN);
    let kept: Option<Old> = memo::recall(client.host, Scope::Mailbox, &key);
    let kept = kept.filter(|kept| kept.than <= than);
    if kept.and_then(|kept| kept.first(ids)) == Some(0) {
        return Ok(Some(0));
    }
    let search = narrow::older(than);
    let mut parameters = vec![("includeSpamTrash", "true"), ("maxResults", MANY), ("q", &search)];
    parameters.extend(label.map(|label| ("labelIds", label)));
    let listed = client.one(client.get(&web::with_query("/messages", parameters)))?.map_err(Refused::into_error)?;
    let ids_of = |listed: Listed| listed.messages.into_iter().map(|message| message.id).collect();
    let old = Old { than, ids: ids_of(Listed::read(&listed)?) };
    memo::keep(client.host, Scope::Mailbox, &key, &old, KEPT);
    Ok(old.first(ids))
}
