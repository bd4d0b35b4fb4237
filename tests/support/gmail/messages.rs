//! Messages of the Gmail API.

use data_encoding::BASE64URL;
use serde_json::{Value, json};

use super::labels;
use super::mailbox::{Mail, Mailbox};
use super::query::Search;
use super::refusal::Refusal;

/// The decoded parameters of a query, in order.
pub(super) type Parameters = [(String, String)];

fn one<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// `GET messages`.
pub(super) fn list(mailbox: &Mailbox, parameters: &Parameters) -> Result<Value, Refusal> {
    let known = ["q", "labelIds", "includeSpamTrash", "maxResults", "pageToken", "fields"];
    if let Some((name, _)) = parameters.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return Err(Refusal::invalid(format!("Unknown name \"{name}\"")));
    }
    let labels: Vec<&str> =
        parameters.iter().filter(|(name, _)| name == "labelIds").map(|(_, value)| value.as_str()).collect();
    if let Some(unknown) = labels.iter().find(|id| !mailbox.has_label(id)) {
        return Err(Refusal::invalid(format!("Invalid label: {unknown}")));
    }
    let most = one(parameters, "maxResults").map_or(Ok(100), str::parse::<usize>);
    let most = most.map_err(|_| Refusal::invalid("Invalid value at 'maxResults'"))?.min(500);
    let q = one(parameters, "q").unwrap_or_default();
    let search = Search::parse(q)?;
    let is_all = one(parameters, "includeSpamTrash") == Some("true");
    // A token is good for one search only.
    let stamp = format!("{q}|{labels:?}|{is_all}");
    let before = match one(parameters, "pageToken").map(|token| token.split_once('-')) {
        None => None,
        Some(Some((id, of))) if of == checksum(&stamp) => Some(id),
        Some(_) => return Err(Refusal::invalid("Invalid pageToken")),
    };
    let hidden = |mail: &Mail| ["SPAM", "TRASH"].iter().any(|label| mail.labels.contains(*label));
    let named = |label: &str| labels.contains(&label);
    let mut found = mailbox.mails.values().rev().filter(|mail| {
        before.is_none_or(|before| mail.id.as_str() < before)
            && (is_all || named("SPAM") || named("TRASH") || !hidden(mail))
            && labels.iter().all(|label| mail.labels.contains(*label))
            && search.finds(mail)
    });
    let page: Vec<&Mail> = found.by_ref().take(most).collect();
    let mut answer = json!({ "resultSizeEstimate": page.len() });
    if let Some(last) = page.last().filter(|_| found.next().is_some()) {
        answer["nextPageToken"] = json!(format!("{}-{}", last.id, checksum(&stamp)));
    }
    // Without messages there is no such key.
    if !page.is_empty() {
        answer["messages"] = page.iter().map(|mail| json!({ "id": mail.id, "threadId": mail.id })).collect();
    }
    Ok(answer)
}

fn checksum(text: &str) -> String {
    let sum = text.bytes().fold(5_381_u32, |sum, byte| sum.wrapping_mul(33) ^ u32::from(byte));
    format!("{sum:08x}")
}

/// Finds a message by the id in a path.
fn find<'a>(mailbox: &'a Mailbox, id: &str) -> Result<&'a Mail, Refusal> {
    if id.is_empty() || id.len() > 20 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::invalid("Invalid id value"));
    }
    mailbox.mails.get(id).ok_or_else(Refusal::not_found)
}

/// `GET messages/ID`.
pub(super) fn get(mailbox: &Mailbox, id: &str, parameters: &Parameters) -> Result<Value, Refusal> {
    let mail = find(mailbox, id)?;
    let mut answer = brief(mail);
    answer["internalDate"] = json!(mail.received.to_string());
    answer["sizeEstimate"] = json!(mail.raw.len());
    match one(parameters, "format") {
        Some("minimal") => {}
        Some("raw") => answer["raw"] = json!(BASE64URL.encode(&mail.raw)),
        Some("metadata") => {
            let wanted: Vec<&str> = parameters
                .iter()
                .filter(|(name, _)| name == "metadataHeaders")
                .map(|(_, value)| value.as_str())
                .collect();
            let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one.eq_ignore_ascii_case(name));
            let fields = mail.fields().into_iter().filter(|(name, _)| is_wanted(name));
            let headers: Vec<_> = fields.map(|(name, value)| json!({ "name": name, "value": value })).collect();
            answer["payload"] = json!({ "mimeType": "text/plain", "headers": headers });
        }
        other => return Err(Refusal::invalid(format!("this server does not know the format {other:?}"))),
    }
    if one(parameters, "fields") == Some("raw") {
        return Ok(json!({ "raw": answer["raw"] }));
    }
    Ok(answer)
}

fn brief(mail: &Mail) -> Value {
    let mut answer = json!({ "id": mail.id, "threadId": mail.id });
    if !mail.labels.is_empty() {
        answer["labelIds"] = json!(mail.labels);
    }
    answer
}

/// `POST messages/ID/modify`.
pub(super) fn modify(mailbox: &mut Mailbox, id: &str, body: &Value, is_lying: bool) -> Result<Value, Refusal> {
    find(mailbox, id)?;
    let (add, remove) = labels::change(mailbox, body)?;
    let mail = mailbox.mails.get_mut(id).ok_or_else(Refusal::not_found)?;
    if !is_lying {
        put(mail, &add, &remove);
    }
    Ok(brief(mail))
}

fn put(mail: &mut Mail, add: &[String], remove: &[String]) {
    mail.labels.retain(|label| !remove.contains(label));
    mail.labels.extend(add.iter().cloned());
}

/// `POST messages/batchModify`. Ids that are not there are ignored.
pub(super) fn batch_modify(mailbox: &mut Mailbox, body: &Value, is_lying: bool) -> Result<(), Refusal> {
    let ids = ids(body)?;
    let (add, remove) = labels::change(mailbox, body)?;
    for id in ids.iter().filter(|_| !is_lying) {
        if let Some(mail) = mailbox.mails.get_mut(id) {
            put(mail, &add, &remove);
        }
    }
    Ok(())
}

/// `POST messages/batchDelete`.
pub(super) fn batch_delete(mailbox: &mut Mailbox, body: &Value, is_lying: bool) -> Result<(), Refusal> {
    for id in ids(body)?.iter().filter(|_| !is_lying) {
        mailbox.mails.remove(id);
    }
    Ok(())
}

fn ids(body: &Value) -> Result<Vec<String>, Refusal> {
    let ids = body["ids"].as_array().ok_or_else(|| Refusal::invalid("Invalid value at 'ids'"))?;
    if ids.is_empty() || ids.len() > 1_000 {
        return Err(Refusal::invalid("No message ids specified, or too many"));
    }
    Ok(ids.iter().filter_map(|id| Some(id.as_str()?.to_owned())).collect())
}
