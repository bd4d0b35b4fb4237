//! `cargo xtask bench maildir`: a campaign searched for in large Maildirs by Clawback and by its peers.
//!
//! Three shapes: one folder with many messages, one mailbox with many folders, and many mailboxes. Each way must find
//! exactly the messages of the campaign. `doveadm` searches by its index: it runs without one, which it then makes, and
//! once more with it. All ways run once per round, one after the other. The files are in the page cache, as they were
//! just written. They need a folder for temporary files (`TMPDIR`) on a disk with 5 GB free.

use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::UNIX_EPOCH;

use super::campaign;
use super::dovecot::{self, DOMAIN, Dovecot, Folders, Owner};
use super::mail::{CAMPAIGN_SENDER, CAMPAIGN_SUBJECT};
use super::maildirs::{self, Places};
use super::table::{Ran, Row, check, measured, say, table};

/// The messages that are searched for.
const CAMPAIGN: usize = 200;
/// What `--few` divides by.
const FEW: usize = 100;

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// One of the shapes alone
    #[arg(long, default_value = "all", value_parser = ["all", "folder", "folders", "mailboxes"])]
    part: String,
    /// A hundredth of everything
    #[arg(long)]
    few: bool,
    /// Rounds; the tables give medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// A shape of large Maildirs.
#[derive(Clone, Copy, Debug)]
struct Shape {
    part: &'static str,
    mailboxes: usize,
    messages: usize,
    places: Places,
}

impl Shape {
    const ALL: [Self; 3] = [
        Self { part: "folder", mailboxes: 1, messages: 300_000, places: Places::Inbox },
        Self { part: "folders", mailboxes: 1, messages: 90_000, places: Places::Folders(3_000) },
        Self { part: "mailboxes", mailboxes: 5_000, messages: 1_000_000, places: Places::Usual },
    ];

    fn few(self) -> Self {
        let part = |count: usize| (count / FEW).max(1);
        let places = match self.places {
            Places::Folders(count) => Places::Folders(part(count)),
            other => other,
        };
        Self { mailboxes: part(self.mailboxes), messages: part(self.messages), places, ..self }
    }

    fn campaign(self) -> usize {
        CAMPAIGN.min(self.messages / 10)
    }

    fn in_words(self) -> String {
        let Self { mailboxes, messages, .. } = self;
        match self.places {
            Places::Usual => format!("{messages} messages in {mailboxes} mailboxes"),
            Places::Inbox => format!("{messages} messages in one folder"),
            Places::Folders(count) => format!("{messages} messages in {count} folders of one mailbox"),
        }
    }
}

/// A program that can search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Clawback,
    Grep,
    DoveadmCold,
    Doveadm,
}

impl Way {
    const ALL: [Self; 4] = [Self::Clawback, Self::Grep, Self::DoveadmCold, Self::Doveadm];

    fn name(self) -> &'static str {
        match self {
            Self::Clawback => "clawback plan --dry-run",
            Self::Grep => "grep -rl (one address)",
            Self::DoveadmCold => "doveadm search -A, without an index",
            Self::Doveadm => "doveadm search -A, with its index",
        }
    }
}

