//! Every table at 80 columns.

use clawback_action_center::json::RemediationJson;
use clawback_model::{Action, ActionSource, InvestigationStatus, OutcomeKind, Severity, Status};

use super::*;
use crate::commands::plan::Sample;
use crate::commands::principals::Principals;
use crate::commands::schedules::{Slots, Upcoming};
use crate::commands::show::{Batches, Events};
use crate::commands::sweeps::Sweeps;
use crate::tables::{Alerts, Connectors, History, Investigations, Kept, Messages, Pending, Schedules, Tokens};

const ID: &str = "R-RCZYYVN2QCCE";
const TIME: &str = "2026-11-23T08:00:00Z";

fn longest<const N: usize>(words: [&'static str; N]) -> String {
    words.into_iter().max_by_key(|word| word.len()).unwrap().to_owned()
}

/// The longest value that a column has in practice.
fn value<Row>(column: &Column<Row>) -> String {
    match (column.kind, column.name) {
        (Kind::Mailbox, _) => format!("{}@corp.example", "anneliese.".repeat(9)),
        (Kind::Text, _) => "Überweisung fällig zahlen sofort ".repeat(20),
        (Kind::Time, _) | (_, "fires_at") => TIME.to_owned(),
        (_, "local_time") => "2026-11-23 09:00:00 CET".to_owned(),
        (_, "status" | "remediation_status") => longest(Status::ALL.map(Status::as_str)),
        (_, "investigation_status") => longest(InvestigationStatus::ALL.map(InvestigationStatus::as_str)),
        (_, "action") => longest(Action::ALL.map(Action::as_str)),
        (_, "action_source") => longest(ActionSource::ALL.map(ActionSource::as_str)),
        (_, "outcome") => longest(OutcomeKind::ALL.map(OutcomeKind::as_str)),
        (_, "severity") => longest(Severity::ALL.map(Severity::as_str)),
        (Kind::Word, _) => "removed".to_owned(),
        (_, "done") => "200000/200000".to_owned(),
        (_, "digest" | "plan_digest" | "sha256" | "evidence") => "0123456789abcdef".repeat(4),
        (_, "url" | "locator" | "fingerprint") => "0123456789abcdef".repeat(8),
        (_, "connector" | "version") => "maildir".to_owned(),
        (_, "seq" | "batch" | "bytes" | "messages" | "throttled" | "looks" | "late_copies" | "failed") => {
            "2000000".to_owned()
        }
        (Kind::Whole, _) => ID.to_owned(),
    }
}

/// Checks one table, and gives its lines.
fn check<T: Table>(terminal: u16) -> Vec<String> {
    let columns = T::COLUMNS.iter().filter(|column| column.shown != Shown::Wide);
    let drawn = columns.map(|column| Drawn::new(column, vec![value(column), value(column)], true)).collect();
    let text = draw(&arrange(drawn, Some(terminal), false), false);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "one line a row: {text}");
    for line in &lines {
        assert!(line.chars().count() <= usize::from(terminal), "{line}");
    }
    for column in T::COLUMNS.iter().filter(|column| column.shown == Shown::Always) {
        let whole = match column.kind {
            Kind::Text | Kind::Mailbox => continue,
            Kind::Time => to_the_minute(TIME),
            Kind::Whole | Kind::Word => value(column),
        };
        assert!(lines[1].contains(&whole), "{} is not whole: {text}", column.name);
    }
    lines
}

/// Checks the table at both ends.
fn check_all<T: Table>() {
    check::<T>(80);
    check::<T>(120);
    check::<T>(300);
}

#[test]
fn every_table_fits_a_line_of_80_columns_with_whole_ids() {
    check_all::<History>();
    check_all::<Pending>();
    check_all::<Messages>();
    check_all::<Events>();
    check_all::<Batches>();
    check_all::<Sample>();
    check_all::<Alerts>();
    check_all::<Investigations>();
    check_all::<Kept>();
    check_all::<Schedules>();
    check_all::<Slots>();
    check_all::<Upcoming>();
    check_all::<Sweeps>();
    check_all::<Connectors>();
    check_all::<Principals>();
    check_all::<Tokens>();
}

