//! The mailboxes of an investigation: those with messages, and those that were not searched.

use clawback_model::PlanFacts;
use clawback_store::{Share, SharedBy};
use maud::{Markup, html};

use super::found::Found;
use crate::access::encoded;
use crate::center::Center;
use crate::design::table::{Column, Row, Table};
use crate::design::words::number;
use crate::design::{facts, text};
use crate::problem::Problem;

/// Mailboxes that are listed, those with the most messages first.
const LISTED: u32 = 50;
const COLUMNS: [Column; 5] = [
    Column::lead("Mailbox"),
    Column::count("Messages"),
    Column::count("Succeeded"),
    Column::count("Failed"),
    Column::count("Open"),
];
const UNSEARCHED: [Column; 2] = [Column::lead("Mailbox"), Column::fill("Why").tall()];

/// The tab.
pub(super) async fn tab(center: &Center, found: &Found) -> Result<Markup, Problem> {
    let id = &found.remediation.id;
    let shares = center.site().history.shares(id, SharedBy::Mailbox, LISTED).await?;
    let row = |share: &Share| {
        Row::of([
            html! { a href={ "/remediations/" (id) "?tab=messages&mailbox=" (encoded(&share.value)) } { (text::cell(&share.value)) } },
            text::count(share.messages),
            text::count(share.succeeded),
            text::count(share.failed),
            text::count(share.open),
        ])
    };
    let rows: Vec<Row> = shares.largest.iter().map(row).collect();
    let more = shares.all.saturating_sub(rows.len() as u64);
    let nothing = if found.remediation.counts.submitted > 0 {
        "The messages of this plan were removed, as the retention of the site asks for."
    } else {
        "No mailbox has a message of this plan."
    };
    Ok(html! {
        @if let Some(known) = found.facts() { (counts(known)) (unsearched(known)) }
        h2 { "Mailboxes with messages" }
        (Table::new("Mailboxes", &COLUMNS, rows).or(html! { p .empty { (nothing) } }))
        @if more > 0 { p .empty { "and " (number(more)) " more; the "
            a href={ "/remediations/" (id) "/messages.csv" } { "file of the messages" } " has all of them" } }
    })
}

fn counts(known: &PlanFacts) -> Markup {
    facts::facts(&[
        ("Searched", html! { @if let Some(searched) = known.searched { (number(searched)) } }),
        ("With messages", html! { (number(known.mailboxes)) }),
        ("Not searched, or in part", html! { @if known.unsearched > 0 { (number(known.unsearched)) } }),
        ("Of VIPs", html! { @if known.vip_mailboxes > 0 { (number(known.vip_mailboxes)) } }),
    ])
}

fn unsearched(known: &PlanFacts) -> Markup {
    let rows: Vec<Row> =
        known.unsearched_sample.iter().map(|(mailbox, why)| Row::of([text::cell(mailbox), text::mail(why)])).collect();
    let more = known.unsearched.saturating_sub(rows.len() as u64);
    html! { @if !rows.is_empty() {
        h2 { "Not searched" }
        p { "What was not searched does not count as clean." }
        (Table::new("Mailboxes that were not searched", &UNSEARCHED, rows))
        @if more > 0 { p .empty { "and " (number(more)) " more" } }
    } }
}
