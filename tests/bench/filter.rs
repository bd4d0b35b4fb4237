//! The cost of one message in a filter: each shipped script and a `match:`, compared with a native closure, in turn,
//! medians; and the cost of a record that leaves a component. Run by `cargo xtask bench filter`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints its figures and panics on an error")]

#[path = "boundary.rs"]
mod boundary;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clawback_model::{Condition, Location, LocationKind, Message, MessageRef, Predicate, Timestamp};
use clawback_scripting::{Context, FilterScript, Lists};

/// Nanoseconds per message that a shipped script and a `match:` may take, with all limits on.
const SCRIPT_GOAL: u128 = 700;
const MATCH_GOAL: u128 = 100;

type Way<'a> = (String, Option<u128>, Box<dyn FnMut(&[Message]) -> usize + 'a>);

fn main() -> ExitCode {
    let number = |name: &str| {
        let place = std::env::args().position(|argument| argument == name).unwrap();
        std::env::args().nth(place + 1).unwrap().parse::<u32>().unwrap()
    };
    let (count, rounds) = (number("--messages"), number("--rounds"));
    let lists = Lists::new([
        ("vips".to_owned(), (0..50).map(|n| format!("user{n}@corp.example")).collect()),
        ("secops_mailboxes".to_owned(), vec!["secops@corp.example".to_owned()]),
        ("simulation_senders".to_owned(), vec!["training.example".to_owned()]),
    ])
    .unwrap();
    let scripts = compile(&lists);
    let messages: Vec<_> = (0..count).map(message).collect();
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
    for round in 0..rounds.max(1) as usize {
        for turn in 0..ways.len() {
            // Each round starts with another one, so that none always runs first or last.
            let at = (turn + round) % ways.len();
            let started = Instant::now();
            black_box(ways[at].2(black_box(&messages)));
            times[at].push(started.elapsed().as_nanos() / u128::from(count.max(1)));
        }
    }
    let code = print(&ways, times);
    boundary::run();
    code
}

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

pub(crate) fn median(mut times: Vec<u128>) -> u128 {
    times.sort_unstable();
    times[times.len() / 2]
}

fn compile(lists: &Lists) -> Vec<FilterScript> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "rhai") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            scripts.push(FilterScript::compile(&name, &std::fs::read_to_string(&path).unwrap(), lists).unwrap());
        }
    }
    scripts.sort_by(|one, other| one.name().cmp(other.name()));
    scripts
}

/// One message in four matches all four conditions.
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
        features: None,
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
