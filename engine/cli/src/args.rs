//! The command line as it is typed; nothing later sees raw text.

mod agents;
mod conditions;
mod families;
mod filter;
mod proofs;
mod remediation;
mod submissions;
mod votes;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clawback_model::{OutcomeKind, Reason};

pub(crate) use agents::{AN_AGENT, McpArgs};
pub(crate) use families::{
    AlertsCommand, ConnectorsCommand, ConnectorsNewArgs, ConnectorsTestArgs, EvidenceCommand, EvidenceGetArgs,
    HandleArgs, InvestigationsCommand, OrNone, PlaybooksCommand, PrincipalsCommand, RetentionCommand, SaveSearchArgs,
    SavedSearchesCommand, SchedulesCommand, SweepsCommand, TakeOverArgs,
};
pub(crate) use filter::HistoryFilterArgs;
pub(crate) use proofs::{CheckpointArgs, KeyCommand, ProofArgs, VerifyArgs};
pub(crate) use remediation::{FollowUpArgs, IdArgs, Leave};
pub(crate) use submissions::{
    BlockListArgs, DeliveredMessage, ExamineArgs, IndicatorsArgs, InvestigateArgs, PlanArgs, PlaybookArgs, ReadArgs,
    RecordArgs, ReportArgs, RunArgs, SightingsArgs, SubmitArgs,
};
pub(crate) use votes::{DecideArgs, PendingArgs};

pub(crate) use crate::output::Format;
use crate::table::Shape;
use crate::tables::{History, Messages};

