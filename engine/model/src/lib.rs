//! The vocabulary of Clawback and every decision it makes.
//!
//! **Invariant:** pure. No I/O, no async, no clock reads, no randomness: time and random bits are arguments, so every
//! rule here can be tested with a table. The other crates fetch, store and show; they do not decide.

mod action;
mod actor;
mod air;
mod approval;
mod automatic;
mod block_list;
mod bounds;
mod budget;
mod campaign;
mod chain;
mod checkpoint;
mod classification;
mod clock;
mod clusters;
mod comparison;
mod cosignature;
mod counted;
mod counts;
mod credential;
mod cron;
mod domain;
mod duration;
mod event;
mod event_words;
#[cfg(test)]
mod example;
mod feature_condition;
mod features;
mod gap;
mod guard;
mod halt;
mod handling;
mod id;
mod indicator;
mod inputs;
mod likeness;
mod limits;
mod link;
mod location;
mod look_again;
mod merkle;
mod message;
mod node_setup;
pub mod normal;
mod not_automatic;
mod ocsf;
mod omitted;
mod outcome;
mod pattern;
mod pick;
mod plan;
mod predicate;
mod principal;
mod principal_name;
mod query;
mod rate;
mod record;
mod remediation;
mod reminder;
mod report;
mod report_mail;
mod saved_search;
mod schedule;
mod second_administrator;
mod selection;
mod sha256;
mod simulation;
mod sketch;
mod statement;
mod status;
mod stop_reason;
mod sweep;
mod text;
mod throttle;
mod unknown_word;
mod unseen;
mod verdict;
#[cfg(test)]
mod vocabulary;
mod vote;
mod vote_refused;
mod words;

