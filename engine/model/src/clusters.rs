//! The clusters of a root: the messages that share one trait, or two, with a message that is known to be a threat.
//!
//! One root has several clusters, and a message can be in several of them. A trait that strangers share makes no cluster
//! ([`Commons`](crate::Commons)), and a message that is proved to be of an organisation and calls to that organisation
//! alone is in none: it is what the root imitates.

mod by;
mod count;
mod judge;
mod traits;

pub use self::by::ClusterBy;
pub use self::count::ClusterCount;
pub use self::judge::{Cluster, Clusters};

#[cfg(test)]
mod tests;
