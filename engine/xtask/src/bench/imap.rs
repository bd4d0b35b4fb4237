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
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::dovecot::{self, ADMIN, ADMIN_PASSWORD, Dovecot, Folders, Owner};
use super::mail::{CAMPAIGN_SENDER, CAMPAIGN_SUBJECT, Kind};
use super::maildirs::{self, Placed, Snapshot, Truth};
use super::proxy::{self, Proxy};

/// Where the peers move the campaign: an empty folder that every mailbox has.
const INTO: &str = "Removed";
/// With a round-trip time, serial ways run on one mailbox in this many.
const SERIAL_PART: usize = 10;
const SERIAL: &str = include_str!("serial.py");
const PIPELINED: &str = include_str!("pipelined.py");

/// The parameters.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Mailboxes on the server
    #[arg(long, default_value_t = 1_000)]
    mailboxes: usize,
    /// Messages in all of them
    #[arg(long, default_value_t = 200_000)]
    messages: usize,
    /// Messages of the campaign; a tenth as many decoys share its sender or its subject
    #[arg(long, default_value_t = 2_000)]
    campaign: usize,
    /// Rounds; the tables give medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Round-trip time of the second table, in milliseconds; 0 leaves it out
    #[arg(long, default_value_t = 20)]
    rtt: u64,
    /// Let Dovecot start a process for each login, as its defaults have it; without this its processes serve one login
    /// after the other, as on servers with many users
    #[arg(long)]
    fresh_processes: bool,
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
    Clawback,
}

impl Way {
    const ALL: [Self; 6] =
        [Self::DoveadmMove, Self::DoveadmSearch, Self::Pipelined, Self::Serial, Self::Imapfilter, Self::Clawback];

