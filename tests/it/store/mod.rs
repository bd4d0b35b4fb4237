//! The conformance suite of the history store: every test runs on SQLite and on PostgreSQL.

mod bulk;
mod differential;
pub(crate) mod harness;
mod history;
mod leases;
mod listing;
mod migrations;
mod principals;
mod remediations;
mod schema;
mod tampering;
