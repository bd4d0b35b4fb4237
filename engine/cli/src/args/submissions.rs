//! Arguments of submissions: a playbook with its inputs, or a manual remediation.

use std::path::PathBuf;

use clap::Args;
use clawback_model::{Action, ActionSource, BlockListFormat, ClusterBy, IndicatorFormat, IndicatorKind, Severity};

use super::conditions::ConditionArgs;
use super::remediation::Leave;

#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// Playbook name
    pub(crate) playbook: String,
    /// An input of the playbook, its value as it is typed; repeated with the same name for several values
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) inputs: Vec<(String, String)>,
    /// Name of the case; the file is PLAYBOOK.cases/NAME.toml, and is refused if it exists
    #[arg(long, default_value = "recorded", value_name = "NAME")]
    pub(crate) case: String,
    /// Messages to record at most
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub(crate) most: usize,
    /// Keep subjects, display names, names of attachments and values of header fields as they are
    #[arg(long)]
    pub(crate) with_subjects: bool,
}

/// Which playbook, with which inputs.
#[derive(Debug, Args)]
pub(crate) struct PlaybookArgs {
    /// An input of the playbook, its value as it is typed; repeated with the same name for several values
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) inputs: Vec<(String, String)>,
    /// Name of the remediation [default: the playbook's]
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
    /// informational, low, medium or high [default: the playbook's]
    #[arg(long)]
    pub(crate) severity: Option<Severity>,
    /// Why
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Action source: manual, script or api
    #[arg(long, default_value = "manual", value_name = "SOURCE")]
    pub(crate) source: ActionSource,
    /// Copies of the message in this file, or of a root (root1:…): sets the input `like`
    #[arg(long, value_name = "FILE")]
    pub(crate) like: Option<String>,
    /// Messages picked by hand: a file with `mailbox<TAB>message-id[<TAB>fingerprint[<TAB>locator]]` on each
    /// line, of which the Message-ID may be empty if another is given, or the CSV of a dry run; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) messages: Option<PathBuf>,
    /// Messages to leave out of the query, in a file like that of --messages
    #[arg(long, value_name = "FILE", conflicts_with = "messages")]
    pub(crate) exclude: Option<PathBuf>,
}

/// A message in a mailbox.
#[derive(Debug, Args)]
pub(crate) struct DeliveredMessage {
    /// Instead of a file, the mailbox that the message is in
    #[arg(long, requires = "message_id")]
    pub(crate) mailbox: Option<String>,
    /// The Message-ID of the message in the mailbox, with its angle brackets
    #[arg(long, requires = "mailbox", value_name = "ID")]
    pub(crate) message_id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExamineArgs {
    /// The message as it was delivered (RFC 5322); `-` for standard input
    #[arg(required_unless_present = "mailbox", conflicts_with = "mailbox")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) delivered: DeliveredMessage,
    /// Examine the first message that is attached, as a reported message is
    #[arg(long)]
    pub(crate) attached: bool,
    /// Print the root alone
    #[arg(long)]
    pub(crate) root: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// The mailbox that the message is in
    #[arg(long)]
    pub(crate) mailbox: String,
    /// Its Message-ID, with its angle brackets
    #[arg(long, value_name = "ID")]
    pub(crate) message_id: String,
    /// Also print its header
    #[arg(long)]
    pub(crate) header: bool,
    /// Write the message, byte for byte, to a file for its owner alone, and print nothing of it
    #[arg(long, short, value_name = "FILE", conflicts_with = "header")]
    pub(crate) output: Option<PathBuf>,
}

/// How a remediation is submitted, or only shown.
#[derive(Debug, Args)]
pub(crate) struct ProposalArgs {
    /// informational, low, medium or high [default: the playbook's]
    #[arg(long)]
    pub(crate) severity: Option<Severity>,
    /// Why
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Show what the plan would be, and store nothing
    #[arg(long, conflicts_with_all = ["no_run", "watch"])]
    pub(crate) dry_run: bool,
    /// Messages that a dry run shows
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) sample: usize,
    #[command(flatten)]
    pub(crate) leave: Leave,
}

