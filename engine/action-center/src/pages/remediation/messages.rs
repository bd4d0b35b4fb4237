//! The messages of a remediation: how many have each outcome and reason, which are links that filter, and a page of them.

use clawback_model::{Outcome, OutcomeKind, Permission, Reason, Remediation, Target, visible_line};
use clawback_store::MessageFilter;
use maud::{Markup, html};

use super::super::fields::Fields;
use super::super::frame::Frame;
use super::super::{findings, layout};
use crate::access::encoded;
use crate::body::optional;
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::filter_bar::{self, Chip, chips};
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::words::{number, spoken};
use crate::design::{pill, text};
use crate::problem::Problem;

/// Messages of a page.
const PAGE: u32 = 100;
/// The word of a message without an outcome.
const OPEN: &str = "open";
const COLUMNS: [Column; 9] = [
    Column::lead("Subject"),
    Column::long("From").at_1240(),
    Column::long("Mailbox"),
    Column::time("Received").at_1840(),
    Column::short("Found in").at_1540(),
    Column::medium("Outcome"),
    Column::medium("Reason"),
    Column::short("Moved to"),
    Column::medium("Script").at_1840(),
];

/// The tab.
pub(super) async fn tab(
    center: &Center,
    frame: &Frame,
    remediation: &Remediation,
    query: &Fields,
) -> Result<Markup, Problem> {
    let (id, history) = (&remediation.id, &center.site().history);
    let base = format!("/remediations/{id}?tab=messages");
    let outcome = query.filled("outcome");
    let kind: Option<Option<OutcomeKind>> = match outcome {
        None => None,
        Some(OPEN) => Some(None),
        Some(_) => Some(optional("outcome", outcome)?),
    };
    let reason: Option<Reason> = optional("reason", query.filled("reason"))?;
    let filter = MessageFilter {
        outcomes: kind.into_iter().collect(),
        reasons: reason.into_iter().collect(),
        mailbox: query.filled("mailbox").map(str::to_owned),
    };
    let after = optional("after", query.filled("after"))?;
    let from: u64 = optional("from", query.filled("from"))?.unwrap_or(0);
    let mut pairs = history.messages_like(id, &filter, after, PAGE + 1).await?;
    let more = pairs.len() > PAGE as usize;
    pairs.truncate(PAGE as usize);
    let summary = history.outcomes_by_reason(id).await?;
    let reads = frame.may(Permission::Examine);
    let mut columns = COLUMNS.to_vec();
    if reads {
        columns.push(Column::icon("View"));
    }
    let rows: Vec<Row> = pairs.iter().map(|pair| row(frame, remediation, pair, reads)).collect();
    let kept = query.query_without(&["tab", "after", "from"]);
    let here = if kept.is_empty() { base.clone() } else { format!("{base}&{kept}") };
    let nothing = if remediation.counts.submitted == 0 {
        empty(Icon::Mail, "No messages yet", "The plan lists them once the search has ended.")
    } else {
        empty(Icon::Search, "No message matches", html! { a href=(base) { "Clear filters" } })
    };
    Ok(html! {
        (chips("Outcome", &by_outcome(remediation, &base, outcome)))
        @if summary.iter().any(|(kind, ..)| *kind == OutcomeKind::Failed) { (failures(&summary, &base, reason)) }
        form .filters method="get" action={ "/remediations/" (id) } role="search" aria-label="Messages" {
            input type="hidden" name="tab" value="messages";
            @for name in ["outcome", "reason"] { @if let Some(value) = query.filled(name) { input type="hidden" name=(name) value=(value); } }
            div .bar {
                label .first { "Mailbox" input type="search" name="mailbox" value=(query.get("mailbox")) placeholder="ann@corp.example" autocomplete="off"; }
                button .plain { "Filter" }
            }
        }
        (filter_bar::set(&set(query, &base), &base))
        (Table::new("Messages", &columns, rows).or(nothing))
        @if !pairs.is_empty() { div .pager {
            (number(from + 1)) " to " (number(from + pairs.len() as u64))
            @if let (None, None) = (&filter.mailbox, reason) { " of " (number(total(remediation, outcome))) }
            @if from > 0 { a .button.plain href=(here) { "First" } }
            @if let Some((last, _)) = pairs.last().filter(|_| more) {
                a .button.plain href={ (here) "&after=" (last.seq) "&from=" (from + pairs.len() as u64) } { "Next" }
            }
        } }
    })
}

