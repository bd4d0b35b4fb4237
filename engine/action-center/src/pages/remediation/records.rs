//! The records of a remediation: batches, events, kept messages, late copies, and the records around it.

use clawback_model::{InvestigationStatus, Remediation, RemediationId};
use clawback_store::Batch;
use maud::{Markup, html};

use super::super::fields::Fields;
use super::super::layout;
use super::linked::by_id;
use crate::body::optional;
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::words::{number, spoken};
use crate::design::{facts, pill, text};
use crate::json::SweepJson;
use crate::problem::Problem;

/// Kept messages of a page.
const PAGE: u32 = 100;
const BATCHES: [Column; 8] = [
    Column::count("Batch"),
    Column::count("Messages"),
    Column::long("Started"),
    Column::long("Ended"),
    Column::count("Succeeded"),
    Column::count("Failed"),
    Column::count("Throttled").at_960(),
    Column::fill("Outcome digest").at_960(),
];
const EVENTS: [Column; 6] = [
    Column::count("Event no."),
    Column::long("When"),
    Column::medium("Event"),
    Column::lead("Description").widest().tall(),
    Column::medium("By").tall().at_960(),
    Column::medium("Hash").at_1240(),
];
const KEPT: [Column; 5] = [
    Column::lead("Subject"),
    Column::long("Mailbox"),
    Column::count("Bytes"),
    Column::time("Kept"),
    Column::fill("sha256").at_960(),
];
const RELATED: [Column; 6] = [
    Column::short("Relation"),
    Column::lead("Remediation"),
    Column::medium("Status"),
    Column::count("Messages"),
    Column::count("Succeeded"),
    Column::time("Submitted"),
];

/// The batches, with their numbers.
pub(super) fn batches(found: &[Batch]) -> Markup {
    let open = |text: &str| html! { span .quiet { (text) } };
    let row = |batch: &Batch| {
        let ended = batch.finished.as_ref();
        let count = |of: &dyn Fn(&clawback_model::BatchReport) -> u64| {
            ended.map_or_else(Markup::default, |(_, report, _)| text::count(of(report)))
        };
        Row::of([
            text::count(u64::from(batch.number) + 1),
            text::count(batch.targets.into()),
            text::moment(batch.started_at),
            ended.map_or_else(|| open("Running"), |(at, ..)| text::moment(*at)),
            count(&|report| report.counts.succeeded),
            count(&|report| report.counts.failed),
            count(&|report| report.throttled),
            html! { @if let Some((.., digest)) = ended { code { (digest.to_string().chars().take(16).collect::<String>()) } } },
        ])
    };
    let rows: Vec<Row> = found.iter().map(row).collect();
    let nothing = empty(Icon::List, "No batches yet", "They begin once the plan is approved.");
    html! { (Table::new("Batches", &BATCHES, rows).or(nothing)) }
}

/// The events, from the first to the last, with those of people who read a message.
pub(super) async fn timeline(center: &Center, id: &RemediationId) -> Result<Markup, Problem> {
    let events = center.site().history.timeline(id).await?;
    let row = |entry: &clawback_store::Entry| {
        Row::of([
            html! { (entry.link.seq) },
            text::moment(entry.link.at),
            html! { (spoken(&entry.link.kind)) },
            text::mail(&entry.in_words()),
            html! { (text::cell(&entry.link.actor)) @if let Some(credential) = entry.credential() { " (" (text::cell(&credential.to_string())) ")" } },
            html! { code title=(entry.hash) { (entry.hash.to_string().chars().take(16).collect::<String>()) } },
        ])
    };
    let rows: Vec<Row> = events.iter().map(row).collect();
    Ok(html! {
        (Table::new("Timeline", &EVENTS, rows).or("No events."))
        p { a href={ "/audit?remediation=" (id) "#events" } { "The same on the page Audit, with filters" } }
    })
}

