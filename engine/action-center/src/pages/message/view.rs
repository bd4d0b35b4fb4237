//! What a message shows, the same before and after a remediation: who sent it, what trusted servers say of that, where
//! its links lead, its text, its attachments, its header.

use std::collections::BTreeSet;

use clawback_mail::{Content, File, Link, Page, Person};
use clawback_model::{Digest, Features, Root, Target, visible, visible_line};
use maud::{Markup, html};

use crate::access::encoded;
use crate::design::icon::Icon;
use crate::design::pill::{Tone, pill};
use crate::design::table::{Column, Row, Table};
use crate::design::words::{counted, number};
use crate::design::{facts, text, toast};

/// Longest text of a link, in characters.
const LONGEST_LINK: usize = 1_000;
/// Characters of a subject that is searched for.
const LONGEST_SUBJECT: usize = 200;
/// Hosts that are offered as similar.
const OFFERED: usize = 5;
/// Different pairs of words without which no copy is found by the text.
const FEWEST_PAIRS: u32 = 20;
const LINKS: [Column; 3] =
    [Column::lead("Text").tall(), Column::fill("Leads to").tall(), Column::medium("Part").at_720()];
const FILES: [Column; 4] =
    [Column::lead("Name"), Column::medium("Declared type"), Column::count("Bytes"), Column::fill("sha256").tall()];
const HEADER: [Column; 2] = [Column::medium("Field"), Column::fill("Value").tall()];

/// What is known of a message.
pub(super) struct View<'a> {
    pub(super) target: &'a Target,
    /// What it is a message of.
    pub(super) of: &'a Markup,
    /// `None` if it has no header that can be read.
    pub(super) content: Option<&'a Content>,
    /// What an examination found, or why there was none.
    pub(super) examined: Result<Features, String>,
    /// Whether the site trusts a server that judges senders.
    pub(super) trusts_a_server: bool,
    pub(super) size: usize,
    pub(super) digest: Digest,
    /// Whether the reader may search.
    pub(super) may_search: bool,
}

impl View<'_> {
    pub(super) fn markup(&self) -> Markup {
        let Some(content) = self.content else {
            return html! {
                p .note.wait { "It has no header that can be read; download it." }
                (self.place())
            };
        };
        let wrong = content.links.iter().filter(|link| !link.names.is_empty()).count();
        html! {
            @if wrong > 0 {
                (toast::warning(format!("{} under a text that names another host.", leads(wrong))))
            }
            @if content.is_cut { (toast::note("It is too long to be shown whole; download the rest.")) }
            (self.sender(content))
            (self.authentication())
            @if self.may_search { (self.similar(content)) }
            section aria-label="Links" { h2 { "Links" } (links(&content.links)) }
            section aria-label="Text" {
                h2 { "Text" }
                @if content.texts.is_empty() && content.pages.is_empty() { p .empty { "No text." } }
                @for text in &content.texts { (block("Text", text)) }
                @for page in &content.pages { (html_part(page)) }
            }
            section aria-label="Attachments" { h2 { "Attachments" } (self.files(&content.files)) }
            section aria-label="Header" { h2 { "Header" } (header(&content.fields)) }
            (self.place())
        }
    }

    fn sender(&self, content: &Content) -> Markup {
        let features = self.examined.as_ref().ok();
        let others: Vec<&str> =
            features.map(|found| found.also_from.iter().map(String::as_str).collect()).unwrap_or_default();
        html! {
            (facts::list(&[
                ("From", people(&content.from)),
                ("Reply-To", people(&content.reply_to)),
                ("Other senders", html! { @for other in others.iter().take(OFFERED) { (text::mail(other)) " " } }),
                ("Envelope sender", filled(features.map_or("", |found| found.envelope_from.as_str()))),
                ("Date", filled(&content.date)),
                ("Received", text::time(self.target.received_at)),
                ("Mailbox", text::mail(&self.target.mailbox)),
                ("Folder", text::place(&self.target.location)),
                ("Remediation", self.of.clone()),
            ]))
        }
    }

    /// The judgement of the servers that the site trusts. Anybody can write a result into a header.
    fn authentication(&self) -> Markup {
        let shown = match &self.examined {
            Err(why) => html! {
                p .note.wait { "Not examined: " (text::mail(why)) ". Results in the header are not shown as results: a sender can write them." }
            },
            Ok(features) => html! {
                @match &features.authentication {
                    Some(found) => {
                        (facts::facts(&[
                            ("SPF", result(&found.spf)),
                            ("DKIM", result(&found.dkim)),
                            ("DMARC", result(&found.dmarc)),
                            ("Signed and verified for", html! { @for domain in features.dkim_verified.iter().take(OFFERED) { (text::mail(domain)) " " } }),
                            ("Sent from", html! { @if let Some(ip) = features.sender_ip { code { (ip) } } }),
                        ]))
                    },
                    None if self.trusts_a_server => p .note.wait { "A trusted server's result can be read in two ways, so none is shown." },
                    None => p { "None trusted: this site trusts no server's results (" code { "authentication-servers" } " of the configuration is empty)." },
                }
            },
        };
        html! { section aria-label="Authentication" { h2 { "Authentication" } (shown) } }
    }

    /// Searches for messages that share something with this one. They change nothing.
    fn similar(&self, content: &Content) -> Markup {
        let way = |name: &str, value: &str| format!("/search?{name}={}", encoded(value));
        let mut ways: Vec<(String, String)> = Vec::new();
        if !self.target.from_address.is_empty() {
            ways.push((
                format!("From {}", visible_line(&self.target.from_address, 60)),
                way("from", &self.target.from_address),
            ));
        }
        let subject: String = content.subject.trim().chars().take(LONGEST_SUBJECT).collect();
        if !subject.is_empty() {
            ways.push(("With this subject".to_owned(), way("subject", &subject)));
        }
        if let Ok(features) = &self.examined
            && features.sketch.pairs() >= FEWEST_PAIRS
        {
            ways.push(("With this text".to_owned(), way("like", &Root::of(features).to_string())));
        }
        let is_web = |link: &&Link| link.target.starts_with("http") && !link.host.is_empty();
        let hosts: BTreeSet<&str> = content.links.iter().filter(is_web).map(|link| link.host.as_str()).collect();
        for host in hosts.into_iter().take(OFFERED) {
            ways.push((format!("Links to {}", visible_line(&host.replace('.', "[.]"), 60)), way("url_host", host)));
        }
        html! { section aria-label="Find similar messages" {
            h2 { "Find similar" }
            p .quiet { "A search changes nothing." }
            div .row { @for (label, address) in ways { a .button.plain.small href=(address) { (Icon::Search) bdi { (label) } } } }
        } }
    }

    fn files(&self, files: &[File]) -> Markup {
        let row = |file: &File| {
            let name = if file.name.is_empty() { "(without a name)" } else { &file.name };
            let sha256 = file.sha256.to_string();
            Row::of([
                html! { (text::cell(name)) @if file.is_nested { span .quiet { " in an attached message" } } },
                text::cell(&file.media_type),
                html! { (number(file.size as u64)) },
                html! {
                    @if self.may_search { a href={ "/search?attachment_sha256=" (sha256) } title="Find messages with this file" { code .digest { (sha256) } } }
                    @else { code .digest { (sha256) } }
                },
            ])
        };
        html! { (Table::new("Attachments", &FILES, files.iter().map(row).collect()).or("None.")) }
    }

    fn place(&self) -> Markup {
        html! { section aria-label="The whole message" {
            h2 { "The whole message" }
            (facts::list(&[
                ("Bytes", html! { (number(self.size as u64)) }),
                ("sha256", html! { code .digest { (self.digest) } }),
                ("Store", text::mail(&self.target.store)),
                ("Message-ID", filled(&self.target.reference.message_id)),
                ("Fingerprint", html! { code .digest { (visible_line(&self.target.reference.fingerprint, 200)) } }),
            ]))
        } }
    }
}

