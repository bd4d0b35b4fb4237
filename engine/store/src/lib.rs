//! The action history in SQL, and the only crate that knows SQL: SQLite by default, PostgreSQL where several nodes share it.
//!
//! Every method of [`Store`] is one transaction: it either happened in full or not at all, also when the process is killed.
//! What a remediation went through is a list of events, appended to one hash chain over the whole site; the row of the
//! remediation is their fold, kept so that nobody has to fold to read. Targets and outcomes are rows of their own, written in
//! bulk and covered by digests that stand in the events.
//!
//! **Invariant:** SQL text is composed of fixed pieces only; whatever comes from outside is bound as a value.
//!
//! There is no trait over the two databases and no `sqlx::Any`, which reaches neither `COPY` nor a bulk write inside a
//! transaction: a small enum knows both, a statement is written once with `$1` placeholders, and a second text exists only
//! where the databases differ (locks in `leases`, bulk writes in `bulk`).

mod accounts;
mod admission;
mod answers;
mod attempts;
mod budgets;
mod bulk;
mod chain;
mod dialect;
mod error;
mod escape;
mod evidence;
mod halts;
mod health;
mod history;
mod leases;
mod listing;
mod log;
mod notices;
mod outcomes;
mod plans;
mod postgres;
mod principals;
mod proof;
mod queue;
mod refusals;
mod remediations;
mod reminders;
mod retention;
mod roles;
mod schedules;
mod schema;
mod seats;
mod sessions;
mod store;
mod story;
mod sweeps;
mod task;
mod texts;
mod verify;
mod watch;
mod words;
mod work;

pub use accounts::Account;
pub use admission::Admission;
pub use answers::{Earlier, RequestKey};
pub use attempts::Wrong;
pub use chain::Entry;
pub use error::StoreError;
pub use evidence::{Kept, KeptCursor, KeptMessage};
pub use health::Health;
pub use history::{Batch, Cursor, HistoryFilter, MessageFilter, Page};
pub use leases::Lease;
pub use log::Proven;
pub use notices::{Change, Delivery};
pub use outcomes::BatchSum;
pub use postgres::Access;
pub use principals::{Token, TokenTerms};
pub use proof::PlanProof;
pub use queue::Queue;
pub use refusals::Refusal;
pub use remediations::Filing;
pub use reminders::DueReminder;
pub use retention::Expired;
pub use schedules::{Schedule, Slot, SlotFate, SlotRecord, SlotResult, WantedSchedule};
pub use schema::{CONNECTIONS, FEWEST_CONNECTIONS};
pub use seats::Seats;
pub use sessions::{NewSession, Renewal, Secrets, Session};
pub use store::Store;
pub use sweeps::SweepState;
pub use task::see_through;
pub use verify::{Found, Head, InvalidHead, Noted, UNTIL_CLOSED, Verified, VerifyError, WITHOUT_EFFECT};
pub use watch::Watch;
pub use work::{Claimed, Lane, LaneClaim, LaneEnd, LaneReport, LanesLeft, Whose};