/// The messages that were kept before they were deleted for good. `base` is the address of the page that has the tab.
pub(crate) async fn evidence(
    center: &Center,
    id: &RemediationId,
    query: &Fields,
    base: &str,
) -> Result<Markup, Problem> {
    let after = optional("after", query.filled("after"))?;
    let (found, next) = center.site().history.evidence(Some(id), after, PAGE).await?;
    let row = |one: &clawback_store::KeptMessage| {
        Row::of([
            text::subject(one.subject.as_deref().unwrap_or_default()),
            text::cell(one.mailbox.as_deref().unwrap_or_default()),
            text::count(one.kept.bytes),
            text::time(one.kept.at),
            html! { code { (one.kept.digest) } },
        ])
    };
    let rows: Vec<Row> = found.iter().map(row).collect();
    let nothing = empty(Icon::Shield, "No message was kept", "Messages are kept before they are deleted for good.");
    Ok(html! {
        (Table::new("Kept messages", &KEPT, rows).or(nothing))
        @if let Some(next) = next { div .pager { a .button.plain href={ (base) "?tab=evidence&after=" (next) } { "Next" } } }
    })
}

/// The search for copies that arrive later.
pub(super) async fn late_copies(center: &Center, remediation: &Remediation) -> Result<Markup, Problem> {
    let Some(sweep) = SweepJson::load(&center.site().history, remediation).await? else {
        return Ok(empty(
            Icon::Clock,
            "No search for late copies",
            "The step `sweep` of a playbook repeats the search after the remediation has ended.",
        ));
    };
    let time = |at: &Option<String>| at.as_deref().map_or_else(Markup::default, text::time_of);
    Ok(html! { (facts::list(&[
        ("Late copies", html! { strong { (number(sweep.late_copies)) } }),
        ("Searches so far", html! { (number(sweep.looks)) }),
        ("Last search", time(&sweep.looked_at)),
        ("Next search", time(&sweep.next_at)),
        ("Until", time(&sweep.until)),
        ("Ended", html! { @if let Some(ended) = &sweep.ended { (text::mail(ended)) } }),
        ("Follow-ups", html! { @for id in &sweep.follow_ups { div { (by_id(id)) } } }),
    ])) })
}

/// The records around it: what it follows, its undos and retries, its investigation and its alert.
pub(super) async fn related(
    center: &Center,
    remediation: &Remediation,
    undos: &[Remediation],
    retries: &[Remediation],
) -> Result<Markup, Problem> {
    let (request, history) = (&remediation.request, &center.site().history);
    let alert = history.alert(&request.alert_id).await?;
    let investigation = history.investigation(&request.investigation_id).await?;
    let follow_ups = history.follow_ups(&remediation.id).await?;
    let first = match request.origin.of() {
        Some(of) => Some(history.load(of).await?),
        None => None,
    };
    let row = |relation: &str, it: &Remediation| {
        Row::of([
            html! { (relation) },
            layout::link(it),
            pill::status(it.status),
            text::count(it.counts.submitted),
            text::count(it.counts.succeeded),
            text::time(it.created_at),
        ])
    };
    let relation = format!("{} of", spoken(request.origin.as_str()));
    let rows: Vec<Row> = first
        .iter()
        .map(|it| row(&relation, it))
        .chain(undos.iter().map(|it| row("Undo", it)))
        .chain(retries.iter().map(|it| row("Retry", it)))
        .chain(follow_ups.iter().map(|it| row("Late copies", it)))
        .collect();
    Ok(html! {
        (facts::list(&[
            ("Investigation", html! { a href={ "/investigations/" (request.investigation_id) } { code { (request.investigation_id) } }
                " " (spoken(InvestigationStatus::of(remediation).as_str())) }),
            ("Entity", text::mail(&investigation.entity)),
            ("Alert", html! { (text::mail(&alert.name)) " " code { (alert.id) } }),
        ]))
        (Table::new("Related remediations", &RELATED, rows).or(html! { p .empty { "No other remediation belongs to it." } }))
    })
}
