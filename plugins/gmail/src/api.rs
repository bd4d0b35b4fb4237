//! The answers of the API, as far as the connector reads them.

use clawback_connector_sdk::{host::Response, types::Error};
use serde::Deserialize;

/// A message.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    #[serde(default)]
    pub(crate) id: String,
    /// Missing if it has none.
    #[serde(default)]
    pub(crate) label_ids: Vec<String>,
    /// Milliseconds since 1970, as text.
    #[serde(default)]
    pub(crate) internal_date: String,
    #[serde(default)]
    pub(crate) size_estimate: u64,
    #[serde(default)]
    pub(crate) payload: Payload,
}

/// The part of a message that is its header.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Payload {
    #[serde(default)]
    pub(crate) headers: Vec<Field>,
}

/// A field of a header. Google unfolds the value and decodes its encoded words.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Field {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) value: String,
}

/// A page of a list of messages; without messages the key is missing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    #[serde(default)]
    pub(crate) messages: Vec<Id>,
    pub(crate) next_page_token: Option<String>,
    /// Without messages this is all that there is.
    pub(crate) result_size_estimate: Option<u64>,
}

impl Listed {
    /// Reads a page. An answer that has neither messages nor says how many there are is no empty page.
    pub(crate) fn read(response: &Response) -> Result<Self, Error> {
        let page: Self = response.json()?;
        if page.messages.is_empty() && page.result_size_estimate.is_none() {
            return Err(Error::Permanent("Gmail's answer is no list of messages".into()));
        }
        Ok(page)
    }
}

/// A message in a list, or a label.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Id {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
}

/// The labels of a mailbox.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct LabelList {
    #[serde(default)]
    pub(crate) labels: Vec<Id>,
}

/// A page of the directory.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Users {
    /// What the answer is.
    #[serde(default)]
    pub(crate) kind: String,
    #[serde(default, rename = "users")]
    pub(crate) list: Vec<User>,
    pub(crate) next_page_token: Option<String>,
}

/// A user.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    #[serde(default)]
    pub(crate) primary_email: String,
    /// Missing where the directory does not say it.
    pub(crate) is_mailbox_setup: Option<bool>,
}

/// An error.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Failure {
    #[serde(default)]
    pub(crate) error: FailureBody,
}

/// What an error says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct FailureBody {
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) errors: Vec<Reason>,
}

/// One of the reasons of an error.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Reason {
    #[serde(default)]
    pub(crate) reason: String,
}
