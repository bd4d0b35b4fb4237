//! The labels of a mailbox: which there are, and the two that mark hidden messages.

use std::{collections::BTreeSet, time::Duration};

use clawback_connector_sdk::{
    host::{Host, Http, Memo, Scope},
    memo,
    types::{Error, LocationKind},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    api::{Id, LabelList},
    client::Client,
    refusal::Refused,
};

/// The label of soft deletes, unless the setting `recoverable-label` names another.
const RECOVERABLE: &str = "Clawback/Recoverable";
/// The label of `move-to-quarantine`, unless the setting `quarantine-label` names another.
const QUARANTINE: &str = "Clawback/Quarantine";

const KEY: &str = "labels";
/// How long the labels of a mailbox are believed. They are asked for again where one of a message is not among them, or
/// hides it.
const KEPT: Duration = Duration::from_mins(10);

/// What the connector knows of a mailbox's labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Labels {
    /// The ids of all.
    pub(crate) ids: BTreeSet<String>,
    /// The id of the label that marks soft deletes, if it exists.
    pub(crate) recoverable: Option<String>,
    /// The id of the label that marks quarantine, if it exists.
    pub(crate) quarantine: Option<String>,
    /// The names of the two.
    pub(crate) recoverable_name: String,
    pub(crate) quarantine_name: String,
    /// Whether this call asked for them.
    #[serde(skip)]
    pub(crate) is_new: bool,
}

impl Labels {
    /// Returns the labels as an earlier call knew them, or asks.
    pub(crate) fn known<H: Host + Http + Memo>(client: &Client<'_, H>) -> Result<Self, Error> {
        let names = names(client.host);
        let kept = memo::recall::<Self>(client.host, Scope::Mailbox, KEY);
        match kept.filter(|kept| (kept.recoverable_name.as_str(), kept.quarantine_name.as_str()) == names.both()) {
            Some(kept) => Ok(kept),
            None => Self::ask(client),
        }
    }

    /// Asks for the labels.
    pub(crate) fn ask<H: Host + Http + Memo>(client: &Client<'_, H>) -> Result<Self, Error> {
        let list: LabelList = client.success(client.get("/labels"))?.json()?;
        // Every mailbox has labels of the system.
        if list.labels.is_empty() {
            return Err(Error::Permanent("Gmail's answer is no list of labels".into()));
        }
        let names = names(client.host);
        let id_of = |name: &str| {
            let label = list.labels.iter().find(|label| label.name.eq_ignore_ascii_case(name));
            label.map(|label| label.id.clone())
        };
        let labels = Self {
            recoverable: id_of(&names.recoverable),
            quarantine: id_of(&names.quarantine),
            recoverable_name: names.recoverable,
            quarantine_name: names.quarantine,
            ids: list.labels.into_iter().map(|label| label.id).collect(),
            is_new: true,
        };
        labels.keep(client);
        Ok(labels)
    }

    fn keep<H: Host + Http + Memo>(&self, client: &Client<'_, H>) {
        memo::keep(client.host, Scope::Mailbox, KEY, self, KEPT);
    }

    /// Asks again, at most once in a call, if a message has a label that is not known, or one that hides it.
    pub(crate) fn with<'a, H: Host + Http + Memo>(
        self,
        client: &Client<'_, H>,
        mut seen: impl Iterator<Item = &'a String>,
    ) -> Result<Self, Error> {
        let is_sure = |id: &String| self.ids.contains(id) && self.marks().all(|mark| mark != id);
        if self.is_new || seen.all(is_sure) { Ok(self) } else { Self::ask(client) }
    }

    /// Returns the id and the name of the label that marks a hidden place. `None` for a place that is not hidden.
    pub(crate) fn mark(&self, kind: LocationKind) -> Option<(Option<&str>, &str)> {
        match kind {
            LocationKind::RecoverableItems => Some((self.recoverable.as_deref(), &self.recoverable_name)),
            LocationKind::Quarantine => Some((self.quarantine.as_deref(), &self.quarantine_name)),
            _ => None,
        }
    }

    /// Returns the ids of the two marks, as far as they exist.
    pub(crate) fn marks(&self) -> impl Iterator<Item = &str> {
        self.recoverable.iter().chain(&self.quarantine).map(String::as_str)
    }

    /// Creates the label of a hidden place if it is missing, hidden from lists of labels and from messages.
    pub(crate) fn ensure<H: Host + Http + Memo>(
        &mut self,
        client: &Client<'_, H>,
        kind: LocationKind,
    ) -> Result<(), Error> {
        let Some((None, name)) = self.mark(kind) else { return Ok(()) };
        let body = json!({ "name": name, "labelListVisibility": "labelHide", "messageListVisibility": "hide" });
        let name = name.to_owned();
        match client.one(client.post("/labels", &body)?)? {
            Ok(response) => {
                let made: Id = response.json()?;
                if made.id.is_empty() {
                    return Err(Error::Permanent(format!("Gmail names no id of the label `{name}`")));
                }
                self.ids.insert(made.id.clone());
                match kind {
                    LocationKind::RecoverableItems => self.recoverable = Some(made.id),
                    _ => self.quarantine = Some(made.id),
                }
                self.keep(client);
            }
            // Another call may have created it since.
            Err(refused @ (Refused::Other(Error::Permanent(_)) | Refused::Failed(_))) => {
                *self = Self::ask(client)?;
                if let Some((None, _)) = self.mark(kind) {
                    return Err(refused.into_error());
                }
            }
            Err(refused) => return Err(refused.into_error()),
        }
        Ok(())
    }
}

/// The names of the two labels.
struct Names {
    recoverable: String,
    quarantine: String,
}

impl Names {
    fn both(&self) -> (&str, &str) {
        (&self.recoverable, &self.quarantine)
    }
}

fn names(host: &impl Host) -> Names {
    let name = |setting: &str, usual: &str| {
        let name = host.setting(setting).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        name.unwrap_or_else(|| usual.to_owned())
    };
    Names { recoverable: name("recoverable-label", RECOVERABLE), quarantine: name("quarantine-label", QUARANTINE) }
}
