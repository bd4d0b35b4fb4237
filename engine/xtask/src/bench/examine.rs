//! `cargo xtask bench examine`: from one message to the frozen plan of its campaign, on a real Dovecot. The limit that it
//! is compared with is a client that reads the same bytes and keeps nothing.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::campaign::{self, Setup, Size};
use super::dovecot;
use super::mail::{Generator, Kind};
use super::raw_imap::{self, Fetched};
use super::table::{Row, check, say, table};

/// Connections of each way.
const CONNECTIONS: usize = 16;
/// The bytes that an examination reads of a message first.
const START: u64 = 64 * 1024;
/// Mailboxes and messages of the site whose people report.
const SMALL: (usize, usize) = (40, 8_000);
/// How long a plan may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    size: Size,
    /// How many days the searches look back; may be repeated. The messages are spread over 90 days
    #[arg(long, default_values_t = [7, 90])]
    days: Vec<u64>,
    /// Rounds; the tables give medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    campaign::build()?;
    let setup = Setup::prepare(options.size)?;
    setup.restore()?;
    for days in &options.days {
        compare(options, &setup, *days)?;
    }
    drop(setup);
    let (mailboxes, messages) = SMALL;
    let campaign = options.size.campaign * mailboxes / options.size.mailboxes.max(1);
    let small = Setup::prepare(Size { mailboxes, messages, campaign, ..options.size })?;
    small.restore()?;
    report(options, &small)?;
    Ok(ExitCode::SUCCESS)
}

/// Compares the plan of an investigation with a raw fetch of all messages of so many days.
fn compare(options: &Options, setup: &Setup, days: u64) -> Result<(), Box<dyn Error>> {
    let (mailboxes, address) = (options.size.mailboxes, setup.server.plain());
    let since = imap_date(days)?;
    let (mut raw, mut ours, mut fetched, mut memory) = (Vec::new(), Vec::new(), Fetched::default(), 0);
    for round in 1..=options.rounds {
        say(&format!("{days} days, round {round} of {}: raw fetch", options.rounds));
        let started = Instant::now();
        fetched = raw_imap::fetch(address, mailboxes, CONNECTIONS, &since, START)?;
        raw.push(started.elapsed());

        say(&format!("{days} days, round {round} of {}: clawback investigate", options.rounds));
        let root = site(setup, mailboxes)?;
        let worker = setup.worker()?;
        let mut command = setup.in_site(r#""$1" investigate "$2" --since "$3d" --watch"#)?;
        command.arg(&root).arg(days.to_string());
        let started = Instant::now();
        // It ends with the status of what waits for a decision.
        let output = command.stdin(Stdio::null()).output()?;
        ours.push(started.elapsed());
        let planned = pending(setup)?.ok_or_else(|| {
            format!("clawback investigate made no plan: {}", String::from_utf8_lossy(&output.stderr).trim())
        })?;
        if planned != options.size.campaign {
            return Err(format!("the plan has {planned} messages, the campaign {}", options.size.campaign).into());
        }
        memory = memory.max(worker.most_memory()?);
    }
    let title = format!(
        "one message to the frozen plan: {} of {} messages of the last {days} days ({} MB) in {mailboxes} mailboxes, \
         median of {}",
        options.size.campaign,
        fetched.messages,
        fetched.bytes / 1_000_000,
        options.rounds
    );
    let basis = "raw pipelined fetch of the same bytes";
    table(&title, basis, vec![Row::new(basis.to_owned(), raw), Row::new("clawback investigate".to_owned(), ours)]);
    print_line(&format!("most memory of the worker: {} MB", memory / 1_000_000));
    Ok(())
}

/// Measures the time from the last report that a group needs to the plan.
fn report(options: &Options, setup: &Setup) -> Result<(), Box<dyn Error>> {
    let (mailboxes, messages) = SMALL;
    let mut times = Vec::new();
    for round in 1..=options.rounds {
        say(&format!("reports, round {round} of {}", options.rounds));
        let root = site(setup, mailboxes)?;
        let _worker = setup.worker()?;
        let report = |reporter: &str| -> Result<(), Box<dyn Error>> {
            let mut command = setup.in_site(r#""$1" report "$2" --original --from "$3""#)?;
            check(command.arg(&root).arg(reporter))
        };
        report("ann@acme.test")?;
        report("ben@acme.test")?;
        let started = Instant::now();
        report("cleo@acme.test")?;
        while pending(setup)?.is_none() {
            if started.elapsed() > PATIENCE {
                return Err("the reports made no plan".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        times.push(started.elapsed());
    }
    let title = format!(
        "the third report to the plan (30 days), {messages} messages in {mailboxes} mailboxes, median of {}",
        options.rounds
    );
    let name = "clawback report, until it is pending";
    table(&title, name, vec![Row::new(name.to_owned(), times)]);
    Ok(())
}

/// Creates the site, and returns the file with one message of the campaign.
fn site(setup: &Setup, mailboxes: usize) -> Result<PathBuf, Box<dyn Error>> {
    let folder = setup.create_site(setup.server.plain(), mailboxes, "\n[reports]\nplaybook = \"investigate\"\n")?;
    let now = fs::metadata(&folder)?.modified()?.duration_since(UNIX_EPOCH)?.as_secs();
    let mail = Generator::new(7, now).numbered_from(7).message(Kind::Campaign, &dovecot::user(1));
    let path = folder.join("root.eml");
    fs::write(&path, mail.raw)?;
    Ok(path)
}

/// Returns how many messages the pending plan has, if there is one.
fn pending(setup: &Setup) -> Result<Option<usize>, Box<dyn Error>> {
    let output = setup.in_site(r#""$1" pending --format json"#)?.stdin(Stdio::null()).output()?;
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let count = listed.pointer("/items/0/counts/remediable").and_then(serde_json::Value::as_u64);
    Ok(count.map(usize::try_from).transpose()?)
}

/// Returns the date of so many days ago as IMAP writes it (RFC 3501, `date`).
fn imap_date(days: u64) -> Result<String, Box<dyn Error>> {
    let output = Command::new("date")
        .args(["-u", "-d", &format!("{days} days ago"), "+%-d-%b-%Y"])
        .env("LC_ALL", "C")
        .output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[expect(clippy::print_stdout, reason = "a result")]
fn print_line(text: &str) {
    println!("{text}");
}
