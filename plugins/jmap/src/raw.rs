//! Whole messages, by download (RFC 8620 6.2).

use clawback_connector_sdk::{
    examiner::{self, Examined},
    features,
    host::{Host, Http, HttpError, Memo, Request, Response},
    types::{Error, MessageRef},
    web,
};

use crate::{
    api::Api,
    email::{Email, by_id},
    locate,
    session::DOWNLOAD,
};

/// The most bytes that are returned, because a component's memory is limited.
pub(crate) const LARGEST: u64 = 15 * 1024 * 1024;
/// How many messages are downloaded at once, and the largest of them.
const TOGETHER: usize = 4;
const SMALL: u64 = 2 * 1024 * 1024;
/// The properties of a message that is downloaded.
const PROPERTIES: [&str; 7] = ["id", "blobId", "mailboxIds", "keywords", "size", "receivedAt", "headers"];

/// Returns up to `most` bytes of the message, wherever it is now.
pub(crate) fn fetch<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    message: &MessageRef,
    most: u64,
) -> Result<Vec<u8>, Error> {
    let known = by_id(api, &[&message.locator], &PROPERTIES)?.remove(&message.locator);
    if let Some(email) = known.filter(|email| email.is(&message.fingerprint)) {
        return download(api, &email, most);
    }
    let copy = locate::copies(api, &[message])?.into_iter().flatten().next();
    let copy = copy.ok_or_else(|| Error::NotFound("the message is nowhere in this mailbox".into()))?;
    let email = by_id(api, &[&copy.id], &PROPERTIES)?.remove(&copy.id);
    download(api, &email.ok_or_else(gone)?, most)
}

/// Returns the features of these messages, in order.
pub(crate) fn examine<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    refs: &[MessageRef],
    request: &examiner::Request,
) -> Result<Vec<Examined>, Error> {
    let locators: Vec<&str> = refs.iter().map(|message| message.locator.as_str()).collect();
    let known = by_id(api, &locators, &PROPERTIES)?;
    let mut examined = Vec::with_capacity(refs.len());
    for refs in refs.chunks(TOGETHER) {
        let here = |message: &MessageRef| known.get(&message.locator).filter(|email| email.is(&message.fingerprint));
        let emails: Vec<&Email> = refs.iter().filter_map(here).collect();
        let mut together = download_together(api, &emails, request.most).into_iter();
        for message in refs {
            let raw = match here(message) {
                Some(email) => match together.next().flatten() {
                    Some(raw) => Ok(raw),
                    None => download(api, email, request.most),
                },
                None => fetch(api, message, request.most),
            };
            examined.push(match raw {
                Ok(raw) => Examined::Features(features::of(&raw, request)),
                Err(Error::NotFound(_)) => Examined::NotFound,
                Err(Error::Permanent(why)) => Examined::Failed(why),
                Err(error) => return Err(error),
            });
        }
    }
    Ok(examined)
}

/// Downloads small messages at once. `None` for one that has to be downloaded alone.
fn download_together<H: Host + Http + Memo>(api: &Api<'_, H>, emails: &[&Email], most: u64) -> Vec<Option<Vec<u8>>> {
    let requests: Option<Vec<Request>> = emails.iter().map(|email| request(api, email).ok()).collect();
    let is_small = |email: &&Email| (1..=SMALL.min(most)).contains(&email.size);
    let Some(requests) = requests.filter(|requests| requests.len() > 1 && emails.iter().all(is_small)) else {
        return vec![None; emails.len()];
    };
    let responses = api.host.send_many(&requests).into_iter().zip(emails);
    let whole = |(response, email): (Result<Response, HttpError>, &&Email)| {
        let raw = response.ok().filter(Response::is_success)?.body;
        (raw.len() as u64 == email.size).then_some(raw)
    };
    responses.map(whole).collect()
}

/// Returns up to `most` bytes of a message that was just read.
pub(crate) fn download<H: Host + Http + Memo>(api: &Api<'_, H>, email: &Email, most: u64) -> Result<Vec<u8>, Error> {
    let most = most.min(LARGEST);
    let request = request(api, email)?;
    loop {
        let response = match api.host.send_prefix(&request, most) {
            Ok(response) => response,
            Err(HttpError::Denied(why)) if request.endpoint == DOWNLOAD => {
                let why = format!(
                    "messages are downloaded from an origin of their own, so the store needs the endpoint `{DOWNLOAD}` \
                     with that origin: {why}"
                );
                return Err(Error::Denied(why));
            }
            Err(error) => return Err(web::unanswered(error)),
        };
        if response.is_success() {
            let mut raw = response.body;
            raw.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            // An empty answer is no message.
            if raw.is_empty() && most > 0 && email.size > 0 {
                return Err(Error::Transient("the server returns nothing for this message".into()));
            }
            return Ok(raw);
        }
        if response.status == 404 {
            return Err(gone());
        }
        match response.refused("the server refuses to return the message", api.host.now()) {
            Error::Throttled(pause) if api.wait(pause) => {}
            error => return Err(error),
        }
    }
}

fn request<H>(api: &Api<'_, H>, email: &Email) -> Result<Request, Error> {
    let Some((endpoint, template)) = &api.account.download else {
        return Err(Error::Permanent("the session has no address for downloads".into()));
    };
    let path = expand(template, &api.account.id, &email.blob_id)
        .ok_or_else(|| Error::Permanent("the session has an address for downloads that is none".into()))?;
    Ok(Request::new("GET", endpoint, path))
}

fn gone() -> Error {
    Error::NotFound("the message is nowhere in this mailbox".into())
}

/// Returns the path of a download. `None` if the template is none.
fn expand(template: &str, account: &str, blob: &str) -> Option<String> {
    let values =
        [("{accountId}", account), ("{blobId}", blob), ("{name}", "message.eml"), ("{type}", "message/rfc822")];
    let mut path = template.to_owned();
    for (name, value) in values {
        path = path.replace(name, &web::escaped(value));
    }
    if path.contains(['{', '}']) || blob.is_empty() {
        return None;
    }
    web::path_of(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        let cyrus = "/jmap/download/{accountId}/{blobId}/{name}?accept={type}";
        let path = "/jmap/download/u1/G1/message.eml?accept=message%2Frfc822";
        assert_eq!(expand(cyrus, "u1", "G1").as_deref(), Some(path));
        assert_eq!(expand("/d/{blobId}/{other}", "u1", "G1"), None);
        assert_eq!(expand("/d/{blobId}", "u1", "a/../b").as_deref(), Some("/d/a%2F..%2Fb"));
    }
}
