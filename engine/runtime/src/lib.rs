//! The engine at work: intake, planning, acting, the clock, notifications, evidence and checkpoints.
//!
//! **Invariant:** the only crate with loops. It decides nothing: it asks [`clawback_model::Remediation::next`], does
//! the I/O, and records the result in one transaction. A crash needs no recovery code: the next holder of the lease
//! asks again.

mod acting;
mod agreement;
mod automation;
mod boxed;
mod bucket;
mod cases;
mod checkpoints;
pub mod clock;
mod control;
mod error;
mod evidence;
mod gate;
mod hold;
pub mod http;
mod identity;
pub mod intake;
mod library;
mod metrics;
mod node;
mod notifying;
mod outbox;
pub mod planning;
mod progress;
mod report_settings;
mod retry;
mod site;
mod stop;
mod task;
mod vote_rules;
mod worker;

pub use agreement::{ComparedNode, compare_nodes};
pub use bucket::{BucketConfig, LARGEST_EVIDENCE};
pub use cases::CaseRun;
pub use checkpoints::{
    AuditError, Checkpoints, Cosigned, HeadBucket, KeyError, Proof, SiteKey, WitnessConfig, WitnessError, Witnesses,
    check_heads, make_checkpoint, open_checkpoint, sign_tree,
};
pub use clock::Timers;
pub use error::Error;
pub use evidence::{Evidence, EvidenceReport, verify_evidence};
pub use gate::Gated;
pub use identity::{NewToken, token_digest};
pub use intake::{Incoming, Reported, Submission};
pub use library::{Library, Scripts};
pub use metrics::Metrics;
pub use node::node_name;
pub use notifying::{Approvals, MailConfig, MailTls, Notifier, NotifierConfig};
pub use outbox::{Outbox, OutboxTask};
pub use planning::{BoundText, Compared, Content, DryRun, PlanTerms, Sightings, Tally, TallyRow, Texts};
pub use progress::{Observer, Seen, silent};
pub use report_settings::{AbuseMailboxConfig, AnswerFiles, AnswerTexts, Reports};
pub use site::{Site, Tuning};
pub use vote_rules::{UnsignedVote, VoteRules};
pub use worker::Worker;
