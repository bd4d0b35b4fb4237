//! Signed votes: the keys of approvers, which are in a file on each node, and the check of a vote's signature.
//!
//! The file is next to the configuration and not in the database, so that neither write access to the database nor the
//! role of an administrator is enough to add an approver.

mod approvers;
mod line;
mod passkey;
mod ssh;

pub use approvers::{Approvers, ApproversError, SignatureError};
pub use passkey::challenge;

#[cfg(test)]
mod tests;
