//! What a verification has checked so far.

use super::head::Head;

/// Events and rows read at once; nothing else is kept of them.
pub(crate) const PAGE: u32 = 2_000;

/// What was checked, all of it sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Verified {
    pub head: Head,
    pub events: u64,
    pub remediations: u64,
    pub targets: u64,
    pub outcomes: u64,
}