#[derive(Debug, Args)]
pub(crate) struct InvestigateArgs {
    /// The message as it was delivered (RFC 5322), `-` for standard input; or a root (root1:…)
    #[arg(required_unless_present = "mailbox", conflicts_with = "mailbox")]
    pub(crate) message: Option<String>,
    #[command(flatten)]
    pub(crate) delivered: DeliveredMessage,
    /// Investigate the first message that is attached, as a reported message is
    #[arg(long)]
    pub(crate) attached: bool,
    /// Kind of cluster, such as body, url or file; may be repeated [default: all]
    #[arg(long, value_name = "KIND")]
    pub(crate) by: Vec<ClusterBy>,
    /// How far to look back, e.g. 7d [default: the playbook's]
    #[arg(long, value_name = "DURATION")]
    pub(crate) since: Option<String>,
    /// The playbook; it has an input `like`
    #[arg(long, default_value = "investigate", value_name = "PLAYBOOK")]
    pub(crate) playbook: String,
    /// Name of the remediation [default: the subject of the message]
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) proposal: ProposalArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IndicatorsArgs {
    /// The file, `-` for standard input
    pub(crate) file: PathBuf,
    /// csv, misp or stix [default: as the content shows]
    #[arg(long = "as", value_name = "FORMAT")]
    pub(crate) read_as: Option<IndicatorFormat>,
    /// Also look for domains that strangers share, such as those of free mail
    #[arg(long)]
    pub(crate) allow_common: bool,
    /// How far to look back, e.g. 7d [default: the playbook's]
    #[arg(long, value_name = "DURATION")]
    pub(crate) since: Option<String>,
    /// The playbook; it has the inputs `sender`, `domain`, `url` and `sha256`
    #[arg(long, default_value = "indicators", value_name = "PLAYBOOK")]
    pub(crate) playbook: String,
    /// Name of the remediation [default: the playbook's]
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) proposal: ProposalArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SightingsArgs {
    /// Remediation ID (R-…) or approval ID (A-…)
    pub(crate) id: String,
    /// Print them as a bundle of STIX 2.1
    #[arg(long)]
    pub(crate) stix: bool,
    /// The bundle of STIX that the indicators came from: sightings refer to its IDs
    #[arg(long, value_name = "FILE", requires = "stix")]
    pub(crate) of: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BlockListArgs {
    /// sender, domain, url or sha256
    pub(crate) kind: IndicatorKind,
    /// plain, rspamd or postfix: as a file that a gateway reads [default: a table, by --format]
    #[arg(long = "as", value_name = "FORMAT")]
    pub(crate) write_as: Option<BlockListFormat>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The mail that the suspicious message is attached to; `-` for standard input
    pub(crate) file: PathBuf,
    /// Mail address of the person who reports it
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: String,
    /// The file is the suspicious message itself, as it was delivered
    #[arg(long)]
    pub(crate) original: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Playbook name; or the ID of a pending remediation, to plan it again
    pub(crate) playbook: String,
    #[command(flatten)]
    pub(crate) with: PlaybookArgs,
    /// Show what the plan would be, and store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Messages to show of a dry run
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) sample: usize,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Playbook name; or the ID of a remediation, to continue it
    pub(crate) playbook: String,
    #[command(flatten)]
    pub(crate) with: PlaybookArgs,
    #[command(flatten)]
    pub(crate) leave: Leave,
}

#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// Name of the remediation
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    /// informational, low, medium or high
    #[arg(long, default_value = "medium")]
    pub(crate) severity: Severity,
    /// Why
    #[arg(long, default_value = "")]
    pub(crate) description: String,
    /// move-to-junk, move-to-inbox, move-to-deleted-items, soft-delete, hard-delete or move-to-quarantine
    #[arg(long)]
    pub(crate) action: Action,
    /// On soft delete: also the copies in the sent items of internal senders
    #[arg(long)]
    pub(crate) delete_senders_copy: bool,
    /// Conditions of this saved search, by its name or ID (S-…); further conditions must hold, too
    #[arg(long, value_name = "NAME", conflicts_with = "messages")]
    pub(crate) saved_search: Option<String>,
    #[command(flatten)]
    pub(crate) conditions: ConditionArgs,
    /// Messages picked by hand: a file with `mailbox<TAB>message-id[<TAB>fingerprint[<TAB>locator]]` on each
    /// line, of which the Message-ID may be empty if another is given; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) messages: Option<PathBuf>,
    /// Messages to leave out of the query, in a file like that of --messages
    #[arg(long, value_name = "FILE", conflicts_with = "messages")]
    pub(crate) exclude: Option<PathBuf>,
    /// Show what the plan would be, and store nothing
    #[arg(long, conflicts_with_all = ["no_run", "watch"])]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) leave: Leave,
    /// Messages that a dry run shows
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) sample: usize,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
