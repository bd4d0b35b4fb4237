//! Commands that have commands of their own.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clawback_model::Role;

use super::filter::HistoryFilterArgs;
use super::remediation::{IdArgs, Leave};
use crate::table::Shape;
use crate::tables::{Alerts, Connectors, Investigations, Kept, Schedules, Tokens};

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// The newest alerts, by the filters of the history
    List {
        #[command(flatten)]
        filter: Box<HistoryFilterArgs>,
        #[command(flatten)]
        shape: Shape<Alerts>,
    },
    /// One alert
    Show {
        /// Alert ID (L-…)
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum InvestigationsCommand {
    /// The newest investigations, by the filters of the history
    List {
        #[command(flatten)]
        filter: Box<HistoryFilterArgs>,
        #[command(flatten)]
        shape: Shape<Investigations>,
    },
    /// One investigation, with its remediation's status and what was done
    Show {
        /// Investigation ID (I-…)
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorsCommand {
    /// Built-in connectors and configured stores
    List(Shape<Connectors>),
    /// What a store's connector can do
    Describe {
        /// Name of the store
        store: String,
    },
    /// Log in, look, and ask what stands against each action, without touching anything
    Check {
        /// Name of the store [default: all]
        store: Option<String>,
        /// Look at every mailbox [default: the first, the last, and three in between]
        #[arg(long)]
        all: bool,
        /// Look at this mailbox; can be repeated
        #[arg(long, value_name = "MAILBOX", conflicts_with = "all", requires = "store")]
        mailbox: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlaybooksCommand {
    /// Every playbook
    List,
    /// The text of one, checked
    Show {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesCommand {
    /// Every schedule, and what came of its last slot
    List(Shape<Schedules>),
    /// When they fire next
    Next {
        /// Name of the playbook [default: all]
        name: Option<String>,
        /// Times to print for each
        #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
        count: u16,
    },
    /// What became of past slots: the remediation, or why there is none
    Slots {
        /// Name of the playbook
        name: String,
        /// Rows to print
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
    /// Stop a schedule until it is resumed
    Pause {
        /// Name of the playbook
        name: String,
    },
    /// Let a paused schedule go on; the slots of the pause are left out
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
pub(crate) enum SweepsCommand {
    /// Sweeps under way
    List,
    /// Stop looking for late copies
    Stop(IdArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum PrincipalsCommand {
    /// Add a person or a program
    Add {
        /// Unique name
        name: String,
        /// viewer, analyst, approver, admin, examiner, purger or suggester; may be repeated
        #[arg(long = "role", required = true)]
        roles: Vec<Role>,
        /// A program, not a person
        #[arg(long, requires = "owner")]
        service: bool,
        /// The person who answers for a service, and never approves what it asks for
        #[arg(long, value_name = "PERSON", requires = "service")]
        owner: Option<String>,
    },
    /// Set the password that somebody signs in to the Action Center with; sessions so far end
    Password {
        /// Whose
        name: String,
        /// File with the password on its first line [default: standard input]
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// Everyone, with their roles
    List,
    /// Give somebody these roles in place of those they have
    Roles {
        /// Whose
        name: String,
        /// viewer, analyst, approver, admin, examiner, purger or suggester; may be repeated
        #[arg(long = "role", required = true)]
        roles: Vec<Role>,
    },
    /// Give somebody the roles that another administrator asked for
    Confirm {
        /// Whose
        name: String,
    },
    /// Every token, without its secret
    Tokens(Shape<Tokens>),
    /// Make a token void, at once and for good
    Revoke {
        /// Whose
        name: String,
        /// Its label, as `principals tokens` lists it
        label: String,
    },
    /// Make a token; it is shown once
    Token {
        /// Whose
        name: String,
        /// What it is for; unique among the principal's tokens [default: the time it was made]
        #[arg(long, default_value = "", hide_default_value = true)]
        label: String,
        /// Days until it expires [default: never]
        #[arg(long)]
        days: Option<u32>,
        /// Of its owner's roles it brings only these; may be repeated [default: all]
        #[arg(long = "role")]
        roles: Vec<Role>,
        /// Write it to this file (0600) instead of printing it
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TakeOverArgs {
    /// File with the password that you were given on its first line and your own on its second [default: standard input]
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
        /// Remove nothing: say what would be
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Messages that were kept
    List {
        /// Only those of this remediation (R-…) or approval (A-…)
        #[arg(long, value_name = "ID")]
        remediation: Option<String>,
        /// Rows to print
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
        /// Continue where `next` of an earlier answer points
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
        #[command(flatten)]
        shape: Shape<Kept>,
    },
    /// Write one message as it was; who reads it is noted in the history
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