/// The Maildirs of one shape, their server, and a site.
struct Setup {
    shape: Shape,
    server: Dovecot,
    clawback: std::path::PathBuf,
    scratch: tempfile::TempDir,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    campaign::build()?;
    let shapes = Shape::ALL.into_iter().filter(|shape| ["all", shape.part].contains(&options.part.as_str()));
    for shape in shapes.map(|shape| if options.few { shape.few() } else { shape }) {
        compare(options.rounds, &Setup::prepare(shape)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Searches in every way, in turn, and prints the table of one shape.
fn compare(rounds: usize, setup: &Setup) -> Result<(), Box<dyn Error>> {
    let mut times = vec![Vec::new(); Way::ALL.len()];
    let mut memory = [0; Way::ALL.len()];
    for round in 1..=rounds {
        for (at, way) in Way::ALL.into_iter().enumerate() {
            say(&format!("round {round} of {rounds}: {}", way.name()));
            if way == Way::DoveadmCold {
                setup.remove_indexes()?;
            }
            let ran = measured(&mut setup.command(way))?;
            let (found, wanted) = (found(way, &ran)?, setup.shape.campaign());
            if found != wanted {
                return Err(format!("{}: {found} messages found, the campaign has {wanted}", way.name()).into());
            }
            times[at].push(ran.took);
            memory[at] = ran.memory.max(memory[at]);
        }
    }
    let name = |at: usize| format!("{} ({} MB)", Way::ALL[at].name(), memory[at] / 1_000_000);
    let rows = times.into_iter().enumerate().map(|(at, times)| Row::new(name(at), times)).collect();
    let title =
        format!("{} of {}; most memory in MB; median of {rounds}", setup.shape.campaign(), setup.shape.in_words());
    table(&title, &name(1), rows);
    Ok(())
}

/// Returns how many messages a program has found.
fn found(way: Way, ran: &Ran) -> Result<usize, Box<dyn Error>> {
    if way != Way::Clawback {
        return Ok(ran.output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count());
    }
    let plan: serde_json::Value = serde_json::from_slice(&ran.output)?;
    let number = |path: &str| plan.pointer(path).and_then(serde_json::Value::as_u64);
    let whole = number("/facts/unsearched") == Some(0) && plan.pointer("/facts/unseen").is_none_or(is_empty);
    match number("/counts/submitted") {
        Some(submitted) if whole => Ok(usize::try_from(submitted)?),
        _ => Err(format!("the plan is not whole: {plan}").into()),
    }
}

fn is_empty(list: &serde_json::Value) -> bool {
    list.as_array().is_none_or(Vec::is_empty)
}

impl Setup {
    /// Writes the Maildirs, and starts the server over them.
    fn prepare(shape: Shape) -> Result<Self, Box<dyn Error>> {
        say(&format!("writing {}", shape.in_words()));
        let scratch = tempfile::tempdir()?;
        let mail = scratch.path().join("mail");
        let owner = Owner::of_servers()?;
        let now = std::fs::metadata(scratch.path())?.modified()?.duration_since(UNIX_EPOCH)?.as_secs();
        maildirs::write(
            &mail,
            &maildirs::Options {
                mailboxes: shape.mailboxes,
                messages: shape.messages,
                campaign: shape.campaign(),
                // `grep` finds one text: no other message has the address.
                decoys: 0,
                traps: 0,
                places: shape.places,
                seed: 2026,
                now,
                owner: Some((owner.uid, owner.gid)),
                ..maildirs::Options::default()
            },
        )?;
        make_readable(scratch.path())?;
        let server = Dovecot::try_start(&dovecot::Options {
            users: shape.mailboxes,
            folders: Folders::Existing,
            mail: Some(mail.clone()),
            ..dovecot::Options::default()
        })?;
        let site = scratch.path().join("site");
        let store = format!(
            "\n[stores.corp]\nconnector = \"maildir\"\ndirectory = \"{}\"\nsettings = {{ maildir = \"Maildir\" }}\n",
            mail.join(DOMAIN).display()
        );
        let clawback = campaign::new_site(&site, &store)?;
        // Compiled code is cached after the first use, as on any node that is not new.
        check(Command::new(&clawback).current_dir(&site).args(["connectors", "describe", "corp"]))?;
        Ok(Self { shape, server, clawback, scratch })
    }

    fn mail(&self) -> &Path {
        self.server.mail()
    }

    fn command(&self, way: Way) -> Command {
        match way {
            Way::Clawback => {
                let mut command = Command::new(&self.clawback);
                command.current_dir(self.scratch.path().join("site"));
                command.args(["plan", "purge-phish-campaign", "--dry-run", "--format", "json", "--sample", "1"]);
                let inputs =
                    [("sender", CAMPAIGN_SENDER), ("subject", CAMPAIGN_SUBJECT), ("since", "3650d")].into_iter();
                command.args(inputs.flat_map(|(name, value)| ["--input".to_owned(), format!("{name}={value}")]));
                command
            }
            Way::Grep => {
                let mut command = Command::new("grep");
                // The index of Dovecot has the addresses, too.
                command.args(["-rlF", "--exclude=dovecot*", CAMPAIGN_SENDER]).arg(self.mail()).env("LC_ALL", "C");
                command
            }
            Way::DoveadmCold | Way::Doveadm => {
                let search = ["mailbox", "*", "from", CAMPAIGN_SENDER, "subject", CAMPAIGN_SUBJECT];
                self.server.doveadm_command(&[["search", "-A"].as_slice(), &search].concat())
            }
        }
    }

    /// Removes what Dovecot knows of the Maildirs.
    fn remove_indexes(&self) -> Result<(), Box<dyn Error>> {
        let folders = ["(", "-name", "cur", "-o", "-name", "new", ")", "-prune", "-o"];
        let files =
            ["(", "-name", "dovecot.*", "-o", "-name", "dovecot-uid*", ")", "-type", "f", "-exec", "rm", "{}", "+"];
        check(Command::new("find").arg(self.mail()).args(folders).args(files))
    }
}

/// Lets the user of the server enter the folder.
fn make_readable(folder: &Path) -> Result<(), Box<dyn Error>> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?)
}
