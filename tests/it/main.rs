//! The one integration-test binary. This list is the table of contents.

#![expect(clippy::unwrap_used, clippy::format_collect, reason = "a failed test panics; texts of tests are short")]

mod action_center;
mod approved;
mod bad_input;
mod bucket;
mod checkpoints;
mod clocks;
mod connectors;
mod contention;
mod crash;
mod credentials;
mod database_server;
mod documentation;
mod engine;
mod evidence;
mod examination;
mod flood;
mod follow_ups;
mod foreground;
mod front_ends;
mod guards;
mod hostile_mail;
mod imap;
mod imap_servers;
mod investigations;
mod notifications;
mod operation;
mod outbox;
mod playbooks;
mod private_files;
mod reminders;
mod rooms;
mod schedules;
mod search_gaps;
mod selection;
mod server;
mod servers;
mod signed_votes;
mod store;
mod storm;
mod telemetry;
mod tidy;
mod two_step;
mod without_a_vote;
mod witnesses;
