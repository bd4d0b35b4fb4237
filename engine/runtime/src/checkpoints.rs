//! Checkpoints: signed checkpoints of the history, where they are kept and cosigned, proofs of events, and the check of
//! the whole history.

mod audit;
mod heads;
pub(crate) mod keepers;
mod proof;
mod site_key;
mod witness;

pub use audit::AuditError;
pub(crate) use heads::{before_hard_delete, tend};
pub use heads::{check_heads, make_checkpoint, sign_tree};
pub use keepers::{Checkpoints, HeadBucket};
pub use proof::Proof;
pub use site_key::{KeyError, SiteKey, open_checkpoint};
pub use witness::{Cosigned, WitnessConfig, WitnessError, Witnesses};
