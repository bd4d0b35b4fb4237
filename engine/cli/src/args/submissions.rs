//! Arguments of submissions: a playbook with its inputs, or a manual remediation.

use std::path::PathBuf;

use clap::Args;
use clawback_model::{
    Action, ActionSource, BlockListFormat, ClusterBy, IndicatorFormat, IndicatorKind, LocationKind, Severity, Timestamp,
};

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
    /// From address; repeated: any of them, as with each condition that may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Vec<String>,
    /// Domain of the From address; may be repeated
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) from_domain: Vec<String>,
    /// Part of the sender's display name; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) from_name: Vec<String>,
    /// Part of the subject, as it is typed: a comma is a comma; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: Vec<String>,
    /// To or Cc address; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Vec<String>,
    /// A person whom it was for: To, Cc or Delivered-To address, or the mailbox; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) recipients: Vec<String>,
    /// Message-ID, with its angle brackets; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) message_id: Vec<String>,
    /// Part of an attachment's name; may be repeated
    #[arg(long, value_name = "TEXT", alias = "attachment")]
    pub(crate) attachment_name: Vec<String>,
    /// Host of a link, or *.DOMAIN for all sub-domains; may be repeated
    #[arg(long, value_name = "HOST")]
    pub(crate) url_host: Vec<String>,
    /// Address of a link; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) url: Vec<String>,
    /// sha256 of an attachment; may be repeated
    #[arg(long, value_name = "SHA256")]
    pub(crate) attachment_sha256: Vec<String>,
    /// Declared type of an attachment, or such as image/*; may be repeated
    #[arg(long, value_name = "TYPE")]
    pub(crate) attachment_type: Vec<String>,
    /// Whether there is an attachment
    #[arg(long, value_name = "BOOLEAN")]
    pub(crate) has_attachment: Option<bool>,
    /// Address of the envelope's sender (Return-Path); may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) envelope_from: Vec<String>,
    /// Delivered-To or X-Original-To address; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) delivered_to: Vec<String>,
    /// Reply-To address; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) reply_to: Vec<String>,
    /// Network of the first hop outside the site's own relays; may be repeated
    #[arg(long, value_name = "NETWORK")]
    pub(crate) sender_ip: Vec<String>,
    /// Result of a trusted server, such as dmarc=fail; may be repeated
    #[arg(long, value_name = "RESULT")]
    pub(crate) auth: Vec<String>,
    /// Regular expression that the subject matches; may be repeated
    #[arg(long, value_name = "REGEX")]
    pub(crate) subject_matches: Vec<String>,
    /// Regular expression that the From address matches; may be repeated
    #[arg(long, value_name = "REGEX")]
    pub(crate) from_matches: Vec<String>,
    /// Regular expression that the sender's display name matches; may be repeated
    #[arg(long, value_name = "REGEX")]
    pub(crate) from_name_matches: Vec<String>,
    /// Regular expression that an attachment's name matches; may be repeated
    #[arg(long, value_name = "REGEX")]
    pub(crate) attachment_name_matches: Vec<String>,
    /// Regular expression that the host of a link matches; may be repeated
    #[arg(long, value_name = "REGEX")]
    pub(crate) url_host_matches: Vec<String>,
    /// Part of the visible text; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) body: Vec<String>,
    /// Copies of the message in this file, or of a root (root1:…)
    #[arg(long, value_name = "FILE")]
    pub(crate) like: Option<String>,
    /// Mailbox; may be repeated
    #[arg(long, value_name = "MAILBOX")]
    pub(crate) mailbox: Vec<String>,
    /// Path of the folder, in the store's spelling; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) folder: Vec<String>,
    /// Received in the last, e.g. 2d or 6h
    #[arg(long, value_name = "DURATION")]
    pub(crate) since: Option<String>,
    /// Received before: 2026-11-23, 2026-11-23T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) before: Option<Timestamp>,
    /// Latest delivery location; may be repeated. Without one: every folder but recoverable items and quarantine
    #[arg(long, value_name = "LOCATION")]
    pub(crate) location: Vec<LocationKind>,
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

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "expected a date (2026-11-23) or a time (2026-11-23T08:00:00Z)".to_owned())
}
