//! Pending notifications: changes of status, plans that wait for votes, and answers to reporters.

pub(crate) mod notices;
pub(crate) mod reminders;
pub(crate) mod reports;
