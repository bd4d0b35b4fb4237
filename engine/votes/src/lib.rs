//! Signed votes: the keys of approvers, which a file of each node holds, and the check of a vote's signature by one of them.
//!
//! The file stands beside the configuration and not in the database, so that neither whoever can write the database nor an
//! administrator of the site makes an approver.

mod approvers;
mod line;
mod passkey;
mod ssh;

pub use approvers::{Approvers, ApproversError, SignatureError};
pub use passkey::challenge;

#[cfg(test)]
mod tests;
