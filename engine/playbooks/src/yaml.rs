//! YAML as a tree of nodes with their places, parsed under limits.
//!
//! Built from parser events rather than a ready-made tree, so that duplicate keys, aliases and depth are detected at
//! once.

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::diagnostic::Report;

/// The largest playbook, in bytes.
const LARGEST: usize = 1024 * 1024;
/// The deepest nesting of maps and lists; the language needs eight.
const DEEPEST: usize = 24;
/// The most nodes of a file.
const MOST: usize = 50_000;

/// A value in the file.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The span in bytes.
    pub(crate) span: Range<usize>,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Text; `plain` if it is not quoted, so that it may also be a number or a boolean.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Returns the value of a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(known, _)| known.text() == Some(key)).map(|(_, value)| value)
    }

    /// Returns the entries of a map; empty for anything else.
    pub(crate) fn entries(&self) -> &[(Self, Self)] {
        if let Kind::Map(entries) = &self.kind { entries } else { &[] }
    }

    /// Returns the items of a list, or a single value as its only item.
    pub(crate) fn items(&self) -> &[Self] {
        if let Kind::List(items) = &self.kind { items } else { std::slice::from_ref(self) }
    }

    /// Returns the text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Kind::Scalar { text, .. } = &self.kind { Some(text) } else { None }
    }

    /// Returns whether the value is missing or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match &self.kind {
            Kind::Scalar { text, plain: true } => text.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn integer(&self) -> Option<u64> {
        match &self.kind {
            Kind::Scalar { text, plain: true } => text.replace('_', "").parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match &self.kind {
            Kind::Scalar { text, plain: true } => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// Returns a noun for the node, for error messages.
    pub(crate) fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::Map(_) => "a map",
            Kind::List(_) => "a list",
            Kind::Scalar { .. } if self.is_null() => "nothing",
            Kind::Scalar { .. } if self.boolean().is_some() => "a boolean",
            Kind::Scalar { .. } if self.number().is_some() => "a number",
            Kind::Scalar { .. } => "a text",
        }
    }
}

/// Parses one document. Returns `None` if nothing usable remains; the mistakes are in the report.
pub(crate) fn parse(source: &str, report: &Report) -> Option<Node> {
    if source.len() > LARGEST {
        let message = format!("the playbook has {} bytes, and {LARGEST} are allowed", source.len());
        report
            .error("too-large", 0..0, message, "here")
            .help("split it, or move lists into [lists] of the configuration");
        return None;
    }
    let mut reader = Reader { offsets: Offsets::new(source), report, nodes: 0, parser: Parser::new_from_str(source) };
    let mut root = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::DocumentStart(_) if root.is_some() => {
                let at = reader.offsets.range(span);
                report.error("several-documents", at, "a file holds one playbook", "a second document begins here");
                return None;
            }
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            other => root = Some(reader.node(other, span, 0)?),
        }
    }
    if root.is_none() {
        report.error("empty", 0..0, "the file holds no playbook", "nothing here").help("begin with `playbook: NAME`");
    }
    root
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    offsets: Offsets,
    report: &'a Report,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        match self.parser.next_event() {
            Some(Ok(next)) => Some(next),
            Some(Err(error)) => {
                let at = self.offsets.byte(error.marker().index());
                self.report.error("yaml", at..at, format!("this is no YAML: {}", error.info()), "here");
                None
            }
            None => Some((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Option<Node> {
        let start = self.offsets.range(span);
        self.nodes += 1;
        if depth > DEEPEST || self.nodes > MOST {
            self.report.error("too-deep", start, "the playbook is nested too deep or has too many values", "here");
            return None;
        }
        match event {
            Event::Alias(_) => {
                self.report
                    .error("alias", start, "aliases are not part of the language", "an alias")
                    .help("write the value out, or make it an input");
                None
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), &start)?;
                Some(Node {
                    span: start,
                    kind: Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain },
                })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), &start)?;
                let mut items = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if event == Event::SequenceEnd {
                        return Some(Node { span: self.to_end(&start, span), kind: Kind::List(items) });
                    }
                    items.push(self.node(event, span, depth + 1)?);
                }
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), &start)?;
                self.map(&start, depth)
            }
            other => {
                self.report.error("yaml", start, format!("this is no YAML: unexpected {other:?}"), "here");
                None
            }
        }
    }

    fn map(&mut self, start: &Range<usize>, depth: usize) -> Option<Node> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Some(Node { span: self.to_end(start, span), kind: Kind::Map(entries) });
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            let Some(name) = key.text() else {
                self.report.error("key", key.span.clone(), "a key is a word", "not a word");
                continue;
            };
            if let Some(first) = seen.get(name) {
                let line = self.report.line(*first);
                self.report
                    .error("duplicate-key", key.span.clone(), format!("the key `{name}` occurs twice"), "again")
                    .help(format!("the first one is in line {line}"));
                continue;
            }
            seen.insert(name.to_owned(), key.span.start);
            entries.push((key, value));
        }
    }

    fn refuse_extras(&self, anchor: usize, tagged: bool, at: &Range<usize>) -> Option<()> {
        if anchor == 0 && !tagged {
            return Some(());
        }
        let what = if tagged { "tags" } else { "anchors" };
        self.report
            .error("alias", at.clone(), format!("{what} are not part of the language"), "here")
            .help("write the value out, or make it an input");
        None
    }

    fn to_end(&self, start: &Range<usize>, end: Span) -> Range<usize> {
        start.start..self.offsets.byte(end.end.index()).max(start.end)
    }
}

/// Converts character offsets, which the parser counts, to byte offsets.
struct Offsets {
    bytes: Option<Vec<usize>>,
    length: usize,
}

impl Offsets {
    fn new(source: &str) -> Self {
        let bytes = (!source.is_ascii()).then(|| source.char_indices().map(|(at, _)| at).collect());
        Self { bytes, length: source.len() }
    }

    fn byte(&self, character: usize) -> usize {
        match &self.bytes {
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.length),
            None => character.min(self.length),
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }
}
