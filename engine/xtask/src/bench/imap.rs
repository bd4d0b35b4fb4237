//! `cargo xtask bench imap`: one campaign in many mailboxes of a real Dovecot, removed by Clawback and by its peers.
//!
//! The mailboxes are created once and kept in memory. Before each way they are restored byte for byte, indexes
//! included, and after it every message is read back: a way that missed one, or touched another, fails the benchmark.
//! All ways run once per round, one after the other, so that a busy minute affects all of them. Loopback has no round
//! trip, so a second table adds one. Serial ways then get a tenth of the mailboxes, and their time is scaled up; the
//! table says so.

use std::collections::HashSet;
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use super::campaign::{self, EMPTY_FOLDER, Setup, Size};
use super::dovecot::{self, ADMIN, ADMIN_PASSWORD};
use super::mail::{CAMPAIGN_SENDER, CAMPAIGN_SUBJECT, Kind};
use super::maildirs::{self, Placed, Truth};
use super::proxy::{self, Proxy};
use super::table::{Row, check, say, table};

/// With a round-trip time, serial ways run on one mailbox in this many.
const SERIAL_PART: usize = 10;
const SERIAL: &str = include_str!("serial.py");
const PIPELINED: &str = include_str!("pipelined.py");

/// The parameters.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    size: Size,
    /// Rounds; the tables give medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Round-trip time of the second table, in milliseconds; 0 leaves it out
    #[arg(long, default_value_t = 20)]
    rtt: u64,
    /// Leave Clawback out
    #[arg(long)]
    peers_only: bool,
}

/// A program that can do the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    DoveadmSearch,
    DoveadmMove,
    Imapfilter,
    Serial,
    Pipelined,
    TwoPhases,
    Clawback,
}