pub use action::{Action, ActionSource, Severity};
pub use actor::Actor;
pub use air::{AirRecord, changes as air_changes};
pub use approval::{Approval, ApprovalRule, VoteResult};
pub use automatic::{Investigated, Investigations};
pub use block_list::{
    BlockEntry, BlockList, BlockListBuilder, BlockListFormat, BlockListRules, Causes, LeftOffList, NotInFormat,
    REMOVALS, WrittenBlockList, is_removal, is_undone,
};
pub use bounds::{LONGEST_NAME, LONGEST_TEXT, TooLong, check_inputs, check_length, check_picked};
pub use budget::{Amount, Limited, Used, Windows, WithoutAVote};
pub use campaign::{campaign_pattern, campaign_subject, exact_pattern};
pub use chain::{Link, OutcomeHasher, fold_outcomes, link_hash};
pub use checkpoint::{Checkpoint, Note, NoteError, Signature, VerificationKey, read_private_key};
pub use classification::{Classification, Determination, DeterminationRefused, check_determination};
pub use clock::{Clock, ManualClock, Timestamp};
pub use clusters::{Cluster, ClusterBy, ClusterCount, Clusters};
pub use comparison::is_same;
pub use cosignature::{Cosignature, LONGEST_PROOF, WitnessKey, old_and_proof};
pub use counted::{Counted, CountedBy, Unit, Window};
pub use counts::Counts;
pub use credential::{Credential, CredentialKind, ForeignCredential, credential_of, with_credential};
pub use cron::{Cron, InvalidCron};
pub use domain::{parse_network, registrable_domain};
pub use duration::{parse_duration, parse_timeout, show_duration};
pub use event::{Asked, Event, Origin, Request, requester_in_words};
pub use feature_condition::{AuthenticationMethod, AuthenticationResult, FeatureCondition, InvalidResult};
pub use features::{AskedTexts, Attachment, Authentication, FeatureRequest, Features, Hyperlink, LinkKind};
pub use gap::Gap;
pub use guard::{BatchReport, Guards, PlanFacts, StopWhen};
pub use halt::Halt;
pub use handling::{AlertHandling, AlertState, Incident, InvalidIncident};
pub use id::{AlertId, ApprovalId, Id, IdKind, InvalidId, InvestigationId, RemediationId, ReportId, SavedSearchId};
pub use indicator::{
    FoundIndicator, Indicator, IndicatorFile, IndicatorFormat, IndicatorKind, IndicatorSighting, IndicatorSightings,
    InvalidIndicator, InvalidIndicatorFile, SkippedIndicator, indicators_of, stix_sightings,
};
pub use inputs::Inputs;
pub use likeness::{
    ALIKE, BOILERPLATE_DOMAINS, Band, Boilerplate, COMMON_SENDERS, CONTAINED, Calls, Commons, Entities, Identity,
    InvalidRoot, LEAST_PAIRS, LEAST_PAIRS_OF_A_LONG_MESSAGE, LONGEST_ROOT, Likeness, LikenessReason, ROOT_PREFIX, Root,
    THREAD_FIELDS,
};
pub use limits::{LimitExceeded, Limits, SelectionMode};
pub use link::{InvalidPublicUrl, PublicUrl, host_of, is_loopback};
pub use location::{Location, LocationKind};
pub use look_again::{LookedAgain, MOST_LOOKED_AT, Whereabouts};
pub use merkle::{LogEdge, LogQuestion, TILE_WIDTH, TileAt, is_continued, is_included, leaf_hash};
pub use message::{Message, MessageRef};
pub use node_setup::NodeSetup;
pub use not_automatic::{AutomaticRule, NotAutomatic};
pub use ocsf::{OCSF_VERSION, OcsfEvent};
pub use outcome::{
    CalendarEntry, CalendarFate, Effect, Located, Outcome, OutcomeKind, Reason, Receipt, RestorePoint, Sighting,
};
pub use pattern::{InvalidPattern, MOST_PATTERNS, Pattern};
pub use pick::{PickError, Picked, check_picks};
pub use plan::{
    Difference, Grant, Hashed, LINES_OF_A_PART, PartHasher, PlanHasher, PlanHeader, PlanParts, PlanSummary, Target,
    Terms, TextKind, header_line, target_line,
};
pub use predicate::{Condition, MatchedText, Predicate};
pub use principal::{PendingRoles, Permission, Principal, PrincipalKind, Role};
pub use principal_name::{LONGEST_PRINCIPAL, NameRefused, check_principal_name};
pub use query::Query;
pub use rate::Rate;
pub use record::{ADMIN_ACTION_ALERT, Alert, Investigation, InvestigationKind, InvestigationStatus};
pub use remediation::replay::{Replay, ReplayError};
pub use remediation::{IllegalTransition, Next, Progress, Remediation};
pub use reminder::Reminder;
pub use report::{
    GROUP_IDLE, InvalidReporter, NotCounted, OpenGroup, OpenGroups, Placed, REPORTS_KEPT, Report, ReportGroup,
    ReportKind, ReportSource, ReportThreshold, ReportVerdict, check_reporter, reported,
};
pub use report_mail::{
    LONGEST_BACK, LONGEST_LOOK_WAIT, REPORT_MAIL_HEADERS, ReportMail, ReportMailRules, is_automatic, searched_from,
    wait_after,
};
pub use saved_search::{
    LONGEST_SAVED_SEARCH_NAME, MOST_SAVED_SEARCHES, SavedSearch, SavedSearchRefused, SavedSearchTerms,
};
pub use schedule::{Decided, Fate, Misfire, Overlap, Round, ScheduleState, SlotReason, Timetable};
pub use second_administrator::{ConfirmRefused, check_second, until_confirmed};
pub use selection::Selection;
pub use sha256::{Digest, InvalidDigest, PlanDigest};
pub use simulation::{SIMULATION, Simulations, simulation_in_words};
pub use sketch::{Containment, LONGEST_SKETCH, Sketch};
pub use statement::{SignedVotes, VOTE_NAMESPACE, VoteStatement};
pub use status::Status;
pub use stop_reason::StopReason;
pub use sweep::{HandledMessages, Sweep, SweepApproval, SweepEnd, SweepStep};
pub use text::{ascii_where_deceptive, csv_safe, is_deceptive, visible, visible_line};
pub use throttle::{SiteLoad, Throttles};
pub use unknown_word::UnknownWord;
pub use unseen::{LeftOut, PlanGap, PlanGapKind};
pub use verdict::Verdict;
pub use vote::{Decision, Signed, Vote, VoteSignature};
pub use vote_refused::VoteRefused;
