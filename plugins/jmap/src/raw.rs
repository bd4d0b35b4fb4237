//! Whole messages, by download (RFC 8620 6.2).

use std::collections::BTreeMap;

use clawback_connector_sdk::{
    examiner::{self, Examined},
    features,
    host::{Host, Http, HttpError, Memo, Request, Response},
    types::{Error, MessageRef},
    web,
};

use crate::{
    api::Api,
    email::{Email, Named, PLACE, by_id, identified},
    session::{API, DOWNLOAD},
};

/// The most bytes that are returned, because a component's memory is limited.
pub(crate) const LARGEST: u64 = 15 * 1024 * 1024;
/// How many messages are downloaded at once, and the largest of them.
const TOGETHER: usize = 4;
const SMALL: u64 = 2 * 1024 * 1024;

/// Returns up to `most` bytes of the message, wherever it is now.
pub(crate) fn fetch<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    message: &MessageRef,
    most: u64,
) -> Result<Vec<u8>, Error> {
    let known = identified(api, &[message])?.into_iter().find_map(Named::message);
    download(api, &known.ok_or_else(gone)?, most)
}

/// Returns the features of these messages, in order.
pub(crate) fn examine<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    refs: &[MessageRef],
    request: &examiner::Request,
) -> Result<Vec<Examined>, Error> {
    let known = identified(api, &refs.iter().collect::<Vec<_>>())?;
    let known: Vec<Option<Email>> = known.into_iter().map(Named::message).collect();
    let mut examined = Vec::with_capacity(refs.len());
    for known in known.chunks(TOGETHER) {
        let emails: Vec<&Email> = known.iter().flatten().collect();
        let mut together = download_together(api, &emails, request.most);
        for email in known {
            let raw = match email {
                Some(email) => together.remove(&email.id).map_or_else(|| download(api, email, request.most), Ok),
                None => Err(gone()),
            };
            examined.push(features::examined(raw, request)?);
        }
    }
    Ok(examined)
}

/// Returns whether a message can be downloaded together with others.
pub(crate) fn is_small(email: &Email) -> bool {
    (1..=SMALL).contains(&email.size)
}

/// Downloads the small ones of these messages at once. Returns by id those that came whole; the others have to be
/// downloaded alone.
pub(crate) fn download_together<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    emails: &[&Email],
    most: u64,
) -> BTreeMap<String, Vec<u8>> {
    let is_wanted = |email: &&Email| is_small(email) && email.size <= most;
    let small: Vec<&Email> = emails.iter().copied().filter(is_wanted).take(TOGETHER).collect();
    let requests: Vec<Request> = small.iter().filter_map(|email| request(api, email).ok()).collect();
    if requests.len() < 2 || requests.len() < small.len() {
        return BTreeMap::new();
    }
    let responses = api.host.send_many(&requests).into_iter().zip(small);
    let whole = |(response, email): (Result<Response, HttpError>, &Email)| {
        let raw = response.ok().filter(Response::is_success)?.body;
        (raw.len() as u64 == email.size).then(|| (email.id.clone(), raw))
    };
    responses.filter_map(whole).collect()
}

/// Returns the first `most` bytes of a message that was just read, or the whole of a smaller one.
pub(crate) fn download<H: Host + Http + Memo>(api: &Api<'_, H>, email: &Email, most: u64) -> Result<Vec<u8>, Error> {
    let raw = part(api, email, most)?;
    let expected = email.size.min(most.min(LARGEST));
    if (raw.len() as u64) < expected {
        let why = format!("the server returned {} of {expected} bytes of the message", raw.len());
        return Err(Error::Transient(why));
    }
    Ok(raw)
}

/// Returns what the server returns of a message that was just read, which may be too little.
pub(crate) fn part<H: Host + Http + Memo>(api: &Api<'_, H>, email: &Email, most: u64) -> Result<Vec<u8>, Error> {
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
            return Ok(raw);
        }
        if response.status == 404 {
            return Err(missing(api, email));
        }
        match response.refused("the server refuses to return the message", api.host.now()) {
            Error::Throttled(pause) if api.wait(pause) => {}
            error => return Err(error),
        }
    }
}

/// Returns why there is nothing at the address of a message: it is gone only if the API says so, too.
fn missing<H: Host + Http + Memo>(api: &Api<'_, H>, email: &Email) -> Error {
    match by_id(api, &[&email.id], &PLACE) {
        Ok(found) if found.is_empty() => gone(),
        Ok(_) if api.note_old_session() => Error::Transient("the session may name another address of downloads".into()),
        Ok(_) => Error::Permanent(format!(
            "the message exists, and the server has nothing at the address of its download; check the endpoint of \
             downloads (`{API}`, or `{DOWNLOAD}` if the session names another origin for them)"
        )),
        Err(error) => error,
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
