//! The current places of messages. An id stays when a message moves, and names nothing when the message is gone: what is
//! like it then is another message, such as another delivery.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    types::{Error, Located, MessageRef},
};
use serde_json::{Value, json};

use crate::{
    api::Api,
    email::{Email, Named, identified, with_fingerprints},
    folder::Folders,
    protocol::Call,
    search::ids,
};

/// The most Message-IDs of one query.
const A_QUERY: usize = 20;
/// The most messages that are read for one query; more with these Message-IDs are a flood, not copies.
const CANDIDATES: usize = 1_000;

/// Returns one answer per message, in order.
pub(crate) fn locate<H: Host + Http + Memo>(api: &Api<'_, H>, refs: &[MessageRef]) -> Result<Vec<Located>, Error> {
    let folders = Folders::list(api)?;
    let refs: Vec<&MessageRef> = refs.iter().collect();
    let known = identified(api, &refs)?;
    // Where the id names another message, these are new ids, such as those of a server that was restored.
    let is_other = |named: &Named| matches!(named, Named::Other);
    let others: Vec<&MessageRef> =
        refs.iter().zip(&known).filter(|(_, named)| is_other(named)).map(|(one, _)| *one).collect();
    let mut copies = copies(api, &others)?.into_iter();
    let located = refs.into_iter().zip(known).map(|(wanted, named)| {
        let found = match named {
            Named::Message(email) => vec![*email],
            Named::Other => copies.next().unwrap_or_default(),
            Named::Nothing => Vec::new(),
        };
        let sightings = found.iter().map(|email| email.sighting(&folders, wanted)).collect();
        Located { locator: wanted.locator.clone(), sightings }
    });
    Ok(located.collect())
}

/// Returns the messages that are each of these by their fingerprints, whatever their ids.
pub(crate) fn copies<H: Host + Http + Memo>(api: &Api<'_, H>, refs: &[&MessageRef]) -> Result<Vec<Vec<Email>>, Error> {
    let mut found: Vec<Vec<Email>> = vec![Vec::new(); refs.len()];
    let mut runs: Vec<&str> = refs.iter().filter_map(|wanted| run(&wanted.message_id)).collect();
    runs.sort_unstable();
    runs.dedup();
    for runs in runs.chunks(A_QUERY) {
        let conditions: Vec<Value> = runs.iter().map(|run| json!({ "header": ["Message-ID", run] })).collect();
        let filter = json!({ "operator": "OR", "conditions": conditions });
        let query = Call::new("Email/query", json!({ "filter": filter, "limit": CANDIDATES }));
        let answer = match api.one(query)? {
            // By the ids alone, the messages are gone.
            Err(refusal) if refusal.is("unsupportedFilter") => return Ok(found),
            answer => answer.map_err(|refusal| refusal.error())?,
        };
        let ids = ids(&answer)?;
        let same = with_fingerprints(api, &ids.iter().map(String::as_str).collect::<Vec<_>>(), refs)?;
        for (found, same) in found.iter_mut().zip(same) {
            for email in same {
                if found.iter().all(|known| known.id != email.id) {
                    found.push(email);
                }
            }
        }
    }
    Ok(found)
}

/// Returns the part of a Message-ID that is searched for. `None` if a server could read it as something else.
fn run(id: &str) -> Option<&str> {
    let text = id.trim_start_matches('<').trim_end_matches('>');
    let is_plain = text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains("=?");
    is_plain.then_some(text)
}
