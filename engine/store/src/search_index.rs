//! The index behind the history's filters: for every word that can apply to a remediation (`status:failed`,
//! `decided-by:ben`, three letters of its name) the set of remediations it applies to, in blocks of 4,096 in the order
//! of submission.
//!
//! A filter is a conjunction of words, so its result is an intersection of sets, newest block first. The cost depends
//! on the number of blocks, not on which filters are combined or how rare their values are: with an index per column,
//! two common values that never occur together would need a full scan.
//!
//! The index is written in the transaction of the event that changes it, under the lock of the chain, so there are no
//! concurrent writes of a row. A missing block (of a database from before this index) is built from its remediations.

pub(crate) mod bitmap;
pub(crate) mod block;
pub(crate) mod filter;
pub(crate) mod index;
pub(crate) mod search;
mod words;
