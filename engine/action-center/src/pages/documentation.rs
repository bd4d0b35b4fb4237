//! The documentation of this version as pages: the Markdown files of the repository, with links between them.

use axum::extract::{Path, State};
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::problem::Problem;

/// A page: its name in the address, the end of the path of its file, and its text.
type Page = (&'static str, &'static str, &'static str);

macro_rules! docs {
    ($($name:literal),+) => { &[$(($name, concat!("/", $name, ".md"), include_str!(concat!("../../../cli/docs/", $name, ".md")))),+] };
}

/// The pages in their groups.
const GROUPS: [(&str, &[Page]); 4] = [
    (
        "Daily work",
        docs!["working", "people", "signed-votes", "reports", "indicators", "block-lists", "checkpoints", "agents"],
    ),
    (
        "Playbooks",
        &[
            ("playbooks", "workflows/README.md", include_str!("../../../../workflows/README.md")),
            ("scripts", "scripts/README.md", include_str!("../../../../scripts/README.md")),
        ],
    ),
    (
        "Operation",
        docs![
            "operation",
            "configuration",
            "database",
            "mail-servers",
            "doveadm",
            "jmap",
            "gmail",
            "microsoft-365",
            "sign-in",
            "guards",
            "limits",
            "notifications",
            "telemetry"
        ],
    ),
    ("Commands and interfaces", docs!["commands", "api", "output", "exports", "remote"]),
];

fn all() -> impl Iterator<Item = &'static Page> {
    GROUPS.into_iter().flat_map(|(_, pages)| pages)
}

/// Links to the pages, in their groups.
pub(super) fn contents() -> Markup {
    html! { @for (group, pages) in GROUPS {
        h3 { (group) }
        ul .contents { @for (name, _, text) in pages { li { a href={ "/help/" (name) } { (title(text)) } } } }
    } }
}

pub(crate) async fn page(State(center): State<Center>, Path(name): Path<String>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let (_, _, text) = all().find(|(known, ..)| *known == name).ok_or_else(Problem::not_found)?;
    let body = html! {
        p { a href="/help" { "Help" } }
        div .document { (shown(text)) }
    };
    Ok(layout::page(&frame, "/help", title(text), &body))
}

/// The first heading.
fn title(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default()
}

/// A text without its first heading. HTML in it would be shown as text.
fn shown(text: &str) -> Markup {
    let mut events: Vec<Event<'_>> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    name_headings(&mut events);
    let after_title = events.iter().position(|event| matches!(event, Event::End(TagEnd::Heading(HeadingLevel::H1))));
    let (mut links, mut tables) = (Vec::new(), 0);
    let events = events.into_iter().skip(after_title.map_or(0, |place| place + 1)).flat_map(|event| match event {
        // A link to a file that is no page keeps its text.
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let address = address(&dest_url);
            links.push(address.is_some());
            let link = address.map(|to| Event::Start(Tag::Link { link_type, dest_url: to.into(), title, id }));
            link.into_iter().collect()
        }
        Event::End(TagEnd::Link) if links.pop() == Some(false) => vec![],
        // A wide table scrolls by itself, also by keyboard.
        Event::Start(Tag::Table(columns)) => {
            tables += 1;
            let around = format!("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table {tables}\">");
            vec![Event::Html(around.into()), Event::Start(Tag::Table(columns))]
        }
        Event::End(TagEnd::Table) => vec![Event::End(TagEnd::Table), Event::Html("</div>".into())],
        Event::Html(text) | Event::InlineHtml(text) => vec![Event::Text(text)],
        other => vec![other],
    });
    let mut page = String::with_capacity(2 * text.len());
    pulldown_cmark::html::push_html(&mut page, events);
    PreEscaped(page)
}

/// Gives each heading the anchor that links have: its text in lower case, with hyphens for blanks.
fn name_headings(events: &mut [Event<'_>]) {
    for place in 0..events.len() {
        if !matches!(events[place], Event::Start(Tag::Heading { .. })) {
            continue;
        }
        let words = events[place + 1..].iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
        let words: String = words
            .filter_map(|event| match event {
                Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
                _ => None,
            })
            .collect();
        if let Event::Start(Tag::Heading { id, .. }) = &mut events[place] {
            *id = Some(CowStr::from(anchor(&words)));
        }
    }
}

fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The address that a link of a text leads to on these pages; `None` for a file that is no page.
fn address(link: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with('#') {
        return Some(link.to_owned());
    }
    let (file, fragment) =
        link.split_once('#').map_or((link, String::new()), |(file, part)| (file, format!("#{part}")));
    let file = format!("/{file}");
    let (name, ..) = all().find(|(_, end, _)| file.ends_with(end))?;
    Some(format!("/help/{name}{fragment}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_documentation_is_a_page() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/docs");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files: BTreeSet<String> =
            files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        let pages: BTreeSet<String> = all().map(|(name, ..)| (*name).to_owned()).collect();
        let others = ["playbooks", "scripts"].map(str::to_owned).into();
        assert_eq!(pages, &files | &others);
        assert!(all().all(|(.., text)| !title(text).is_empty()));
    }

    #[test]
    fn links_lead_to_pages_and_to_their_headings() {
        for (name, _, text) in all() {
            let page = shown(text).into_string();
            for link in page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
                let Some(local) = link.strip_prefix("/help/").or_else(|| link.starts_with('#').then_some(link)) else {
                    assert!(link.starts_with("https://"), "{name}: {link}");
                    continue;
                };
                let (to, fragment) = local.split_once('#').unwrap_or((local, ""));
                let to = if to.is_empty() { name } else { to };
                let (.., text) = all().find(|(known, ..)| *known == to).unwrap_or_else(|| panic!("{name}: {link}"));
                let is_there = fragment.is_empty() || shown(text).into_string().contains(&format!("id=\"{fragment}\""));
                assert!(is_there, "{name}: {link}");
            }
        }
    }

    #[test]
    fn a_text_becomes_a_page_without_html_of_its_own() {
        let text = "# Title\n\n## A `b` c\n\n<script>alert(1)</script>\n\nSee [x](working.md#y), [z](../assets/z.sql).\n\n| a |\n|---|\n| 1 |\n";
        let page = shown(text).into_string();
        assert!(page.contains("<h2 id=\"a-b-c\">") && !page.contains("<script"), "{page}");
        assert!(!page.contains("Title") && page.contains("<a href=\"/help/working#y\">x</a>, z."), "{page}");
        assert!(page.contains("aria-label=\"Table 1\"><table>") && page.contains("</tbody></table>\n</div>"), "{page}");
    }
}
