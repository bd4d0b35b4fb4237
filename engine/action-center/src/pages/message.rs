//! The content of a message: headers, text, attachments by name and digest. Never as HTML, never with a link that can
//! be followed, and recorded as an event of the history each time.

use axum::extract::{Path, State};
use clawback_model::{Digest, visible};
use mail_parser::{Message, MessageParser, MimeHeaders as _};
use maud::{Markup, html};

use super::fields::Fields;
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::design::table::{Column, Row, Table};
use crate::design::{facts, text};
use crate::lookup::find;
use crate::message_file::message_file;
use crate::problem::Problem;

/// Characters of the text that are shown; the file has the whole of it.
const LONGEST_TEXT: usize = 200_000;
/// Header fields that are shown.
const FIELDS: usize = 200;
/// Attachments that are listed.
const ATTACHMENTS: usize = 200;

/// A message by its number in the plan, on a page or as a file.
pub(crate) async fn read(
    State(center): State<Center>,
    Path((id, seq)): Path<(String, u32)>,
    caller: Caller,
    fields: Fields,
) -> Shown {
    let id = find(&center, &id).await?.id;
    let (target, raw) = center.api().read_message(&caller.who, &id, seq).await?;
    if fields.filled("file").is_some() {
        return Ok(message_file(&format!("{id}-{seq}"), raw));
    }
    let frame = Frame::load(&center, caller).await?;
    // The sender determines how long parsing takes, within the limit of the message's size.
    let content = tokio::task::spawn_blocking(move || content(&raw)).await;
    let content = content.map_err(|_| Problem::bad_request("the message cannot be shown; download it"))?;
    let body = html! {
        p .note { "You read this message as " (text::mail(&frame.who.name)) ". This access is recorded." }
        (facts::facts(&[
            ("Remediation", html! { a href={ "/remediations/" (id) } { code { (id) } } }),
            ("Mailbox", text::mail(&target.mailbox)),
            ("Fingerprint", html! { code .digest { (target.reference.fingerprint) } }),
        ]))
        form method="post" action={ "/remediations/" (id) "/messages/" (seq) } {
            (layout::form_token(&frame))
            button name="file" value="yes" { "Download .eml" }
        }
        (content)
    };
    Ok(layout::page(&frame, "/history", &format!("Message {}", u64::from(seq) + 1), &body))
}

const HEADER: [Column; 2] = [Column::medium("Field"), Column::fill("Value").tall()];
const ATTACHED: [Column; 4] =
    [Column::lead("Name"), Column::medium("Declared type"), Column::count("Bytes"), Column::fill("sha256")];

fn content(raw: &[u8]) -> Markup {
    let Some(message) = MessageParser::default().parse(raw) else {
        return html! { p .note.wait { "It has no header that can be read; download it." } };
    };
    let sender = message.from().and_then(|from| from.first());
    let sender = sender.map(|one| (one.name().unwrap_or_default(), one.address().unwrap_or_default()));
    html! {
        (facts::facts(&[
            ("Subject", text::mail(message.subject().unwrap_or_default())),
            ("From", html! { @if let Some((name, address)) = sender { (text::mail(name)) " " (text::mail(address)) } }),
        ]))
        h2 { "Header" }
        (header_fields(&message))
        h2 { "Text" }
        @let text = text(&message);
        @if text.is_empty() { p .empty { "No text." } } @else { pre { bdi { (text) } } }
        h2 { "Attachments" }
        (attachments(&message))
        p { "The whole message: " (raw.len()) " bytes, sha256 " code .digest { (Digest::of(raw)) } }
    }
}

fn header_fields(message: &Message<'_>) -> Markup {
    let rows: Vec<Row> = message
        .headers_raw()
        .take(FIELDS)
        .map(|(name, value)| Row::of([text::cell(name), html! { bdi { (lines(value.trim(), LONGEST_TEXT)) } }]))
        .collect();
    html! { (Table::new("Header", &HEADER, rows).or("None.")) }
}

/// The text body, converted from HTML if there is no other.
fn text(message: &Message<'_>) -> String {
    let parts = (0..message.text_body_count()).filter_map(|part| message.body_text(part));
    let whole = parts.collect::<Vec<_>>().join("\n\n");
    lines(&whole, LONGEST_TEXT)
}

/// Keeps line breaks and makes all other hidden characters visible, for at most `most` characters.
fn lines(text: &str, most: usize) -> String {
    let cut: String = text.chars().take(most).collect();
    let mut shown = cut.lines().map(visible).collect::<Vec<_>>().join("\n");
    if cut.len() < text.len() {
        shown.push_str("\n… (cut; download the whole)");
    }
    shown
}

fn attachments(message: &Message<'_>) -> Markup {
    let row = |part: &mail_parser::MessagePart<'_>| {
        let kind = part.content_type().map(|kind| match kind.subtype() {
            Some(subtype) => format!("{}/{subtype}", kind.ctype()),
            None => kind.ctype().to_owned(),
        });
        Row::of([
            html! { (text::cell(part.attachment_name().unwrap_or("(without a name)"))) },
            text::cell(&kind.unwrap_or_default()),
            html! { (part.contents().len()) },
            html! { code .digest { (Digest::of(part.contents())) } },
        ])
    };
    let rows: Vec<Row> = message.attachments().take(ATTACHMENTS).map(row).collect();
    html! { (Table::new("Attachments", &ATTACHED, rows).or("None.")) }
}

#[cfg(test)]
mod tests {
    use super::content;

    #[test]
    fn nothing_of_a_message_is_markup() {
        let raw = b"From: <script>alert(1)</script> <eve@evil.example>\r\nSubject: =?utf-8?q?=E2=80=AEfdp.exe?=\r\n\
            X-Hidden: a\x1b[31mred\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\
            <p>Pay <a href=\"https://evil.example\">here</a><img src=x onerror=alert(1)></p>\r\n--b\r\n\
            Content-Type: application/pdf; name=\"in\xe2\x80\xaevoice<b>.pdf\"\r\nContent-Disposition: attachment\r\n\r\n%PDF\r\n--b--\r\n";
        let shown = content(raw).into_string();
        for markup in ["<script", "<img", "<a ", "<b>", "\x1b", "\u{202e}"] {
            assert!(!shown.contains(markup), "{markup}: {shown}");
        }
        for said in ["\\u{202e}fdp.exe", "eve@evil.example", "Pay here", "application/pdf", "voice", "\\u{1b}"] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
        assert!(content(b"").into_string().contains("download it"));
    }
}
