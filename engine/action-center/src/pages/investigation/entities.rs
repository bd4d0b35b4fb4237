//! The entities of an investigation: what the root is made of, and the senders and subjects of the messages found.

use clawback_model::Root;
use clawback_store::{Share, SharedBy, Shares};
use maud::{Markup, html};

use super::found::Found;
use crate::access::encoded;
use crate::center::Center;
use crate::design::table::{Column, Row, Table};
use crate::design::words::number;
use crate::design::{facts, text};
use crate::problem::Problem;

/// Senders and subjects that are listed, those with the most messages first.
const LISTED: u32 = 25;

const SENDERS: [Column; 5] = [
    Column::lead("Sender"),
    Column::count("Messages"),
    Column::count("Mailboxes"),
    Column::count("Succeeded"),
    Column::count("Failed"),
];
const SUBJECTS: [Column; 5] = [
    Column::lead("Subject"),
    Column::count("Messages"),
    Column::count("Mailboxes"),
    Column::count("Succeeded"),
    Column::count("Failed"),
];
const OF_ROOT: [Column; 2] = [Column::long("Kind"), Column::lead("Value")];

/// The tab.
pub(super) async fn tab(center: &Center, found: &Found) -> Result<Markup, Problem> {
    let (history, id) = (&center.site().history, &found.remediation.id);
    let senders = history.shares(id, SharedBy::Sender, LISTED).await?;
    let subjects = history.shares(id, SharedBy::Subject, LISTED).await?;
    let was_removed = found.remediation.counts.submitted > 0 && senders.largest.is_empty();
    Ok(html! {
        @if let Some(root) = &found.root { (of_root(root)) }
        @if was_removed { p .empty { "The messages of this plan were removed, as the retention of the site asks for." } }
        @if !senders.largest.is_empty() {
            h2 { "Senders" }
            (shares("Senders", &SENDERS, &senders, |share| html! { a href={ "/search?from=" (encoded(&share.value)) } { (text::cell(&share.value)) } }))
            h2 { "Messages by subject" }
            (shares("Messages by subject", &SUBJECTS, &subjects, |share| text::subject(&share.value)))
            p { a href={ "/remediations/" (id) "?tab=messages" } { "Each message with its outcome" } }
        }
    })
}

fn shares(caption: &str, columns: &[Column], shares: &Shares, name: fn(&Share) -> Markup) -> Markup {
    let row = |share: &Share| {
        Row::of([
            name(share),
            text::count(share.messages),
            text::count(share.mailboxes),
            text::count(share.succeeded),
            text::count(share.failed),
        ])
    };
    let rows: Vec<Row> = shares.largest.iter().map(row).collect();
    let more = shares.all.saturating_sub(rows.len() as u64);
    html! {
        (Table::new(caption, columns, rows))
        @if more > 0 { p .empty { "and " (number(more)) " more" } }
    }
}

/// What is known of the message that was looked into, with a search for each entity that one can search for.
fn of_root(root: &Root) -> Markup {
    let (sender, parts, calls) = (root.identity(), root.entities(), root.calls());
    let mut rows: Vec<(&str, String, Option<&str>)> = vec![
        ("From address", sender.address.clone(), Some("from")),
        ("From domain", sender.domain.clone(), Some("from_domain")),
        ("Domain of the Return-Path", sender.envelope.clone(), None),
    ];
    rows.extend(sender.reply_to.iter().map(|one| ("Reply-To", one.clone(), Some("reply_to"))));
    rows.extend(sender.dkim.iter().map(|one| ("Signing domain (DKIM)", one.clone(), None)));
    rows.extend(parts.sender_ip.map(|ip| ("Sending address", ip.to_string(), Some("sender_ip"))));
    let mut hosts: Vec<&String> = parts.links.iter().map(|(host, _)| host).collect();
    hosts.dedup();
    rows.extend(hosts.into_iter().map(|host| ("Link to host", host.clone(), Some("url_host"))));
    rows.extend(calls.mail.iter().map(|one| ("Link to an address", one.clone(), None)));
    rows.extend(calls.phone.iter().map(|one| ("Link to a number", one.clone(), None)));
    rows.extend(parts.files.iter().map(|file| ("Attachment (sha256)", file.clone(), Some("attachment_sha256"))));
    let row = |(kind, value, field): &(&str, String, Option<&str>)| {
        Row::of([
            html! { (kind) },
            html! { @match field {
                Some(field) => a href={ "/search?" (field) "=" (encoded(value)) } { (text::cell(value)) },
                None => (text::cell(value)),
            } },
        ])
    };
    let rows: Vec<Row> = rows.iter().filter(|(_, value, _)| !value.trim().is_empty()).map(row).collect();
    html! {
        h2 { "The message that was looked into" }
        (facts::facts(&[
            ("Subject", text::subject(root.subject())),
            ("Message-ID", text::mail(root.message_id())),
            ("Text", html! { (number(root.sketch().pairs().into())) " pairs of words" }),
            ("From domain proved", html! { @if sender.is_authenticated { "Yes, by a server that the site trusts" } @else { "No" } }),
        ]))
        (Table::new("Entities of the message", &OF_ROOT, rows).or("It has no further entity."))
    }
}
