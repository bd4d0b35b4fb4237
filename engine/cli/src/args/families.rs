//! Commands with subcommands.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, Args, Subcommand};
use clawback_model::{AlertState, Classification, Determination, Role, UnknownWord};

use super::conditions::ConditionArgs;
use super::filter::HistoryFilterArgs;
use super::remediation::{IdArgs, Leave};
use crate::table::Shape;
use crate::tables::{Alerts, Connectors, Investigations, Kept, SavedSearches, Schedules, Tokens};

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// List the newest alerts, by the filters of the history
    List {
        #[command(flatten)]
        filter: Box<HistoryFilterArgs>,
        #[command(flatten)]
        shape: Shape<Alerts>,
    },
    /// Show one alert
    Show {
        /// Alert ID (L-…)
        id: String,
    },
    /// Record how far you are with an alert, who looks after it, and what you found
    Handle(HandleArgs),
}

/// The options of which at least one is given.
const RECORDED: [&str; 5] = ["state", "owner", "classification", "determination", "comment"];

/// What is to be recorded. An option that is not given leaves what is recorded.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("recorded").required(true).multiple(true).args(RECORDED)))]
pub(crate) struct HandleArgs {
    /// Alert ID (L-…)
    pub(crate) id: String,
    /// new, in-progress or resolved
    #[arg(long)]
    pub(crate) state: Option<AlertState>,
    /// Principal who looks after it; '' for nobody
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,
    /// true-positive, informational, false-positive, or none
    #[arg(long, value_name = "WORD", value_parser = or_none::<Classification>)]
    pub(crate) classification: Option<OrNone<Classification>>,
    /// What it was exactly, such as phishing, malware, security-testing, not-malicious; or none
    #[arg(long, value_name = "WORD", value_parser = or_none::<Determination>)]
    pub(crate) determination: Option<OrNone<Determination>>,
    /// What you say of it; '' removes the comment
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
}

/// A word, or `none`, which removes what is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrNone<T>(pub(crate) Option<T>);

fn or_none<T: FromStr<Err = UnknownWord>>(text: &str) -> Result<OrNone<T>, String> {
    if text == "none" {
        return Ok(OrNone(None));
    }
    text.parse().map(|word| OrNone(Some(word))).map_err(|error: UnknownWord| format!("{error}, or none"))
}