impl Way {
    const ALL: [Self; 7] = [
        Self::DoveadmMove,
        Self::DoveadmSearch,
        Self::Pipelined,
        Self::TwoPhases,
        Self::Serial,
        Self::Imapfilter,
        Self::Clawback,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::DoveadmSearch => "doveadm search -A (finds only)",
            Self::DoveadmMove => "doveadm move -A (on the server)",
            Self::Imapfilter => "imapfilter",
            Self::Serial => "Python imaplib, serial",
            Self::Pipelined => "Python asyncio, 8 pipelined",
            Self::TwoPhases => "the same in two phases, confirmed",
            Self::Clawback => "clawback run",
        }
    }

    /// Returns whether it works on the server itself, without a network.
    fn is_local(self) -> bool {
        matches!(self, Self::DoveadmSearch | Self::DoveadmMove)
    }

    fn is_serial(self) -> bool {
        matches!(self, Self::Imapfilter | Self::Serial)
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    require("imapfilter", "imapfilter")?;
    require("python3", "python3")?;
    let ways: Vec<Way> = Way::ALL.into_iter().filter(|way| !(options.peers_only && *way == Way::Clawback)).collect();
    if ways.contains(&Way::Clawback) {
        campaign::build()?;
    }
    let setup = Setup::prepare(options.size)?;
    print_versions()?;

    let mut times = vec![Vec::new(); ways.len()];
    for round in 1..=options.rounds {
        for (at, way) in ways.iter().enumerate() {
            say(&format!("round {round} of {}: {}", options.rounds, way.name()));
            times[at].push(measure(&setup, *way, setup.server.plain(), options.size.mailboxes)?);
        }
    }
    let title = format!(
        "{} messages out of {} in {} mailboxes, loopback, median of {}",
        options.size.campaign, options.size.messages, options.size.mailboxes, options.rounds
    );
    let rows = ways.iter().zip(times).map(|(way, times)| Row::new(way.name().to_owned(), times)).collect();
    table(&title, Way::DoveadmMove.name(), rows);
    if options.rtt > 0 {
        far_table(options, &setup, &ways)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures the same task with a round-trip time.
fn far_table(options: &Options, setup: &Setup, ways: &[Way]) -> Result<(), Box<dyn Error>> {
    let proxy = Proxy::start(
        setup.server.plain(),
        proxy::Options { round_trip: Duration::from_millis(options.rtt), ..proxy::Options::default() },
    )?;
    let part = (options.size.mailboxes / SERIAL_PART).max(1);
    let scale = options.size.mailboxes / part;
    let far: Vec<Way> = ways.iter().copied().filter(|way| !way.is_local()).collect();
    let mut times = vec![Vec::new(); far.len()];
    for round in 1..=options.rounds {
        for (at, way) in far.iter().enumerate() {
            say(&format!("{} ms away, round {round} of {}: {}", options.rtt, options.rounds, way.name()));
            let time = if way.is_serial() {
                measure(setup, *way, proxy.address(), part)? * u32::try_from(scale)?
            } else {
                measure(setup, *way, proxy.address(), options.size.mailboxes)?
            };
            times[at].push(time);
        }
    }
    let name = |way: &Way| {
        let part = format!(" ({part} mailboxes, times {scale})");
        format!("{}{}", way.name(), if way.is_serial() { &part } else { "" })
    };
    let title = format!("the same with a round trip of {} ms, median of {}", options.rtt, options.rounds);
    let rows = far.iter().zip(times).map(|(way, times)| Row::new(name(way), times)).collect();
    table(&title, &name(&Way::Serial), rows);
    Ok(())
}

/// Restores the mailboxes, runs one program, and checks every message afterwards.
fn measure(setup: &Setup, way: Way, address: SocketAddr, mailboxes: usize) -> Result<Duration, Box<dyn Error>> {
    setup.restore()?;
    let mut command = command(setup, way, address, mailboxes)?;
    // A node runs all the time; the measurement begins with the analyst.
    let worker = if way == Way::Clawback { Some(setup.worker()?) } else { None };
    let started = Instant::now();
    check(&mut command)?;
    let took = started.elapsed();

    let last = dovecot::user(mailboxes);
    let messages = setup.before.entries().map(|entry| {
        let ours = setup.campaign.contains(&entry.content) && entry.mailbox <= last && way != Way::DoveadmSearch;
        Placed { entry: entry.clone(), kind: if ours { Kind::Campaign } else { Kind::Ordinary }, message_id: None }
    });
    let mut truth = Truth { messages: messages.collect() };
    let after = maildirs::snapshot(&setup.work)?;
    if way == Way::Imapfilter {
        // It copies, marks and expunges, which also deletes what users had only marked: reported, but not a failure.
        let left: HashSet<u64> = after.entries().map(|entry| entry.content).collect();
        let all = truth.messages.len();
        truth
            .messages
            .retain(|placed| left.contains(&placed.entry.content) || !placed.entry.flags.contains("\\Deleted"));
        say(&format!(
            "imapfilter also expunged {} messages that their users had marked deleted",
            all - truth.messages.len()
        ));
    }
    let mut into = Some(EMPTY_FOLDER.to_owned());
    if way == Way::Clawback {
        // The connector may choose where soft-deleted mail goes, but it must be one folder.
        let known: HashSet<&str> = setup.before.entries().map(|entry| entry.folder.as_str()).collect();
        into = after.entries().find(|entry| !known.contains(entry.folder.as_str())).map(|entry| entry.folder.clone());
    }
    truth.check_campaign_removed(&after, into.as_deref()).map_err(|wrong| format!("{}: {wrong}", way.name()))?;
    if way == Way::Clawback {
        let started = Instant::now();
        check(&mut undo(setup)?)?;
        say(&format!("undone in {:.2} s", started.elapsed().as_secs_f64()));
        drop(worker);
        setup.before.check(&maildirs::snapshot(&setup.work)?).map_err(|wrong| format!("clawback undo: {wrong}"))?;
    }
    Ok(took)
}

fn command(setup: &Setup, way: Way, address: SocketAddr, mailboxes: usize) -> Result<Command, Box<dyn Error>> {
    let search = ["mailbox", "*", "from", CAMPAIGN_SENDER, "subject", CAMPAIGN_SUBJECT];
    let script = |text: &str, way: &[&str]| -> Result<Command, Box<dyn Error>> {
        let path = setup.scratch.path().join("peer.py");
        fs::write(&path, text)?;
        let mut command = Command::new("python3");
        command.arg(path).arg(address.ip().to_string()).arg(address.port().to_string()).arg(mailboxes.to_string());
        command.args([ADMIN, ADMIN_PASSWORD, CAMPAIGN_SENDER, CAMPAIGN_SUBJECT, EMPTY_FOLDER]).args(way);
        Ok(command)
    };
    Ok(match way {
        Way::DoveadmSearch => setup.server.doveadm_command(&[["search", "-A"].as_slice(), &search].concat()),
        Way::DoveadmMove => setup.server.doveadm_command(&[["move", "-A", EMPTY_FOLDER].as_slice(), &search].concat()),
        Way::Serial => script(SERIAL, &[])?,
        Way::Pipelined => script(PIPELINED, &["one-phase"])?,
        Way::TwoPhases => script(PIPELINED, &["two-phases"])?,
        Way::Imapfilter => imapfilter(setup, address, mailboxes)?,
        Way::Clawback => clawback(setup, address, mailboxes)?,
    })
}

fn imapfilter(setup: &Setup, address: SocketAddr, mailboxes: usize) -> Result<Command, Box<dyn Error>> {
    let path = setup.scratch.path().join("imapfilter.lua");
    let text = format!(
        r#"options.starttls = false
options.info = false
for number = 1, {mailboxes} do
  local account = IMAP {{ server = '{ip}', port = {port}, username = string.format('u%04d@{domain}*{ADMIN}', number),
                         password = '{ADMIN_PASSWORD}' }}
  local folders = account:list_all('', '*')
  for _, name in ipairs(folders) do
    if name ~= '{EMPTY_FOLDER}' then
      local found = account[name]:send_query('FROM "{CAMPAIGN_SENDER}" SUBJECT "{CAMPAIGN_SUBJECT}"')
      if #found > 0 then found:move_messages(account['{EMPTY_FOLDER}']) end
    end
  end
  account:logout()
end
"#,
        ip = address.ip(),
        port = address.port(),
        domain = dovecot::DOMAIN,
    );
    fs::write(&path, text)?;
    let mut command = Command::new("imapfilter");
    command.arg("-c").arg(path).env("HOME", setup.scratch.path());
    Ok(command)
}

/// Runs the task with Clawback, from the playbook to the durable history: an analyst runs it, another person approves
/// it.
fn clawback(setup: &Setup, address: SocketAddr, mailboxes: usize) -> Result<Command, Box<dyn Error>> {
    setup.create_site(address, mailboxes, "")?;
    let script = r#"set -e
"$1" run purge-phish-campaign --watch --input sender="$2" --input subject="$3" --input since=30d
id=$("$1" pending --format json | grep -o 'A-[0-9A-Za-z-]*' | head -n 1)
"$1" --token-file bo.token approve --watch "$id""#;
    let mut command = setup.in_site(script)?;
    command.args([CAMPAIGN_SENDER, CAMPAIGN_SUBJECT]);
    Ok(command)
}

/// Puts back what the last run removed, by the same two people.
fn undo(setup: &Setup) -> Result<Command, Box<dyn Error>> {
    let script = r#"set -e
"$1" undo --watch "$("$1" history --format json | grep -o 'R-[0-9A-Za-z-]*' | head -n 1)"
id=$("$1" pending --format json | grep -o 'A-[0-9A-Za-z-]*' | head -n 1)
[ -z "$id" ] || "$1" --token-file bo.token approve --watch "$id""#;
    setup.in_site(script)
}

#[expect(clippy::print_stdout, reason = "the versions belong to the result")]
fn print_versions() -> Result<(), Box<dyn Error>> {
    let first_line = |name: &str, argument: &str| -> Result<String, Box<dyn Error>> {
        let output = Command::new(name).arg(argument).output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned())
    };
    println!("Dovecot {}", dovecot::version()?);
    println!("{}", first_line("imapfilter", "-V")?);
    println!("{}", first_line("python3", "--version")?);
    Ok(())
}

fn require(program: &str, package: &str) -> Result<(), Box<dyn Error>> {
    match Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{program} is not installed: apt-get install {package}").into()),
    }
}
