//! The JSON of Graph, as far as the connector reads it.

use serde::Deserialize;

/// A page of a listing.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    pub(crate) next: Option<String>,
    /// An address of the server itself: links to next pages have its origin.
    #[serde(rename = "@odata.context")]
    pub(crate) context: Option<String>,
}

/// A message: what was selected of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Mail {
    pub(crate) id: String,
    /// The type, where it is not that of an ordinary message.
    #[serde(rename = "@odata.type")]
    pub(crate) kind: Option<String>,
    pub(crate) parent_folder_id: Option<String>,
    pub(crate) internet_message_id: Option<String>,
    pub(crate) sent_date_time: Option<String>,
    pub(crate) received_date_time: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) from: Option<Recipient>,
    pub(crate) sender: Option<Recipient>,
    pub(crate) to_recipients: Vec<Recipient>,
    pub(crate) cc_recipients: Vec<Recipient>,
    pub(crate) is_read: Option<bool>,
    pub(crate) is_draft: Option<bool>,
    pub(crate) flag: Option<Flag>,
    pub(crate) categories: Option<Vec<String>>,
    pub(crate) internet_message_headers: Option<Vec<Field>>,
    pub(crate) single_value_extended_properties: Vec<Extended>,
}

/// A sender or recipient.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Recipient {
    pub(crate) email_address: Option<Mailbox>,
}

/// An address with its name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Mailbox {
    pub(crate) address: Option<String>,
    pub(crate) name: Option<String>,
}

/// The flag for follow-up.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Flag {
    pub(crate) flag_status: Option<String>,
}

/// A header field.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Field {
    pub(crate) name: Option<String>,
    pub(crate) value: Option<String>,
}

/// A property of Exchange, by its MAPI tag.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Extended {
    pub(crate) id: String,
    pub(crate) value: Option<String>,
}

/// A folder.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Folder {
    pub(crate) id: String,
    pub(crate) display_name: Option<String>,
    pub(crate) parent_folder_id: Option<String>,
    pub(crate) is_hidden: Option<bool>,
    pub(crate) child_folder_count: Option<u32>,
    #[serde(rename = "@removed")]
    pub(crate) removed: Option<serde_json::Value>,
}

/// An attachment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Attachment {
    #[serde(rename = "@odata.type")]
    pub(crate) kind: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) content_type: Option<String>,
}

/// A user of the directory.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct User {
    pub(crate) id: String,
    #[serde(rename = "userPrincipalName")]
    pub(crate) principal_name: Option<String>,
    pub(crate) mail: Option<String>,
    #[serde(rename = "userType")]
    pub(crate) kind: Option<String>,
}

/// What a refusal says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) error: Reason,
}

/// Why something was refused. The message is not read: it can repeat what a sender wrote.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Reason {
    #[serde(default)]
    pub(crate) code: String,
}
