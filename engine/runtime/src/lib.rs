//! The engine at work: intake, planner, batching scheduler, notifications, and the application layer that every face calls.
//!
//! **Invariant:** the only crate with loops. It decides nothing: it asks [`clawback_model::Remediation::next`], does the I/O,
//! and records the result in one transaction. A crash needs no recovery code: whoever claims the lease next asks again.

mod act;
mod api;
mod batch;
mod bucket;
mod cases;
mod control;
mod crew;
mod draft;
mod error;
mod evidence;
mod gate;
mod hold;
pub mod http;
mod identity;
mod left_out;
mod library;
mod looks;
mod metrics;
mod node;
mod notify;
mod outbox;
mod patience;
mod planner;
mod principals;
mod progress;
mod reading;
mod recorder;
mod recording;
mod reminders;
mod retention;
mod reversal;
mod schedules;
mod settle;
mod site;
mod stop;
mod stores;
mod sweeps;
mod task;
mod timers;
mod verification;
mod worker;

pub use api::{Api, Ballot, DryRun, Submission, under_key};
pub use bucket::BucketConfig;
pub use cases::CaseRun;
pub use error::Error;
pub use evidence::{Evidence, EvidenceReport, LARGEST as LARGEST_EVIDENCE};
pub use gate::Gated;
pub use identity::{NewToken, token_digest};
pub use library::{Library, Scripts};
pub use metrics::Metrics;
pub use node::node_name;
pub use notify::{Approvals, MailConfig, MailTls, Notifier, NotifierConfig};
pub use outbox::{Beside, Outbox};
pub use principals::{MadeToken, TokenOrder};
pub use progress::{Observer, Seen, silent};
pub use recording::Sightings;
pub use retention::Forgotten;
pub use site::{Site, Tuning};
pub use timers::Timers;
pub use worker::Worker;
