//! Evidence: the raw message is kept before it is deleted for good, and a message that cannot be kept is not deleted.
//!
//! A message is stored under the sha256 of its bytes, in a folder or another object store, so that every read can check
//! it. The order is the bytes on disk, then their row, then the delete, then the outcome with the digest in its
//! receipt. After a crash at worst a message is kept and not deleted.

mod keeper;
pub(crate) mod place;
mod verify;

pub(crate) use keeper::{Keeper, check, keep, keeper, resolve_guards};
pub use place::Evidence;
pub use verify::{EvidenceReport, verify_evidence};
