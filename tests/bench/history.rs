//! `cargo xtask bench history`: the first page of the history under every combination of its filters, on both databases.
//!
//! The history is a million remediations with the ten events or so that each went through, made up by `tests/support/past.rs`.
//! Every combination of the filters is asked with values that are common, rare, absent, and that never meet. One answer in
//! twenty is compared with a walk over everything.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on panics; its result is what it prints"
)]

use std::time::Instant;

use clawback_model::{Action, ActionSource, Remediation, Status, Timestamp};
use clawback_store::{HistoryFilter, Store};
use clawback_tests::past::{self, submitted_at};

/// Remediations on a page, as the Action Center shows them.
const PAGE: u32 = 50;
/// Milliseconds.
const GOAL: f64 = 50.0;
/// Every so many answers one is compared.
const COMPARED: usize = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u32>().ok()
    };
    let (remediations, rounds) = (value("--remediations").unwrap_or(1_000_000), value("--rounds").unwrap_or(3));
    let named = arguments.iter().position(|argument| argument == "--database");
    let named = named.and_then(|at| arguments.get(at + 1)).map(String::as_str);
    tokio::runtime::Runtime::new().unwrap().block_on(report(remediations, rounds, named));
}

async fn report(remediations: u32, rounds: u32, named: Option<&str>) {
    println!("first page of {PAGE} under every combination of filters; {rounds} rounds; goal {GOAL} ms (p99)");
    println!(
        "{:<9} {:>13} {:>10} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "database", "remediations", "events", "queries", "filled s", "index s", "p50 ms", "p95 ms", "p99 ms", "max ms"
    );
    let databases: Vec<&str> = ["sqlite", "postgres"]
        .into_iter()
        .filter(|name| named.is_none_or(|url| url.starts_with("sqlite:") == (*name == "sqlite")))
        .collect();
    for database in databases {
        let folder = tempfile::tempdir().unwrap();
        let url = match (named, database) {
            (Some(url), _) => url.to_owned(),
            (None, "sqlite") => format!("sqlite:{}", folder.path().join("bench.db").display()),
            (None, _) => clawback_tests::postgres::database().await,
        };
        let mut all: Vec<Remediation> = Vec::new();
        let began = Instant::now();
        let there = named.is_some() && is_filled(&url).await;
        let remember = |made: past::Made| all.push(made.remediation);
        let events =
            if there { past::retell(remediations, remember) } else { past::write(&url, remediations, remember).await };
        let filled = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let store = Store::open(&url).await.unwrap();
        let indexed = began.elapsed().as_secs_f64();
        let filters = filters(remediations, &all);
        // Each once, so that every connection knows the statements.
        let mut took: Vec<(f64, usize)> = Vec::new();
        for round in 0..=rounds {
            for (place, filter) in filters.iter().enumerate() {
                let began = Instant::now();
                let page = store.history(filter, None, PAGE).await.unwrap();
                let milliseconds = began.elapsed().as_secs_f64() * 1_000.0;
                if round > 0 {
                    took.push((milliseconds, place));
                } else if place % COMPARED == 0 {
                    compare(&page.remediations, filter, &all);
                }
            }
        }
        took.sort_by(|one, other| one.0.total_cmp(&other.0));
        let percentile = |share: f64| {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place"
            )]
            let place = ((took.len() - 1) as f64 * share) as usize;
            took[place].0
        };
        println!(
            "{database:<9} {remediations:>13} {events:>10} {:>7} {filled:>8.0} {indexed:>8.0} {:>8.2} {:>8.2} {:>8.2} {:>8.2}",
            filters.len(),
            percentile(0.5),
            percentile(0.95),
            percentile(0.99),
            percentile(1.0),
        );
        for (milliseconds, place) in took.iter().rev().take(3) {
            println!("          {milliseconds:.2} ms: {}", shown(&filters[*place]));
        }
        store.close().await;
    }
}

/// Whether a database that stays has its history from a run before.
async fn is_filled(url: &str) -> bool {
    let Ok(store) = Store::open(url).await else { return false };
    let filled = store.head().await.unwrap().seq > 0;
    store.close().await;
    filled
}

/// Every combination of values of six filters, and each of the two unique ones alone and with others that do not fit.
fn filters(remediations: u32, all: &[Remediation]) -> Vec<HistoryFilter> {
    let text = |word: &str| Some(word.to_owned());
    // Common, rare, absent; of one letter, of two that are together only in some; long; all pieces there, in another order.
    let names =
        [None, text("purge"), text("zanzibar"), text("no such name"), text("q"), text("7 (z"), text("notice: parcel")];
    let statuses = [None, Some(Status::Completed), Some(Status::Rejected), Some(Status::Paused), Some(Status::Queued)];
    let sources = [None, Some(ActionSource::Schedule), Some(ActionSource::Manual), Some(ActionSource::Script)];
    let actions = [None, Some(Action::SoftDelete), Some(Action::HardDelete)];
    let deciders = [None, text("automation"), text("zoe"), text("nobody")];
    let at = |share: u32| Some(Timestamp(submitted_at(remediations / 100 * share).0 + 1));
    let times = [(None, None), (at(99), None), (None, at(1)), (at(40), at(60)), (at(50), at(50))];
    let mut filters = Vec::new();
    for name in &names {
        for status in statuses {
            for action_source in sources {
                for action_type in actions {
                    for decided_by in &deciders {
                        for (since, until) in times {
                            let (name, decided_by) = (name.clone(), decided_by.clone());
                            filters.push(HistoryFilter {
                                name,
                                statuses: status.into_iter().collect(),
                                action_source,
                                action_type,
                                decided_by,
                                since,
                                until,
                                ..HistoryFilter::default()
                            });
                        }
                    }
                }
            }
        }
    }
    let pending = HistoryFilter { pending_only: true, ..HistoryFilter::default() };
    filters.extend([pending.clone(), HistoryFilter { name: text("purge"), ..pending }]);
    let middle = &all[all.len() / 2].request;
    for unique in [
        HistoryFilter { approval_id: Some(middle.approval_id.clone()), ..HistoryFilter::default() },
        HistoryFilter { investigation_id: Some(middle.investigation_id.clone()), ..HistoryFilter::default() },
    ] {
        filters.push(HistoryFilter { statuses: vec![Status::Queued], ..unique.clone() });
        filters.push(unique);
    }
    filters
}

fn compare(found: &[Remediation], filter: &HistoryFilter, all: &[Remediation]) {
    let expected = all.iter().rev().filter(|one| filter.lets_through(one)).take(PAGE as usize);
    assert!(found.iter().map(|one| &one.id).eq(expected.map(|one| &one.id)), "{}", shown(filter));
}

fn shown(filter: &HistoryFilter) -> String {
    let words = [
        filter.name.as_ref().map(|name| format!("name `{name}`")),
        filter.statuses.first().map(ToString::to_string),
        filter.action_source.map(|source| format!("from {source}")),
        filter.action_type.map(|action| action.to_string()),
        filter.decided_by.as_ref().map(|name| format!("by {name}")),
        filter.since.map(|since| format!("since {}", since.0)),
        filter.until.map(|until| format!("until {}", until.0)),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
