//! The index behind the history's filters: for every word that can apply to a remediation (`status:failed`, `decided-by:ben`,
//! three letters of its name) the set of those it applies to, in blocks of 4,096 that were submitted one after the other.
//!
//! A filter is a conjunction of words, so its answer is an intersection of sets, newest block first. What that costs depends on
//! how many blocks there are, never on which filters are combined or how rare their values are: with an index per column,
//! two common values that never meet would have to be walked from end to end.
//!
//! It is written in the transaction of the event that changes it, under the lock of the chain, so two writers of one row
//! never meet. A block that is not there (a database from before this index) is built from its remediations.

pub(crate) mod bitmap;
pub(crate) mod block;
pub(crate) mod filter;
pub(crate) mod index;
pub(crate) mod search;
mod words;