#[derive(Debug, Subcommand)]
pub(crate) enum InvestigationsCommand {
    /// List the newest investigations, by the filters of the history
    List {
        #[command(flatten)]
        filter: Box<HistoryFilterArgs>,
        #[command(flatten)]
        shape: Shape<Investigations>,
    },
    /// Show one investigation, with the status and the action of its remediation
    Show {
        /// Investigation ID (I-…)
        id: String,
    },
    /// Record the incident of your ticket system that an investigation belongs to
    Link {
        /// Investigation ID (I-…)
        id: String,
        /// Address (http or https) or number of the incident [default: none]
        incident: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorsCommand {
    /// List built-in connectors and configured stores
    List(Shape<Connectors>),
    /// Describe the capabilities of a store's connector
    Describe {
        /// Name of the store
        store: String,
    },
    /// Log in, and report the obstacles to each action; changes nothing
    Check {
        /// Name of the store [default: all]
        store: Option<String>,
        /// Check every mailbox [default: the first, the last, and three in between]
        #[arg(long)]
        all: bool,
        /// Check this mailbox; may be repeated
        #[arg(long, value_name = "MAILBOX", conflicts_with = "all", requires = "store")]
        mailbox: Vec<String>,
    },
    /// Write a crate for a connector of your own
    New(ConnectorsNewArgs),
    /// Test whether a connector keeps its contract, on messages that are made for it
    Test(ConnectorsTestArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConnectorsNewArgs {
    /// Name of the connector and of the folder, in lower case
    pub(crate) name: String,
    /// Folder `plugins/sdk` of a checkout of Clawback, which the crate depends on
    #[arg(long, value_name = "FOLDER")]
    pub(crate) sdk: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectorsTestArgs {
    /// Component to test, beside its manifest [default: the connector of the store]
    #[arg(value_name = "FILE.wasm")]
    pub(crate) file: Option<PathBuf>,
    /// Store of the configuration, whose grants and settings the connector gets
    #[arg(long, value_name = "STORE")]
    pub(crate) against: String,
    /// Mailbox with the messages of `--write-messages` in its inbox
    #[arg(long, value_name = "MAILBOX")]
    pub(crate) mailbox: String,
    /// Write the messages as files into this folder, and test nothing: deliver them into the mailbox first
    #[arg(long, value_name = "FOLDER", conflicts_with = "file")]
    pub(crate) write_messages: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlaybooksCommand {
    /// List every playbook
    List,
    /// Check a playbook, and show its text
    Show {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesCommand {
    /// List every schedule, with the result of its last slot
    List(Shape<Schedules>),
    /// List the next times at which schedules fire
    Next {
        /// Name of the playbook [default: all]
        name: Option<String>,
        /// Times to print for each
        #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
        count: u16,
    },
    /// List past slots: the remediation of each, or why there is none
    Slots {
        /// Name of the playbook
        name: String,
        /// Rows to print, at most 1,000
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
    /// Pause a schedule until it is resumed
    Pause {
        /// Name of the playbook
        name: String,
    },
    /// Resume a paused schedule; the slots of the pause are skipped
    Resume {
        /// Name of the playbook
        name: String,
    },
    /// Run its playbook now, in your name
    Run {
        /// Name of the playbook
        name: String,
        #[command(flatten)]
        leave: Leave,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SavedSearchesCommand {
    /// List your saved searches, and those that others share
    List(Shape<SavedSearches>),
    /// Show one saved search with its conditions
    Show {
        /// Its name, or its ID (S-…)
        name: String,
    },
    /// Save conditions under a name; `clawback submit --saved-search` and the page Search use them
    Save(Box<SaveSearchArgs>),
    /// Remove a saved search: one of yours; administrators any
    Remove {
        /// Its name, or its ID (S-…)
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SaveSearchArgs {
    /// Its name; unique among yours, without case
    pub(crate) name: String,
    /// Everybody who may search can open it
    #[arg(long, conflicts_with = "private")]
    pub(crate) shared: bool,
    /// With --replace: only you can open it any more
    #[arg(long, requires = "replace")]
    pub(crate) private: bool,
    /// Replace the conditions of your saved search of this name
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) conditions: ConditionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SweepsCommand {
    /// List the sweeps under way
    List,
    /// Stop a sweep
    Stop(IdArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum PrincipalsCommand {
    /// Add a person or a service
    Add {
        /// Unique name
        name: String,
        /// viewer, analyst, approver, admin, examiner, purger or suggester; may be repeated
        #[arg(long = "role", required = true)]
        roles: Vec<Role>,
        /// Add a service, not a person
        #[arg(long, requires = "owner")]
        service: bool,
        /// The person who is responsible for a service, and never approves its requests
        #[arg(long, value_name = "PERSON", requires = "service")]
        owner: Option<String>,
    },
    /// Set the password of a principal for the Action Center; their sessions end
    Password {
        /// Name of the principal
        name: String,
        /// File with the password on its first line [default: standard input]
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// List all principals, with their roles
    List,
    /// Replace the roles of a principal
    Roles {
        /// Name of the principal
        name: String,
        /// viewer, analyst, approver, admin, examiner, purger or suggester; may be repeated
        #[arg(long = "role", required = true)]
        roles: Vec<Role>,
    },
    /// Confirm the roles that another administrator asked for
    Confirm {
        /// Name of the principal
        name: String,
    },
    /// List every token, without its secret
    Tokens(Shape<Tokens>),
    /// Revoke a token, at once and for good
    Revoke {
        /// Name of the principal
        name: String,
        /// Its label, as `principals tokens` lists it
        label: String,
    },
    /// Make a token; it is shown once
    Token {
        /// Name of the principal
        name: String,
        /// What it is for; unique among the principal's tokens [default: the time it was made]
        #[arg(long, default_value = "", hide_default_value = true)]
        label: String,
        /// Days until it expires [default: never]
        #[arg(long)]
        days: Option<u32>,
        /// Limit the token to this role of its owner; may be repeated [default: all roles]
        #[arg(long = "role")]
        roles: Vec<Role>,
        /// Write it to this file (0600) instead of printing it
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TakeOverArgs {
    /// File with the password that an administrator set on its first line, and your own on its second [default: standard input]
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// What the token is for; unique among yours [default: the time it was made]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) label: String,
    /// Days until the token expires [default: never]
    #[arg(long)]
    pub(crate) days: Option<u32>,
    /// Write the token to this file (0600) instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// Remove the messages of remediations that ended long enough ago; events and digests stay
    Run {
        /// Report what would be removed, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// List the messages that were kept
    List {
        /// Only those of this remediation (R-…) or approval (A-…)
        #[arg(long, value_name = "ID")]
        remediation: Option<String>,
        /// Rows to print
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
        /// Continue at the `next` of an earlier answer
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
        #[command(flatten)]
        shape: Shape<Kept>,
    },
    /// Write one message as it was; the read is recorded in the history
    Get(EvidenceGetArgs),
    /// Hash every message that was kept, and compare it with the history
    Verify,
}

#[derive(Debug, Args)]
pub(crate) struct EvidenceGetArgs {
    /// Its digest, as `clawback evidence list` prints it
    #[arg(required_unless_present = "remediation")]
    pub(crate) digest: Option<clawback_model::Digest>,
    /// The remediation (R-…) or approval (A-…) that deleted it
    #[arg(long, value_name = "ID", requires = "message", conflicts_with = "digest")]
    pub(crate) remediation: Option<String>,
    /// Its Message-ID or fingerprint
    #[arg(long, value_name = "ID", requires = "remediation")]
    pub(crate) message: Option<String>,
    /// Its mailbox, where several have the same message
    #[arg(long, requires = "message")]
    pub(crate) mailbox: Option<String>,
    /// File to write, for its owner alone [default: standard output, which must not be a terminal]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
