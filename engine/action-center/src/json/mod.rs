//! The stable JSON fields, the same for the command line and for the API; documented in engine/cli/docs/output.md.
//! They serve both directions: what the API answers is what the command line reads.

mod approval;
mod block_list;
mod evidence;
mod examination;
pub mod facts;
mod indicator;
mod page;
mod playbook;
mod principal;
mod record;
mod remediation;
mod report;
mod saved_search;
mod schedule;
mod setting;
mod site;
mod store;
mod submission;
mod terms;
pub(crate) mod words;

pub(crate) use remediation::is_settled;
pub(crate) use schedule::state as schedule_state;

pub use approval::{ApprovalJson, ApprovalRuleJson, CastVoteJson, VoteSignatureJson};
pub use block_list::{BlockEntryJson, BlockListJson, LeftOffJson};
pub use evidence::{EvidenceReportJson, KeptJson};
pub use examination::{AttachmentJson, ExaminationJson, LinkJson, ToExamineJson};
pub use indicator::{IndicatorFileJson, IndicatorJson, IndicatorsJson, SightingJson, SightingsJson, SkippedJson};
pub use page::Page;
pub use playbook::{CheckJson, CheckedJson, InputJson, PlaybookJson};
pub use principal::{
    CredentialJson, MadeTokenJson, PasswordJson, PrincipalJson, RevocationJson, RolesJson, TakeOverJson, TokenJson,
    TokenOrderJson,
};
pub use record::{AlertJson, HandlingJson, IncidentJson, InvestigationJson};
pub use remediation::{
    BatchJson, DetailJson, EventJson, LookedAgainJson, MessageJson, RemediationJson, SweepJson, UndoJson,
    VerificationJson,
};
pub use report::{NewReportJson, ReportGroupJson, ReportedJson};
pub use saved_search::{ChangedSearchJson, NewSavedSearchJson, SavedSearchJson};
pub use schedule::{ScheduleJson, SlotJson};
pub use setting::SettingJson;
pub use site::{HaltJson, HaltedJson, MeJson, NodeJson, VerifiedJson};
pub use store::{ConnectorJson, StoreCheckJson, StoreJson};
pub use submission::{PickedJson, PreviewJson, SampleJson, SubmissionJson, VoteJson};
pub use terms::{DifferenceJson, PartJson, TermsJson, TextJson};
