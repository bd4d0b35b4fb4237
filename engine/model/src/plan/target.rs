//! One message of a plan.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::location::Location;
use crate::message::MessageRef;
use crate::outcome::{Former, Reason};

/// One message of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its number, from 0, without gaps.
    pub seq: u32,
    /// Name of its store.
    pub store: Arc<str>,
    /// Its mailbox.
    pub mailbox: Arc<str>,
    /// How to find it.
    pub reference: MessageRef,
    /// Where it was at plan time.
    pub location: Location,
    /// Where it was first delivered, if known.
    pub original_location: Option<Location>,
    /// Decoded subject; hostile.
    pub subject: String,
    /// From address; hostile.
    pub from_address: String,
    /// When the store received it.
    pub received_at: Timestamp,
    /// What a restore goes back to.
    pub former: Option<Former>,
    /// Why nothing can be done to it; none if something can.
    pub not_remediable: Option<Reason>,
    /// Why the scripts kept it, in their words.
    pub script_reason: Option<String>,
    /// The word that a script groups it by.
    pub script_tag: Option<String>,
}