    fn name(self) -> &'static str {
        match self {
            Self::DoveadmSearch => "doveadm search -A (finds only)",
            Self::DoveadmMove => "doveadm move -A (on the server)",
            Self::Imapfilter => "imapfilter",
            Self::Serial => "Python imaplib, serial",
            Self::Pipelined => "Python asyncio, 8 pipelined",
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

/// The data and servers that the ways work on.
struct Setup {
    server: Dovecot,
    pristine: PathBuf,
    work: PathBuf,
    before: Snapshot,
    campaign: HashSet<u64>,
    scratch: tempfile::TempDir,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    require("imapfilter", "imapfilter")?;
    require("python3", "python3")?;
    let ways: Vec<Way> = Way::ALL.into_iter().filter(|way| !(options.peers_only && *way == Way::Clawback)).collect();
    if ways.contains(&Way::Clawback) {
        say("building clawback (release)");
        check(Command::new("cargo").args(["build", "--release", "--workspace", "--bin", "clawback"]))?;
    }
    let setup = prepare(options)?;
    print_versions()?;

    let mut times = vec![Vec::new(); ways.len()];
    for round in 1..=options.rounds {
        for (at, way) in ways.iter().enumerate() {
            say(&format!("round {round} of {}: {}", options.rounds, way.name()));
            times[at].push(measure(&setup, *way, setup.server.plain(), options.mailboxes)?);
        }
    }
    let title = format!(
        "{} messages out of {} in {} mailboxes, loopback, median of {}",
        options.campaign, options.messages, options.mailboxes, options.rounds
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
    let part = (options.mailboxes / SERIAL_PART).max(1);
    let scale = options.mailboxes / part;
    let far: Vec<Way> = ways.iter().copied().filter(|way| !way.is_local()).collect();
    let mut times = vec![Vec::new(); far.len()];
    for round in 1..=options.rounds {
        for (at, way) in far.iter().enumerate() {
            say(&format!("{} ms away, round {round} of {}: {}", options.rtt, options.rounds, way.name()));
            let time = if way.is_serial() {
                measure(setup, *way, proxy.address(), part)? * u32::try_from(scale)?
            } else {
                measure(setup, *way, proxy.address(), options.mailboxes)?
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
    restore(&setup.pristine, &setup.work)?;
    let mut command = command(setup, way, address, mailboxes)?;
    // A node runs all the time; the measurement begins with the analyst.
    let worker = if way == Way::Clawback { Some(Worker::start(setup)?) } else { None };
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
    let mut into = Some(INTO.to_owned());
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
    let script = |text: &str| -> Result<Command, Box<dyn Error>> {
        let path = setup.scratch.path().join("peer.py");
        fs::write(&path, text)?;
        let mut command = Command::new("python3");
        command.arg(path).arg(address.ip().to_string()).arg(address.port().to_string()).arg(mailboxes.to_string());
        command.args([ADMIN, ADMIN_PASSWORD, CAMPAIGN_SENDER, CAMPAIGN_SUBJECT, INTO]);
        Ok(command)
    };
    Ok(match way {
        Way::DoveadmSearch => setup.server.doveadm_command(&[["search", "-A"].as_slice(), &search].concat()),
        Way::DoveadmMove => setup.server.doveadm_command(&[["move", "-A", INTO].as_slice(), &search].concat()),
        Way::Serial => script(SERIAL)?,
        Way::Pipelined => script(PIPELINED)?,
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
    if name ~= '{INTO}' then
      local found = account[name]:send_query('FROM "{CAMPAIGN_SENDER}" SUBJECT "{CAMPAIGN_SUBJECT}"')
      if #found > 0 then found:move_messages(account['{INTO}']) end
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
    let folder = setup.scratch.path().join("clawback");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let binary = target()?.join("release/clawback");
    check(Command::new(&binary).arg("init").arg(&folder))?;
    let store = format!(
        r#"
[stores.corp]
connector = "imap"
server = {{ host = "{ip}", port = {port}, tls = "none" }}
auth = {{ kind = "plain", user = "{ADMIN}", password-file = "imap.password" }}
mailboxes-file = "mailboxes.txt"
limits = {{ connections = 16, idle-connections = 16 }}
"#,
        ip = address.ip(),
        port = address.port(),
    );
    let config = folder.join("clawback.toml");
    fs::write(&config, format!("{}{store}", fs::read_to_string(&config)?))?;
    fs::write(folder.join("mailboxes.txt"), (1..=mailboxes).map(dovecot::user).collect::<Vec<_>>().join("\n"))?;
    let password = folder.join("imap.password");
    fs::write(&password, ADMIN_PASSWORD)?;
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
    let here = || {
        let mut command = Command::new(&binary);
        command.current_dir(&folder);
        command
    };
    check(here().args(["principals", "add", "bo", "--role", "approver"]))?;
    check(here().args(["principals", "token", "bo", "--output", "first.token"]))?;
    // A voter must have replaced the credentials that another person issued.
    let passwords = folder.join("passwords");
    fs::write(&passwords, "correct horse battery\nmy own horse and battery\n")?;
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600))?;
    check(here().args(["principals", "password", "bo", "--from", "passwords"]))?;
    check(here().args(["--token-file", "first.token", "take-over", "--from", "passwords", "--output", "bo.token"]))?;
    // Compiled code is cached after the first use, as on any node that is not new.
    check(here().args(["connectors", "describe", "corp"]))?;

    let script = r#"set -e
"$1" run purge-phish-campaign --watch --input sender="$2" --input subject="$3" --input since=30d
id=$("$1" pending --format json | grep -o 'A-[0-9A-Za-z-]*' | head -n 1)
"$1" --token-file bo.token approve --watch "$id""#;
    let mut command = in_site(setup, script)?;
    command.args([CAMPAIGN_SENDER, CAMPAIGN_SUBJECT]);
    Ok(command)
}

/// A `clawback worker`, until it is dropped.
struct Worker(std::process::Child);

impl Worker {
    fn start(setup: &Setup) -> Result<Self, Box<dyn Error>> {
        let folder = setup.scratch.path().join("clawback");
        let log = fs::File::create(folder.join("worker.log"))?;
        let mut command = Command::new(target()?.join("release/clawback"));
        command.current_dir(&folder).arg("worker").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let worker = Self(command.spawn()?);
        std::thread::sleep(Duration::from_secs(1));
        Ok(worker)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Puts back what the last run removed, by the same two people.
fn undo(setup: &Setup) -> Result<Command, Box<dyn Error>> {
    let script = r#"set -e
"$1" undo --watch "$("$1" history --format json | grep -o 'R-[0-9A-Za-z-]*' | head -n 1)"
id=$("$1" pending --format json | grep -o 'A-[0-9A-Za-z-]*' | head -n 1)
[ -z "$id" ] || "$1" --token-file bo.token approve --watch "$id""#;
    in_site(setup, script)
}

/// Returns a shell in the folder of the configuration, with the binary as its first argument.
fn in_site(setup: &Setup, script: &str) -> Result<Command, Box<dyn Error>> {
    let mut command = Command::new("/bin/sh");
    command.current_dir(setup.scratch.path().join("clawback")).args(["-c", script, "clawback"]);
    command.arg(target()?.join("release/clawback"));
    Ok(command)
}

/// Returns the folder in which cargo builds, independent of the current folder.
fn target() -> Result<PathBuf, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    Ok(root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())))
}

/// Creates the mailboxes, or finds those of an earlier run, and starts the server.
fn prepare(options: &Options) -> Result<Setup, Box<dyn Error>> {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let root = base.join(format!("clawback-bench-{}-{}-{}", options.mailboxes, options.messages, options.campaign));
    let (pristine, work, list) = (root.join("pristine"), root.join("work"), root.join("campaign"));
    let reused = "service imap {\n  service_count = 256\n}\n";
    let server_on = |mail: &Path| {
        let folders = Folders::Existing;
        let extra = if options.fresh_processes { String::new() } else { reused.to_owned() };
        Dovecot::try_start(&dovecot::Options {
            users: options.mailboxes,
            folders,
            mail: Some(mail.to_owned()),
            extra,
            ..dovecot::Options::default()
        })
    };
    if !list.exists() {
        say(&format!("writing {} messages under {}", options.messages, root.display()));
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        fs::create_dir_all(&root)?;
        let owner = Owner::of_servers()?;
        let now = fs::metadata(&root)?.modified()?.duration_since(UNIX_EPOCH)?.as_secs();
        let truth = maildirs::write(
            &pristine,
            &maildirs::Options {
                mailboxes: options.mailboxes,
                messages: options.messages,
                campaign: options.campaign,
                decoys: options.campaign / 10,
                // The peers support only substring searches.
                traps: 0,
                custom: vec!["Archive/2026".to_owned()],
                empty: vec![INTO.to_owned()],
                seed: 2026,
                now,
                owner: Some((owner.uid, owner.gid)),
            },
        )?;
        say("indexing");
        server_on(&pristine)?.doveadm(&["index", "-A", "*"]);
        let contents: Vec<String> = truth.of(Kind::Campaign).map(|placed| placed.entry.content.to_string()).collect();
        // Written last: it exists only if everything else does.
        fs::write(&list, contents.join("\n"))?;
    }
    let campaign = fs::read_to_string(&list)?.lines().map(str::parse).collect::<Result<_, _>>()?;
    let before = maildirs::snapshot(&pristine)?;
    fs::create_dir_all(&work)?;
    Ok(Setup { server: server_on(&work)?, pristine, work, before, campaign, scratch: tempfile::tempdir()? })
}

fn restore(pristine: &Path, work: &Path) -> Result<(), Box<dyn Error>> {
    fs::remove_dir_all(work)?;
    check(Command::new("cp").arg("-a").arg(pristine).arg(work))
}

/// One line of a table.
struct Row {
    name: String,
    times: Vec<Duration>,
}

impl Row {
    fn new(name: String, mut times: Vec<Duration>) -> Self {
        times.sort();
        Self { name, times }
    }

    fn median(&self) -> f64 {
        let middle = self.times.len() / 2;
        match self.times.len() % 2 {
            0 => f64::midpoint(self.times[middle - 1].as_secs_f64(), self.times[middle].as_secs_f64()),
            _ => self.times[middle].as_secs_f64(),
        }
    }
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn table(title: &str, basis: &str, rows: Vec<Row>) {
    let basis_median = rows.iter().find(|row| row.name == basis).map_or(f64::NAN, Row::median);
    println!("\n{title}");
    println!("{:<52} {:>10} {:>19} {:>9}", "way", "median, s", "min-max, s", "ratio");
    for row in rows {
        let range = format!(
            "{:.2}-{:.2}",
            row.times.first().map_or(0.0, Duration::as_secs_f64),
            row.times.last().map_or(0.0, Duration::as_secs_f64)
        );
        println!("{:<52} {:>10.2} {range:>19} {:>9.2}", row.name, row.median(), row.median() / basis_median);
    }
    println!("ratio: to {basis}");
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

/// Runs a command whose output matters only if it fails.
fn check(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} ended with {}: {}", command.get_program().to_string_lossy(), output.status, words.trim()).into())
}

#[expect(clippy::print_stderr, reason = "progress")]
fn say(text: &str) {
    eprintln!("{text}");
}
