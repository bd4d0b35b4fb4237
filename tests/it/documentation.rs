//! The Markdown pages of the repository: their links lead somewhere, their lines are short, and what is generated is up to
//! date. The keys of `configuration.md` are checked where the configuration is read (`engine/cli/src/config/tests.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use clawback_tests::binary::binary;
use clawback_tests::committed;

/// Columns of a line, but of tables, code and lines that are one link.
const WIDEST: usize = 120;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The pages by their path from the root.
fn pages() -> BTreeMap<PathBuf, String> {
    fn find(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
        for entry in std::fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap) {
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                if !["target", "node_modules", ".git"].iter().any(|name| path.ends_with(name)) {
                    find(&path, found);
                }
            } else if path.extension().is_some_and(|ending| ending == "md") {
                let text = std::fs::read_to_string(root().join(&path)).unwrap();
                found.insert(path, text);
            }
        }
    }
    let mut found = BTreeMap::new();
    find(Path::new(""), &mut found);
    assert!(found.len() > 25, "the pages are where this test looks: {:?}", found.keys());
    found
}

/// The lines that are not code, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_fence && !is_code).then_some((number + 1, line))
    })
}

/// The anchors of a page, as GitHub makes them of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for heading in lines(text).filter_map(|(_, line)| line.strip_prefix('#')) {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone()).chain(numbered).find(|anchor| !found.contains(anchor));
        found.extend(free);
    }
    found
}

/// Where the links of a page lead, with the numbers of their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    // The text of a link may go over two lines; where it leads is on one.
    let mut found = Vec::new();
    for (number, line) in lines(text) {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, after)) = after.split_once(')') else { break };
            found.push((number, target.to_owned()));
            rest = after;
        }
    }
    found
}

/// `a/b` and `../c` from the folder of a page.
fn joined(page: &Path, target: &str) -> PathBuf {
    let mut path = page.parent().unwrap().to_owned();
    for part in target.split('/') {
        match part {
            ".." => assert!(path.pop(), "{} leads out of the repository: {target}", page.display()),
            "." => {}
            part => path.push(part),
        }
    }
    path
}

fn broken(pages: &BTreeMap<PathBuf, String>, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    for (page, text) in pages {
        for (number, link) in links(text).into_iter().filter(|(_, link)| !link.contains("://")) {
            let (target, anchor) = link.split_once('#').map_or((link.as_str(), None), |(to, at)| (to, Some(at)));
            let path = if target.is_empty() { page.clone() } else { joined(page, target) };
            let reached = match (pages.get(&path), anchor) {
                (Some(text), Some(anchor)) => anchors(text).contains(anchor),
                (Some(_), None) => true,
                (None, anchor) => anchor.is_none() && exists(&path),
            };
            if !reached {
                broken.push(format!("{}:{number}: {link}", page.display()));
            }
        }
    }
    broken
}

fn wide(pages: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut wide = Vec::new();
    for (page, text) in pages {
        for (number, line) in lines(text) {
            let exempt = line.starts_with('|') || !line.trim().contains(' ') || is_link(line.trim());
            let columns = line.chars().count();
            if columns > WIDEST && !exempt {
                wide.push(format!("{}:{number}: {columns} columns", page.display()));
            }
        }
    }
    wide
}

/// Whether a line is one link, which cannot be cut.
fn is_link(line: &str) -> bool {
    let line = line.trim_start_matches(['-', '!', ' ']);
    line.starts_with('[') && line.matches("](").count() == 1 && line.trim_end_matches(['.', ',', ':']).ends_with(')')
}

#[test]
fn links_between_pages_lead_somewhere() {
    let broken = broken(&pages(), |path| root().join(path).exists());
    assert!(broken.is_empty(), "links to nothing: {broken:#?}");
}

#[test]
fn lines_of_pages_are_short() {
    let wide = wide(&pages());
    assert!(wide.is_empty(), "lines of more than {WIDEST} columns: {wide:#?}");
}

#[test]
fn a_link_to_nothing_and_a_wide_line_are_found() {
    let page = |text: &str| BTreeMap::from([(PathBuf::from("docs/a.md"), text.to_owned())]);
    let broken = |text: &str| broken(&page(text), |path| path == Path::new("there")).len();
    let text =
        "# The `[x.NAME]` key, *twice*\n\n[a](#the-xname-key-twice) [b](a.md) [c](../there) [d](https://c2sp.org/#x)\n";
    assert_eq!(broken(text), 0);
    for link in ["#the-x", "b.md", "a.md#nowhere", "../here", "../there#x"] {
        assert_eq!(broken(&format!("{text}and [e]({link})\n")), 1, "{link}");
    }
    let long = "word ".repeat(25);
    assert_eq!(wide(&page(&format!("{long}\n"))).len(), 1);
    assert!(wide(&page(&format!("| {long} |\n\n```sh\n{long}\n```\n"))).is_empty());
}

#[test]
fn the_reference_of_commands_is_what_the_program_prints() {
    let printed = Command::new(binary()).arg("reference").output().unwrap();
    assert!(printed.status.success(), "{printed:?}");
    committed::check("engine/cli/docs/commands.md", &String::from_utf8(printed.stdout).unwrap());
}
