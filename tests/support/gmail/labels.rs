//! Labels of the Gmail API.

use serde_json::{Value, json};

use super::mailbox::{Mailbox, SYSTEM};
use super::refusal::Refusal;

/// `GET labels`.
pub(super) fn list(mailbox: &Mailbox) -> Value {
    let system = SYSTEM.iter().map(|id| json!({ "id": id, "name": id, "type": "system" }));
    let own = mailbox.labels.iter().map(|(id, label)| json!({ "id": id, "name": label.name, "type": "user" }));
    json!({ "labels": system.chain(own).collect::<Vec<_>>() })
}

/// `POST labels`.
pub(super) fn create(mailbox: &mut Mailbox, body: &Value) -> Result<Value, Refusal> {
    let name =
        body["name"].as_str().filter(|name| !name.is_empty()).ok_or_else(|| Refusal::invalid("Invalid label"))?;
    let is_taken = |known: &str| known.eq_ignore_ascii_case(name);
    if SYSTEM.iter().any(|known| is_taken(known)) || mailbox.labels.values().any(|label| is_taken(&label.name)) {
        return Err(Refusal::new(409, "aborted", "ABORTED", "Label name exists or conflicts"));
    }
    let is_hidden = match (body["labelListVisibility"].as_str(), body["messageListVisibility"].as_str()) {
        (Some("labelHide"), Some("hide")) => true,
        (None | Some("labelShow"), None | Some("show")) => false,
        _ => return Err(Refusal::invalid("Invalid visibility")),
    };
    let id = mailbox.create_label(name, is_hidden);
    Ok(json!({ "id": id, "name": name, "type": "user" }))
}

/// Reads `addLabelIds` and `removeLabelIds`.
pub(super) fn change(mailbox: &Mailbox, body: &Value) -> Result<(Vec<String>, Vec<String>), Refusal> {
    let read = |name: &str| -> Result<Vec<String>, Refusal> {
        let ids = match &body[name] {
            Value::Null => Vec::new(),
            Value::Array(ids) => ids.iter().filter_map(|id| Some(id.as_str()?.to_owned())).collect(),
            _ => return Err(Refusal::invalid(format!("Invalid value at '{name}'"))),
        };
        if ids.len() > 100 {
            return Err(Refusal::invalid("Too many labels"));
        }
        if let Some(unknown) = ids.iter().find(|id| !mailbox.has_label(id)) {
            return Err(Refusal::invalid(format!("labelId not found: {unknown}")));
        }
        if let Some(fixed) = ids.iter().find(|id| ["SENT", "DRAFT", "CHAT"].contains(&id.as_str())) {
            return Err(Refusal::invalid(format!("Cannot modify label: {fixed}")));
        }
        Ok(ids)
    };
    let (add, remove) = (read("addLabelIds")?, read("removeLabelIds")?);
    if add.is_empty() && remove.is_empty() {
        return Err(Refusal::invalid("No label add or removes specified"));
    }
    if let Some(both) = add.iter().find(|id| remove.contains(id)) {
        return Err(Refusal::invalid(format!("Cannot both add and remove the same label: {both}")));
    }
    Ok((add, remove))
}
