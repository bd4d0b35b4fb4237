//! Pending notifications: changes of status, and plans that wait for votes.

pub(crate) mod notices;
pub(crate) mod reminders;
