//! Evidence: the raw message is kept before it is deleted for good, and what cannot be kept is not deleted.
//!
//! A message lies under the sha256 of its bytes, in a folder or any other object store, so that it proves itself: whoever reads
//! it hashes it. The order is the point: bytes on the disk, then the row that says so, then the delete, then the outcome with
//! the digest in its receipt. A crash leaves at worst a message that was kept and not deleted.

mod keeper;
pub(crate) mod place;
mod verify;

pub(crate) use keeper::{Keeper, check, keep, keeper, resolve_guards};
pub use place::Evidence;
pub use verify::{EvidenceReport, verify_evidence};
