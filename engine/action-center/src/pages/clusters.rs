//! The messages of a remediation grouped by sender and subject, with where they were and where they are. A page of its
//! own, since it reads all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use clawback_model::{LocationKind, Outcome, OutcomeKind, Target};
use maud::{Markup, html};

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::design::table::{Column, Row, Table};
use crate::design::{chart, text};
use crate::lookup::find;

/// Messages read at once.
const READ: u32 = 5_000;
/// Clusters that are counted separately; later ones are counted as others.
const TOLD_APART: usize = 10_000;
/// Clusters and mailboxes that are shown, largest first.
const SHOWN: usize = 50;

const COLUMNS: [Column; 5] = [
    Column::lead("From"),
    Column::fill("Subject"),
    Column::count("Messages"),
    Column::count("Succeeded"),
    Column::count("Failed"),
];

/// Sender and subject.
type Key = (String, String);

#[derive(Default)]
struct Clusters {
    messages: u64,
    by_key: BTreeMap<Key, Cluster>,
    others: u64,
    by_mailbox: BTreeMap<Arc<str>, u64>,
    before: BTreeMap<LocationKind, u64>,
    after: BTreeMap<LocationKind, u64>,
    gone: u64,
}

#[derive(Default)]
struct Cluster {
    messages: u64,
    succeeded: u64,
    failed: u64,
}

impl Clusters {
    fn add(&mut self, target: &Target, outcome: Option<&Outcome>) {
        self.messages += 1;
        *self.before.entry(target.location.kind).or_default() += 1;
        let receipt = outcome.and_then(|outcome| outcome.receipt.as_ref());
        match receipt.map_or(Some(&target.location), |receipt| receipt.location.as_ref()) {
            Some(location) => *self.after.entry(location.kind).or_default() += 1,
            None => self.gone += 1,
        }
        *self.by_mailbox.entry(Arc::clone(&target.mailbox)).or_default() += 1;
        let key = (target.from_address.to_lowercase(), target.subject.clone());
        if self.by_key.len() >= TOLD_APART && !self.by_key.contains_key(&key) {
            self.others += 1;
            return;
        }
        let cluster = self.by_key.entry(key).or_default();
        cluster.messages += 1;
        match outcome.map(|outcome| outcome.kind) {
            Some(OutcomeKind::Succeeded) => cluster.succeeded += 1,
            Some(OutcomeKind::Failed) => cluster.failed += 1,
            _ => {}
        }
    }

    fn table(&self) -> Markup {
        let mut largest: Vec<_> = self.by_key.iter().collect();
        largest.sort_by_key(|(_, cluster)| std::cmp::Reverse(cluster.messages));
        let rows: Vec<Row> = largest
            .iter()
            .take(SHOWN)
            .map(|((from, subject), cluster)| {
                Row::of([
                    text::cell(from),
                    text::cell(subject),
                    html! { (cluster.messages) },
                    html! { (cluster.succeeded) },
                    html! { (cluster.failed) },
                ])
            })
            .collect();
        let unseen: u64 = largest.iter().skip(SHOWN).map(|(_, cluster)| cluster.messages).sum::<u64>() + self.others;
        html! {
            (Table::new("Clusters", &COLUMNS, rows).or("No message is planned yet."))
            @if unseen > 0 { p .empty { (unseen) " more messages in smaller clusters." } }
        }
    }
}

pub(crate) async fn page(State(center): State<Center>, Path(id): Path<String>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let id = find(&center, &id).await?.id;
    let (mut clusters, mut after) = (Clusters::default(), None);
    loop {
        let pairs = center.site().history.messages(&id, after, READ).await?;
        for (target, outcome) in &pairs {
            clusters.add(target, outcome.as_ref());
        }
        match pairs.last() {
            Some((last, _)) if pairs.len() == READ as usize => after = Some(last.seq),
            _ => break,
        }
    }
    let body = html! {
        p { (clusters.messages) " messages of " a href={ "/remediations/" (id) } { code { (id) } } ", by sender and subject." }
        (clusters.table())
        h2 { "Where they were" }
        (chart::locations(&clusters.before))
        h2 { "Where they are" }
        (chart::locations(&clusters.after))
        @if clusters.gone > 0 { p { (clusters.gone) " are gone for good." } }
        h2 { "By mailbox" }
        (chart::mailboxes(&clusters.by_mailbox, SHOWN))
    };
    Ok(layout::page(&frame, "/history", "Clusters", &body))
}
