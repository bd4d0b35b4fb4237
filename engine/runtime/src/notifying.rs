//! Notifications to people and programs: a line in the log, a signed webhook, a mail, a message in a chat. They carry
//! numbers, names and a link to the page where one signs in and decides; never the content of a message, and never a
//! link that decides when it is opened.

pub(crate) mod approvals;
mod chat;
mod delivery;
mod mail;
mod notice;
pub(crate) mod notifier;
mod recipients;
mod reminders;
mod sending;
mod webhook;

pub use approvals::Approvals;
pub use mail::{MailConfig, MailTls};
pub(crate) use notice::CheckpointNotice;
pub use notifier::{Notifier, NotifierConfig};
pub(crate) use recipients::recipients;
pub(crate) use reminders::send as send_reminders;
pub(crate) use sending::{answer, notify_change, send_checkpoint};