/// Pull delivered threats back out of mailboxes, and prove what was done.
#[derive(Debug, Parser)]
#[command(name = "clawback", version = crate::version::version(), max_term_width = 100)]
#[command(after_help = "Start with `clawback demo`, then `clawback init`.\n\
    Exit codes: 0 done, 1 the request failed, 2 misuse or configuration, 3 finished with failed messages,\n\
    130 interrupted.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Configuration file [default: clawback.toml here, else ~/.config/clawback/clawback.toml, else
    /// /etc/clawback/clawback.toml]
    #[arg(long, short, global = true, env = "CLAWBACK_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// File with the caller's token [default: `token-file` of the configuration]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Send requests to a running `clawback serve`; needs only a token: `https://HOST`, or `http://` on this machine
    #[arg(long, global = true, env = "CLAWBACK_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File with the certificates (PEM) of the authority that issued the server's certificate, if that is not a public one
    #[arg(long, global = true, env = "CLAWBACK_SERVER_CA", value_name = "FILE")]
    pub(crate) server_ca: Option<PathBuf>,
    /// Format of the results
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// No progress bars
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Log to standard error; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Everything `clawback` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set up a folder: configuration, database, the first administrator and their token, playbooks and scripts
    Init(InitArgs),
    /// Check the configuration and playbooks, and report every mistake at once
    Check(CheckArgs),
    /// Run the cases of playbooks and scripts, and show what differs
    Test(TestArgs),
    /// Record what a playbook finds now as a case, with hashes in place of addresses and other names
    Record(RecordArgs),
    /// Search and freeze a plan, without running it
    Plan(PlanArgs),
    /// Run a playbook, or continue a remediation
    Run(RunArgs),
    /// Examine a message in a file: sender, links, attachments, and the root by which its copies are found
    Examine(ExamineArgs),
    /// Show one message of a mailbox: sender, links with their real targets, attachments, text; the read is recorded in the
    /// history
    Read(ReadArgs),
    /// Investigate a message in a file: find every message of its campaign, and propose to remove them
    Investigate(Box<InvestigateArgs>),
    /// Look for indicators of a threat in a file (a list, CSV, MISP or STIX), and propose to remove the messages that have them
    Indicators(Box<IndicatorsArgs>),
    /// Count the messages of a remediation that have each of its indicators: how many, in how many mailboxes, and when
    Sightings(SightingsArgs),
    /// Print what mail gateways may refuse, because messages with it were removed: senders, domains, URLs or sha256
    BlockList(BlockListArgs),
    /// Report a suspicious message for a person; enough reports of enough people search for its copies, and wait for votes
    Report(ReportArgs),
    /// List what people reported, in groups: one for each campaign
    Reports,
    /// Submit a manual remediation: name, severity, description, action and messages
    Submit(Box<SubmitArgs>),
    /// List, show, save and remove saved searches: conditions of a search under a name, yours and those that others share
    #[command(subcommand)]
    SavedSearches(SavedSearchesCommand),
    /// List the remediations that wait for approval
    Pending(PendingArgs),
    /// Approve a plan (and run it, unless --no-run)
    Approve(DecideArgs),
    /// Reject a plan
    Reject(DecideArgs),
    /// List the action history
    History(Box<HistoryArgs>),
    /// Show everything about one remediation
    Show(Box<ShowArgs>),
    /// List and show alerts; each remediation has one
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// List and show investigations; each remediation has one
    #[command(subcommand)]
    Investigations(InvestigationsCommand),
    /// Put back what a remediation moved, as a new remediation
    Undo(FollowUpArgs),
    /// Stop a running remediation for now
    Pause(IdArgs),
    /// Resume a paused remediation
    Resume(FollowUpArgs),
    /// Cancel a remediation; open messages become `cancelled`
    Cancel(IdArgs),
    /// Retry failed messages, as a new remediation under the same approval
    Retry(FollowUpArgs),
    /// Prove that the history is whole, or name the first broken link
    Verify(VerifyArgs),
    /// Sign a checkpoint of the history, for others to keep: it shows later whether any event before it was changed
    Checkpoint(CheckpointArgs),
    /// Write a file that proves the events of one remediation without this program and without the database
    Proof(ProofArgs),
    /// Write the Merkle tree of the checkpoints into a folder that a web server can publish: hashes only, in files that never
    /// change; a later run adds new files
    Mirror {
        /// The folder; created if missing
        folder: PathBuf,
    },
    /// The key that checkpoints are signed with
    #[command(subcommand)]
    Key(KeyCommand),
    /// Work on due remediations, until stopped
    Worker(WorkerArgs),
    /// Serve the Action Center (pages and API), and work on due remediations
    Serve(ServeArgs),
    /// Halt the site: stop all work on every node, until `clawback unhalt`
    Halt(HaltArgs),
    /// Lift the halt of the site
    Unhalt,
    /// Serve an AI agent on standard input and output (Model Context Protocol): it can search, explain and propose; a person
    /// votes. `clawback serve` has the same over HTTP, at /mcp
    Mcp(McpArgs),
    /// List connectors, and describe and check stores
    #[command(subcommand)]
    Connectors(ConnectorsCommand),
    /// List and show playbooks
    #[command(subcommand)]
    Playbooks(PlaybooksCommand),
    /// List and control the schedules of playbooks
    #[command(subcommand)]
    Schedules(SchedulesCommand),
    /// List and stop sweeps: repeated searches for late copies
    #[command(subcommand)]
    Sweeps(SweepsCommand),
    /// List, read and verify the messages that were kept before they were deleted for good
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Manage people and services, and their tokens
    #[command(subcommand)]
    Principals(PrincipalsCommand),
    /// Replace the password that an administrator set, and make a token of your own, which may vote
    TakeOver(TakeOverArgs),
    /// Test the deployment, and report what to do
    Doctor,
    /// Copy the history (SQLite) to a new file, in one transaction
    Backup {
        /// The file; refused if it exists
        file: PathBuf,
    },
    /// Remove messages as the retention policy of the configuration allows
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// Write everything about one remediation to a file: events with hashes, plan, messages; with --format ocsf or o365-air,
    /// its outcome and that of every message in that schema; with --plan, the text of its plan
    Export(ExportArgs),
    /// Run a demonstration on generated mailboxes, in half a minute, without a network
    Demo(DemoArgs),
    /// Print a completion script for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Write man pages into a folder
    Man {
        /// The folder
        folder: PathBuf,
    },
    /// Print the reference of commands in Markdown
    #[command(hide = true)]
    Reference,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder; created if missing
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Folder of what changes: the SQLite file, the token, the key and the cache [default: the same folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
    /// Name of the first administrator
    #[arg(long, default_value = "admin")]
    pub(crate) admin: String,
    /// Database to use instead of a SQLite file in the folder, e.g. `postgres://host/clawback`
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Name of the log in this site's checkpoints, e.g. corp.example/clawback [default: a random one]
    #[arg(long, value_name = "NAME")]
    pub(crate) log_name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Playbook names or files [default: all]
    pub(crate) playbooks: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Cases, folders of cases, playbooks or scripts [default: all cases of the folders `workflows` and `scripts`]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) filter: HistoryFilterArgs,
    #[command(flatten)]
    pub(crate) shape: Shape<History>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Remediation ID (R-…), approval ID (A-…), investigation ID (I-…) or alert ID (L-…)
    pub(crate) id: String,
    /// Every message with its outcome
    #[arg(long)]
    pub(crate) messages: bool,
    /// Every event
    #[arg(long, conflicts_with = "messages")]
    pub(crate) events: bool,
    /// Only messages with this outcome: succeeded, already-in-destination, not-found, moved-since, not-remediable, failed,
    /// cancelled, or open; may be repeated or a list between commas
    #[arg(long, requires = "messages", value_delimiter = ',', value_parser = outcome)]
    pub(crate) outcome: Vec<OutcomeFilter>,
    /// Only messages with this reason, e.g. denied; may be repeated or a list between commas
    #[arg(long, requires = "messages", value_delimiter = ',')]
    pub(crate) reason: Vec<Reason>,
    /// Only messages of this mailbox
    #[arg(long, requires = "messages")]
    pub(crate) mailbox: Option<String>,
    #[command(flatten)]
    pub(crate) shape: Shape<Messages>,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Work on what is due now, then exit
    #[arg(long)]
    pub(crate) once: bool,
    /// Serve /metrics and /healthz over HTTP at this address, e.g. 127.0.0.1:9464
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8025")]
    pub(crate) listen: std::net::SocketAddr,
    /// A proxy with TLS is in front: cookies are for TLS only, and --listen may name another address than loopback
    #[arg(long)]
    pub(crate) behind_tls: bool,
    /// Source address of a trusted proxy, whose X-Forwarded-For names the client
    #[arg(long, value_name = "ADDR", requires = "behind_tls")]
    pub(crate) proxy: Vec<std::net::IpAddr>,
    /// Leave the work to other nodes
    #[arg(long)]
    pub(crate) no_worker: bool,
    /// Serve /metrics and /healthz over HTTP at this address, e.g. 127.0.0.1:9464
    #[arg(long, value_name = "ADDR", conflicts_with = "no_worker")]
    pub(crate) metrics: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct HaltArgs {
    /// The reason; everybody sees it
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Remediation ID (R-…) or approval ID (A-…)
    pub(crate) id: String,
    /// Write the text that the digest of its plan is computed over, byte for byte
    #[arg(long)]
    pub(crate) plan: bool,
    /// File to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder for the mailboxes [default: a new folder under the temporary one]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// Mailboxes to generate
    #[arg(long, default_value_t = 120)]
    pub(crate) mailboxes: u32,
    /// Messages in each
    #[arg(long, default_value_t = 40)]
    pub(crate) messages: u32,
}

/// An outcome, or none yet.
pub(crate) type OutcomeFilter = Option<OutcomeKind>;

fn outcome(text: &str) -> Result<OutcomeFilter, String> {
    if text == "open" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error: clawback_model::UnknownWord| format!("{error}, or open"))
}
