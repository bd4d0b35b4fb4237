//! One message of a plan.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::location::Location;
use crate::message::MessageRef;
use crate::outcome::{Reason, RestorePoint};

/// One message of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its number, from 0, without gaps.
    pub seq: u32,
    /// Name of its store.
    pub store: Arc<str>,
    /// Its mailbox.
    pub mailbox: Arc<str>,
    /// The reference by which it is found again.
    pub reference: MessageRef,
    /// Where it was at plan time.
    pub location: Location,
    /// Where it was first delivered, if known.
    pub original_location: Option<Location>,
    /// The decoded subject; untrusted.
    pub subject: String,
    /// The From address; untrusted.
    pub from_address: String,
    /// When the store received it.
    pub received_at: Timestamp,
    /// The state that a restore goes back to.
    pub former: Option<RestorePoint>,
    /// Why it cannot be acted on; `None` if it can.
    pub not_remediable: Option<Reason>,
    /// The reason for which the scripts kept it, in their words.
    pub script_reason: Option<String>,
    /// The tag by which a script groups it.
    pub script_tag: Option<String>,
}
