//! The verification of the history: every link of the chain, and everything that the chain covers. The cached state of
//! a remediation must be the fold of its events, its plan must have the digest that was approved, and every batch must
//! have the outcomes that its event counted. The first mismatch is reported.
//!
//! The chain alone cannot prove that its end was not cut off, or that the history was not rewritten from its beginning.
//! For that the caller passes in a head or a checkpoint that was noted elsewhere.

pub(crate) mod columns;
mod expected_rows;
pub(crate) mod found;
pub(crate) mod head;
mod log;
pub(crate) mod plan_proof;
mod records;
mod related_rows;
mod schedules;
mod schema;
mod shared_searches;
mod site;
mod targets;
pub(crate) mod verified;
mod waiting;
mod walk;
