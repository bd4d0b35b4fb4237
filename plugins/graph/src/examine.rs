//! Features of messages: their ids are checked twenty in a batch, then the raw messages are read, four at once.

use clawback_connector_sdk::{
    examiner::{Examined, Request},
    features,
    host::{Host, Http, Memo},
    types::{Error, MessageRef},
};

use crate::{
    client::{AT_ONCE, Client},
    locate,
    places::Places,
    raw,
};

/// How long a call may take, in microseconds. A host that gets no answer asks for fewer messages.
const TIME: i64 = 45_000_000;

/// Returns the features of these messages, one answer per ref, in order.
pub(crate) fn examine<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    refs: &[MessageRef],
    request: &Request,
) -> Result<Vec<Examined>, Error> {
    let began = client.host.now();
    let found = locate::mails(client, &mut Places::new(client), refs)?;
    let ids: Vec<Option<String>> = found.into_iter().map(|mails| Some(mails.into_iter().next()?.id)).collect();
    let mut answers: Vec<Examined> = vec![Examined::NotFound; refs.len()];
    let open: Vec<(usize, &str)> = ids.iter().enumerate().filter_map(|(at, id)| Some((at, id.as_deref()?))).collect();
    for some in open.chunks(AT_ONCE) {
        if client.host.now() - began > TIME {
            return Err(Error::Transient("the messages were not read in time".into()));
        }
        let ids: Vec<&str> = some.iter().map(|(_, id)| *id).collect();
        for ((at, _), value) in some.iter().zip(raw::values(client, &ids, request.most)?) {
            answers[*at] = match value {
                Ok(bytes) => Examined::Features(features::of(&bytes, request)),
                Err(reply) if reply.is_missing() => Examined::NotFound,
                Err(reply) => match reply.error("the message cannot be fetched") {
                    Error::Permanent(why) => Examined::Failed(why),
                    error => return Err(error),
                },
            };
        }
    }
    Ok(answers)
}