fn leads(wrong: usize) -> String {
    if wrong == 1 { "1 link stands".to_owned() } else { format!("{} stand", counted(wrong as u64, "link")) }
}

/// A text of mail; nothing for an empty one.
fn filled(shown: &str) -> Markup {
    html! { @if !shown.is_empty() { (text::mail(shown)) } }
}

fn people(all: &[Person]) -> Markup {
    html! { @for (place, one) in all.iter().enumerate() {
        @if place > 0 { ", " }
        @if !one.name.is_empty() { (text::mail(&one.name)) " " }
        "<" (text::mail(&one.address)) ">"
    } }
}

fn result(word: &str) -> Markup {
    match word {
        "" => pill(Tone::Quiet, Icon::Minus, "no result"),
        "pass" => pill(Tone::Good, Icon::Check, "pass"),
        "none" | "neutral" => pill(Tone::Wait, Icon::Minus, word),
        other => pill(Tone::Bad, Icon::Cross, &visible_line(other, 40)),
    }
}

fn links(links: &[Link]) -> Markup {
    let row = |link: &Link| {
        let names = format!("The text names {}", visible_line(&link.names, 100));
        Row::of([
            html! { div {
                @if link.shown.trim().is_empty() { span .quiet { "(no text)" } } @else { bdi .mail { (visible_line(&link.shown, LONGEST_LINK)) } }
                @if !link.names.is_empty() { " " (pill(Tone::Bad, Icon::Warning, &names)) }
            } },
            html! { div {
                bdi .mail { code { (visible_line(&link.defanged(), LONGEST_LINK)) } }
                @if !link.gateway.is_empty() { span .quiet { " rewritten by " (text::mail(&link.gateway)) } }
            } },
            text::cell(&link.part),
        ])
    };
    html! { (Table::new("Links", &LINKS, links.iter().map(row).collect()).or("None.")) }
}

fn html_part(page: &Page) -> Markup {
    html! {
        h3 { "HTML as text" }
        @if page.text.is_empty() { p .empty { "No text that a reader sees." } } @else { (block("HTML as text", &page.text)) }
        details { summary { "HTML as source" } (block("HTML as source", &page.source)) }
    }
}

fn header(fields: &[(String, String)]) -> Markup {
    let row = |(name, value): &(String, String)| Row::of([text::cell(name), html! { bdi .mail { (lines(value)) } }]);
    html! { (Table::new("Header", &HEADER, fields.iter().map(row).collect()).or("None.")) }
}

/// A text of several lines, which scrolls if it is long.
fn block(name: &str, text: &str) -> Markup {
    html! { pre .message-text tabindex="0" role="group" aria-label=(name) { bdi { (lines(text)) } } }
}

/// Keeps line breaks and makes all other hidden characters visible.
fn lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}
