//! What a search or a plan found: its clusters, what was not searched, what was left out, and the words of scripts.

use clawback_model::{ClusterBy, PlanFacts, Target};
use maud::{Markup, html};

use crate::design::table::{Column, Row, Table};
use crate::design::text;

const CLUSTERS: [Column; 9] = [
    Column::long("Same"),
    Column::lead("Value"),
    Column::count("Messages"),
    Column::count("In no other").at_960(),
    Column::count("Read").at_960(),
    Column::count("Answered").at_960(),
    Column::medium("Where"),
    Column::time("First").at_1240(),
    Column::time("Last").at_1240(),
];

/// What the messages of a cluster share.
pub(crate) const fn name_of(by: ClusterBy) -> &'static str {
    match by {
        ClusterBy::Body => "Text",
        ClusterBy::BodySenderDomain => "Text and sender domain",
        ClusterBy::BodySenderIp => "Text and sending address",
        ClusterBy::BodyUrlHost => "Text and domain of a link",
        ClusterBy::SubjectSenderDomain => "Subject and sender domain",
        ClusterBy::SubjectSenderIp => "Subject and sending address",
        ClusterBy::DkimSubject => "Signing domain and subject",
        ClusterBy::Url => "Link",
        ClusterBy::File => "Attachment",
        ClusterBy::ReplyTo => "Address to reply to",
        ClusterBy::HtmlStructure => "Structure of the HTML",
    }
}

/// The clusters of a plan, largest first.
pub(crate) fn clusters(facts: &PlanFacts) -> Markup {
    let mut largest: Vec<_> = facts.clusters.iter().collect();
    largest.sort_by_key(|cluster| std::cmp::Reverse(cluster.messages));
    let rows: Vec<Row> = largest
        .into_iter()
        .map(|cluster| {
            Row::of([
                html! { (name_of(cluster.by)) },
                text::cell(&cluster.value),
                text::count(cluster.messages),
                text::count(cluster.alone),
                text::count(cluster.read),
                text::count(cluster.answered),
                html! { (cluster.places()) },
                html! { @if let Some(at) = cluster.first_at { (text::time(at)) } },
                html! { @if let Some(at) = cluster.last_at { (text::time(at)) } },
            ])
        })
        .collect();
    html! {
        (Table::new("Clusters of the investigated message", &CLUSTERS, rows).or("The message makes no cluster."))
        @if !facts.clusters_not_made.is_empty() {
            details { summary { "Clusters that it does not make" }
                ul { @for (by, why) in &facts.clusters_not_made { li { (name_of(*by)) ": " (why) } } } }
        }
    }
}

/// What a search found and did not: the verdict, why the site asks for a vote, the clusters, what was not searched, and what was left out.
pub(crate) fn of_search(facts: &PlanFacts) -> Markup {
    let gaps = facts.not_looked_at();
    html! {
        @if !gaps.is_empty() {
            div .problem {
                p { "Not everything was searched. What was not searched does not count as clean." }
                ul { @for gap in &gaps { li { (text::mail(gap)) } } }
            }
        }
        @if let Some(verdict) = facts.verdict { p { "Verdict: " strong { (verdict) } } }
        @if facts.automatic { p { "The site's rules for automatic remediation are met." } }
        @if !facts.not_automatic.is_empty() {
            p { "The site asks for a vote:" }
            ul { @for reason in &facts.not_automatic { li { (reason.detail) } } }
        }
        @if !facts.clusters.is_empty() || !facts.clusters_not_made.is_empty() { (clusters(facts)) }
        @if !facts.left_out.is_empty() {
            details { summary { "Left out" } ul { @for left in &facts.left_out { li { (text::mail(&left.in_words())) } } } }
        }
    }
}

/// A playbook's script results for a message: the reason, and the word to group by.
pub(crate) fn script_words(target: &Target) -> Markup {
    html! {
        @if let Some(reason) = &target.script_reason { (text::mail(reason)) }
        @if let Some(tag) = &target.script_tag { " [" (text::mail(tag)) "]" }
    }
}
