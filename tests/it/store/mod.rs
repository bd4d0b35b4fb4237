//! The conformance suite of the history store: every test runs on SQLite and on PostgreSQL.

mod bulk;
mod differential;
mod harness;
mod history;
mod leases;
mod listing;
mod principals;
mod remediations;
mod schema;
mod tampering;
