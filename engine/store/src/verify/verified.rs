//! The results of a verification.

use super::head::Head;

/// The events and rows that are read at once; nothing else is held in memory.
pub(crate) const PAGE: u32 = 2_000;

/// The number of things that were checked and found valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Verified {
    pub head: Head,
    pub events: u64,
    pub remediations: u64,
    pub targets: u64,
    pub outcomes: u64,
}