#[test]
fn a_wide_terminal_shows_more_columns() {
    let head = |terminal| check::<History>(terminal).remove(0);
    assert!(!head(80).contains("REQUESTED BY") && head(200).contains("REQUESTED BY"), "{}", head(200));
    assert!(!head(200).contains("ALERT ID"), "that is for --wide");
}

fn remediation(name: &str) -> RemediationJson {
    let counts = clawback_model::Counts { submitted: 120, succeeded: 118, ..Default::default() };
    serde_json::from_value(serde_json::json!({
        "id": ID, "name": name, "severity": "high", "description": "", "status": "partially-completed",
        "action": "soft-delete", "action_source": "explorer", "origin": "fresh", "approval_id": "A-RCZYYVN2QCCE",
        "investigation_id": "I-RCZYYVN2QCCE", "alert_id": "L-RCZYYVN2QCCE", "playbook": "manual", "selection": "",
        "requested_by": "ann", "created_at": TIME, "updated_at": TIME, "held": false, "counts": counts, "facts": null,
    }))
    .unwrap()
}

fn shape(columns: &[&str], wide: bool) -> Shape<History> {
    Shape { columns: columns.iter().map(|name| (*name).to_owned()).collect(), wide, ..Shape::default() }
}

#[test]
fn texts_are_cut_only_where_a_terminal_ends() {
    let name = "A very long name \u{202e} of a remediation ".repeat(5);
    let rows = [remediation(&name), remediation("short")];
    let usual = Shape::<History>::default();
    let on_terminal = usual.render(&rows, Some(80), false);
    let cut: Vec<&str> = on_terminal.lines().collect();
    assert!(cut[1].starts_with(&format!("{ID}  partially-completed  118/120  2026-11-23 08:00  A very")), "{}", cut[1]);
    assert!(cut[1].ends_with('…') && cut[1].chars().count() == 80, "{}", cut[1]);
    let piped = usual.render(&rows, None, false);
    assert!(piped.contains(TIME) && piped.contains("name \\u{202e} of"), "{piped}");
    assert!(piped.contains("REQUESTED BY") && !piped.contains("A-RCZ"), "{piped}");
    let wide = shape(&[], true).render(&rows, None, false);
    assert!(wide.contains("A-RCZYYVN2QCCE") && wide.contains("L-RCZYYVN2QCCE"), "{wide}");
}

#[test]
fn a_mailbox_is_whole_before_texts_are() {
    let columns = Messages::COLUMNS.iter().filter(|column| column.shown == Shown::Always);
    let cell = |column: &Column<_>| match column.kind {
        Kind::Mailbox => "anneliese@corp.example".to_owned(),
        Kind::Word => "succeeded".to_owned(),
        _ => "recoverable-items:Recoverable Items".to_owned(),
    };
    let drawn = columns.map(|column| Drawn::new(column, vec![cell(column)], true)).collect();
    let text = draw(&arrange(drawn, Some(80), false), false);
    assert!(text.lines().nth(1).unwrap().starts_with("anneliese@corp.example  succeeded  recov"), "{text}");
}

#[test]
fn columns_come_in_the_order_asked_for() {
    let rows = [remediation("short")];
    let asked = shape(&["severity", "alert_id", "id"], false).render(&rows, Some(80), false);
    assert_eq!(asked, format!("SEVERITY  ALERT ID        ID\nhigh      L-RCZYYVN2QCCE  {ID}"));
    let narrow = shape(&["id", "investigation_id", "name"], false).render(&rows, Some(20), false);
    assert!(narrow.contains(ID) && narrow.contains("I-RCZYYVN2QCCE"), "whole, though it fits no more: {narrow}");
}

#[test]
fn words_have_colours_and_names_have_none() {
    let coloured = Shape::<History>::default().render(&[remediation("failed")], Some(200), true);
    let coloured_words = coloured.matches("\u{1b}[38;5;").count();
    assert_eq!(coloured_words, 2, "status and severity alone: {coloured:?}");
    let plain = Shape::<History>::default().render(&[remediation("failed")], Some(200), false);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
}
