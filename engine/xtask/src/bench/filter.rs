//! The cost of one message in a filter: each shipped script and a `match:` compared with a native closure, in turn,
//! medians; and the cost of a record that leaves a component.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use clawback_model::{Condition, Location, LocationKind, Message, MessageRef, Predicate, Timestamp};
use clawback_scripting::{Context, FilterScript, Lists};

/// Options of `cargo xtask bench filter`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Messages per round.
    #[arg(long, default_value_t = 50_000)]
    messages: u32,
    /// Rounds; the median is printed.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

/// The most nanoseconds per message for a shipped script and a `match:`, with all limits on.
const SCRIPT_GOAL: u128 = 700;
const MATCH_GOAL: u128 = 100;

type Way<'a> = (String, Option<u128>, Box<dyn FnMut(&[Message]) -> usize + 'a>);

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if cfg!(debug_assertions) {
        // This program measures itself, so it must be optimised.
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["run", "--quiet", "--release", "--package", "clawback-xtask", "--", "bench", "filter"]);
        cargo.args(["--messages", &options.messages.to_string(), "--rounds", &options.rounds.to_string()]);
        return Ok(if cargo.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let lists = Lists::new([
        ("vips".to_owned(), (0..50).map(|n| format!("user{n}@corp.example")).collect()),
        ("secops_mailboxes".to_owned(), vec!["secops@corp.example".to_owned()]),
        ("simulation_senders".to_owned(), vec!["training.example".to_owned()]),
    ])?;
    let scripts = compile(&lists)?;
    let messages: Vec<_> = (0..options.messages).map(message).collect();
    let context = Context { inputs: BTreeMap::new(), now: Timestamp(1_000_000_000_000_000) };
    let mut ways: Vec<Way<'_>> = vec![
        ("native closure".to_owned(), None, Box::new(|all| all.iter().filter(|one| native(one)).count())),
        ("match:".to_owned(), Some(MATCH_GOAL), {
            let predicate = predicate();
            Box::new(move |all| all.iter().filter(|one| predicate.matches(one)).count())
        }),
    ];
    for script in &scripts {
        let mut session = script.session(&context);
        let judge = move |all: &[Message]| all.iter().filter(|one| session.keep(one).is_ok_and(|one| one.keep)).count();
        ways.push((script.name().to_owned(), Some(SCRIPT_GOAL), Box::new(judge)));
    }
    let mut times = vec![Vec::new(); ways.len()];
    for round in 0..options.rounds.max(1) {
        for turn in 0..ways.len() {
            // Each round begins with another way, so that no way always runs on a warm or a throttled machine.
            let at = (turn + round) % ways.len();
            let started = Instant::now();
            black_box(ways[at].2(black_box(&messages)));
            times[at].push(started.elapsed().as_nanos() / u128::from(options.messages.max(1)));
        }
    }
    let scripts = print(&ways, times);
    let boundary = super::program::<u32>("boundary", &[])?;
    Ok(if scripts == ExitCode::SUCCESS { boundary } else { scripts })
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn print(ways: &[Way<'_>], times: Vec<Vec<u128>>) -> ExitCode {
    let medians: Vec<_> = times.into_iter().map(median).collect();
    let native = medians.first().copied().unwrap_or(1).max(1);
    let mut code = ExitCode::SUCCESS;
    println!("{:<40} {:>8} {:>9} {:>8}", "way", "ns", "x native", "goal ns");
    for ((name, goal, _), time) in ways.iter().zip(medians) {
        let tenths = time * 10 / native;
        let (goal, verdict) = match goal {
            Some(goal) if time > *goal => {
                code = ExitCode::FAILURE;
                (goal.to_string(), "MISSED")
            }
            Some(goal) => (goal.to_string(), "ok"),
            None => ("-".to_owned(), ""),
        };
        println!("{name:<40} {time:>8} {:>7}.{} {goal:>8} {verdict}", tenths / 10, tenths % 10);
    }
    code
}

fn median(mut times: Vec<u128>) -> u128 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(0)
}

fn compile(lists: &Lists) -> Result<Vec<FilterScript>, Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts");
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "rhai") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            scripts.push(FilterScript::compile(&name, &std::fs::read_to_string(&path)?, lists)?);
        }
    }
    scripts.sort_by(|one, other| one.name().cmp(other.name()));
    Ok(scripts)
}

/// Returns a message; one in four meets all four conditions.
fn message(number: u32) -> Message {
    let evil = number.is_multiple_of(2);
    Message {
        store: "corp".into(),
        mailbox: format!("user{}@corp.example", number % 1_000).into(),
        reference: MessageRef {
            locator: format!("1:{number}:INBOX"),
            message_id: format!("<{number}@evil.example>"),
            fingerprint: format!("{number:032x}"),
        },
        location: Location::new(
            if number.is_multiple_of(3) { LocationKind::Junk } else { LocationKind::Inbox },
            "INBOX",
        ),
        original_location: None,
        subject: format!("Your {} number {number} is overdue", if number % 4 < 2 { "invoice" } else { "parcel" }),
        from_address: format!("billing{}@{}.example", number % 10, if evil { "evil" } else { "paper" }),
        from_name: "Billing".into(),
        also_from: Vec::new(),
        cut: Vec::new(),
        to: vec![format!("user{}@corp.example", number % 1_000)],
        received_at: Timestamp(999_990_000_000_000),
        size: 4_000,
        flags: vec!["\\Seen".into()],
        attachments: vec![],
        headers: vec![("list-id".into(), "<weekly.paper.example>".into())],
    }
}

fn native(message: &Message) -> bool {
    matches!(message.location.kind, LocationKind::Inbox | LocationKind::Junk)
        && message.size < 1_000_000
        && message.from_domain() == "evil.example"
        && message.subject.to_ascii_lowercase().contains("invoice")
}

fn predicate() -> Predicate {
    Predicate::all([
        Condition::LatestLocation(vec![LocationKind::Inbox, LocationKind::Junk]),
        Condition::SmallerThan(1_000_000),
        Condition::FromDomain(vec!["evil.example".to_owned()]),
        Condition::SubjectContains(vec!["invoice".to_owned()]),
    ])
}