/// Every outcome that there is, with its number.
fn by_outcome(remediation: &Remediation, base: &str, chosen: Option<&str>) -> Vec<Chip> {
    let all = Chip {
        label: "All".to_owned(),
        count: Some(remediation.counts.submitted),
        address: base.to_owned(),
        is_set: chosen.is_none(),
    };
    let mut parts: Vec<(String, u64)> =
        remediation.counts.parts().iter().map(|(name, count)| (name.replace(' ', "-"), *count)).collect();
    parts.sort_by_key(|(word, _)| word != "failed");
    let chip = |(word, count): (String, u64)| Chip {
        label: spoken(&word),
        count: Some(count),
        address: format!("{base}&outcome={word}"),
        is_set: chosen == Some(word.as_str()),
    };
    std::iter::once(all).chain(parts.into_iter().filter(|(_, count)| *count > 0).map(chip)).collect()
}

fn total(remediation: &Remediation, outcome: Option<&str>) -> u64 {
    let Some(word) = outcome else { return remediation.counts.submitted };
    let parts = remediation.counts.parts();
    parts.iter().find(|(name, _)| name.replace(' ', "-") == word).map_or(0, |(_, count)| *count)
}

/// Why messages failed, the most frequent reason first.
fn failures(summary: &[(OutcomeKind, Reason, u64)], base: &str, chosen: Option<Reason>) -> Markup {
    let failed = summary.iter().filter(|(kind, ..)| *kind == OutcomeKind::Failed);
    html! { p { "Failed: " @for (place, (_, reason, count)) in failed.enumerate() {
        @if place > 0 { ", " }
        a href={ (base) "&outcome=failed&reason=" (reason.as_str()) } aria-current=[(chosen == Some(*reason)).then_some("true")] {
            (number(*count)) " × " (spoken(reason.as_str()).to_lowercase())
        }
    } } }
}

/// The filters that are set, without those that a chip shows.
fn set(query: &Fields, base: &str) -> Vec<(String, String)> {
    let of = |(name, label): (&str, &str)| {
        let value = query.filled(name)?;
        let kept = query.query_without(&["tab", "after", "from", name]);
        let shown = if name == "reason" { spoken(value) } else { visible_line(value, 100) };
        Some((format!("{label}: {shown}"), format!("{base}&{kept}")))
    };
    [("reason", "Reason"), ("mailbox", "Mailbox")].into_iter().filter_map(of).collect()
}

fn row(frame: &Frame, remediation: &Remediation, (target, outcome): &(Target, Option<Outcome>), reads: bool) -> Row {
    let receipt = outcome.as_ref().and_then(|outcome| outcome.receipt.as_ref());
    let mailbox = html! { a href={ "/remediations/" (remediation.id) "?tab=messages&mailbox=" (encoded(&target.mailbox)) } { (text::cell(&target.mailbox)) } };
    let reason = html! { @if let Some(outcome) = outcome {
        @let word = spoken(outcome.reason.as_str());
        @match &outcome.detail {
            Some(detail) => span title=(visible_line(detail, 300)) { (word) ": " (visible_line(detail, 300)) },
            None => (word),
        }
        @if let Some(entry) = receipt.and_then(|receipt| receipt.calendar_entry.as_ref()) {
            @let fate = spoken(entry.fate.as_str()).to_lowercase();
            div { "Calendar entry: " (fate) @if let Some(detail) = &entry.detail { ": " (visible_line(detail, 300)) } }
        }
    } };
    let moved = html! { @if let Some(receipt) = receipt { @match &receipt.location {
        Some(location) => (text::place(location)),
        None => "Gone",
    } } };
    let mut cells = vec![
        text::subject(&target.subject),
        text::cell(&target.from_address),
        mailbox,
        text::time(target.received_at),
        text::place(&target.location),
        pill::outcome(outcome.as_ref().map(|outcome| outcome.kind)),
        reason,
        moved,
        findings::script_words(target),
    ];
    if reads {
        cells.push(html! {
            form method="post" action={ "/remediations/" (remediation.id) "/messages/" (target.seq) } {
                (layout::form_token(frame))
                button .plain.small title="View" aria-label={ "View message " (u64::from(target.seq) + 1) } { (Icon::Mail) }
            }
        });
    }
    Row::of(cells)
}
