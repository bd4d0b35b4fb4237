//! The conformance suite of the history store: every test runs on SQLite and on PostgreSQL.

mod admission;
mod attempts;
mod bulk;
pub(crate) mod columns;
mod differential;
mod halts;
pub(crate) mod harness;
mod history;
mod lanes;
mod leases;
mod listing;
mod migrations;
mod principals;
mod proofs;
mod refusals;
mod remediations;
mod reports;
mod saved_searches;
mod schedules;
mod schema;
mod sessions;
mod tampering;
mod texts;
