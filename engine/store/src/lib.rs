//! The action history in SQL, and the only crate that knows SQL: SQLite by default, PostgreSQL where several nodes
//! share it.
//!
//! Every method of [`Store`] is one transaction: it has either taken effect completely or not at all, even if the
//! process is killed. The history of a remediation is a list of events, appended to one hash chain over the whole site;
//! the row of the remediation caches their fold. Targets and outcomes are rows of their own, written in bulk and
//! covered by digests in the events.
//!
//! **Invariant:** SQL text is composed of constant pieces only; all external values are bound.
//!
//! There is no trait over the two databases and no `sqlx::Any`, which supports neither `COPY` nor a bulk write inside a
//! transaction. A small enum covers both, a statement is written once with `$1` placeholders, and a second text exists
//! only where the databases differ (locks and bulk writes, in `database`).
//!
//! Rooms, lowest first; a file imports only from its own room and from those before it:
//!
//! - `database`: the two databases, their schema, transactions, rows and values. The handle [`Store`], the codecs of
//!   columns (`rows`), the hash chain (`chain`) and the events of the site (`site_events`) build on it.
//! - `people`: principals, tokens, roles, accounts, sessions, wrong passwords, idempotency keys, refusals, saved
//!   searches.
//! - `search_index`: the index behind the filters of the history, and the search in it.
//! - `notifying`: notifications and reminders that are still to be sent.
//! - `history`: transitions of remediations with all that is written with them; plans, messages, batches, evidence,
//!   retention, and the Merkle tree over the events.
//! - `work`: leases, lanes, outcomes, admission, schedules, sweeps, and the limits of mail stores.
//! - `verify`: the check that the history is what was written, as a whole and for one plan.

mod boxed;
mod chain;
mod database;
mod error;
mod health;
mod history;
mod lease;
mod notifying;
mod open;
mod people;
mod replay;
mod rows;
mod search_index;
mod site_events;
mod store;
mod verify;
mod watch;
mod work;

pub use chain::Entry;
pub use database::access::{Access, CONNECTIONS, FEWEST_CONNECTIONS};
pub use database::task::run_to_completion;
pub use error::StoreError;
pub use health::Health;
pub use history::batches::Batch;
pub use history::event_list::{EventFilter, EventPage};
pub use history::evidence::{Kept, KeptCursor, KeptMessage};
pub use history::log::Proven;
pub use history::messages::MessageFilter;
pub use history::remediations::Followers;
pub use history::reports::{NewReport, Recorded};
pub use history::retention::Expired;
pub use history::shares::{Share, SharedBy, Shares};
pub use history::transitions::Filing;
pub use lease::Lease;
pub use notifying::notices::{Change, Delivery};
pub use notifying::reminders::DueReminder;
pub use notifying::reports::DueAnswer;
pub use people::accounts::Account;
pub use people::answers::{Earlier, RequestKey};
pub use people::attempts::FailedAttempt;
pub use people::refusals::Refusal;
pub use people::sessions::{NewSession, Renewal, Secrets, Session};
pub use people::tokens::{Token, TokenTerms};
pub use search_index::filter::{Cursor, HistoryFilter, Page};
pub use site_events::{ReadMessage, SITE_EVENT_KINDS};
pub use store::Store;
pub use verify::columns::{UNTIL_CLOSED, WITHOUT_EFFECT};
pub use verify::found::{Found, VerifyError};
pub use verify::head::{Head, InvalidHead, TrustedHeads};
pub use verify::plan_proof::PlanProof;
pub use verify::verified::Verified;
pub use watch::Watch;
pub use work::abuse_mailboxes::AbuseMailbox;
pub use work::admission::Admission;
pub use work::claims::{ClaimScope, Claimed};
pub use work::lanes::{Lane, LaneClaim, LaneEnd, LaneReport, LanesLeft};
pub use work::looks_again::LookAgain;
pub use work::nodes::KnownNode;
pub use work::outcomes::BatchSum;
pub use work::queue::Queue;
pub use work::schedules::{Schedule, Slot, SlotFate, SlotRecord, SlotResult, WantedSchedule};
pub use work::seats::Seats;
pub use work::sweeps::SweepState;
