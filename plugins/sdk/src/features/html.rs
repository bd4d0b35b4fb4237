//! What a reader sees of an HTML page: its text, its links, and a print of its structure.
//!
//! `html5gum` splits the page by the rules of the HTML standard (13.2.5), so that a tag, a comment and a character
//! reference end where they end for mail clients. No tree is built: a stack of open elements, with the end tags that
//! the standard implies most often, is enough to know what is hidden and what a link encloses. Time and memory are
//! linear in the size of the page, however deep it is nested.

use std::{borrow::Cow, collections::HashMap};

use html5gum::{StartTag, State, Token, Tokenizer, naive_next_state};

use super::{
    elements::{BLOCKS, FOREIGN, HTML_INSIDE, IGNORED, LEAVING, Names, SCOPES, VOID, implied},
    style::Hiding,
};
use crate::bound;

/// The most links of one page.
pub(crate) const LINKS: usize = 1_000;
/// The most bytes of one target.
pub(crate) const TARGET: usize = 8 * 1024;
/// The most bytes of the text of one link.
const SHOWN: usize = 1_024;
/// The most bytes of the print of the structure.
const SHAPE: usize = 256 * 1024;
/// The bytes of an element's name that are in the print.
const NAME: usize = 32;

/// What was read of a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// The visible text: words separated by one blank, blocks by one line feed.
    pub text: String,
    /// The visible text outside of links, in which clients make addresses of the web links.
    pub bare: String,
    /// Target and shown text of each link, in order. The target is as written, with character references decoded.
    pub links: Vec<(String, String)>,
    /// The names of the visible elements and their nesting, as `<div<a>>`, without text, addresses and styles. Equal for
    /// mails that are made from one template. Empty for a page without elements.
    pub shape: Vec<u8>,
    /// Whether `text` is truncated.
    pub is_text_cut: bool,
    /// Whether links or parts of their targets are missing.
    pub are_links_cut: bool,
}

/// Reads a page, up to `most` bytes of text.
///
/// Links are the targets of `a` and `area`, of forms and their buttons, of `base`, of `meta` refreshes, and those in
/// comments that only Outlook reads. Links of hidden elements are listed: what is hidden differs between clients.
pub(crate) fn read(html: &str, most: usize) -> Page {
    let mut reader = Reader { text: Words::new(most), bare: Words::new(most), ..Reader::default() };
    let mut tokens = Tokenizer::new(html);
    while let Some(Ok(token)) = tokens.next() {
        match token {
            Token::StartTag(tag) => {
                if let Some(state) = reader.start(&tag) {
                    tokens.set_state(state);
                }
            }
            Token::EndTag(tag) => reader.end(&tag.name),
            Token::String(text) => reader.put(&String::from_utf8_lossy(&text)),
            Token::Comment(comment) => reader.comment(&String::from_utf8_lossy(&comment)),
            Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    reader.pop_to(0);
    Page {
        links: reader.links.into_iter().map(Link::finish).collect(),
        text: reader.text.text,
        bare: reader.bare.text,
        shape: reader.shape,
        is_text_cut: reader.text.is_cut,
        are_links_cut: reader.are_links_cut,
    }
}

/// A text with folded white space.
#[derive(Debug, Default)]
struct Words {
    text: String,
    /// The white space before the next character.
    gap: Option<char>,
    most: usize,
    is_cut: bool,
}

impl Words {
    fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    fn gap(&mut self, gap: char) {
        if self.gap != Some('\n') && !self.text.is_empty() {
            self.gap = Some(gap);
        }
    }

    fn put(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() {
                self.gap(' ');
            } else if self.is_cut || self.text.len() + self.gap.map_or(0, char::len_utf8) + c.len_utf8() > self.most {
                self.is_cut = true;
                return;
            } else {
                self.text.extend(self.gap.take());
                self.text.push(c);
            }
        }
    }
}

/// A link whose end is not read yet.
#[derive(Debug)]
struct Link {
    target: String,
    shown: Words,
    /// Texts in place of its images.
    alternative: Words,
}

impl Link {
    fn finish(self) -> (String, String) {
        let shown = if self.shown.text.is_empty() { self.alternative.text } else { self.shown.text };
        (self.target, shown)
    }
}

/// An open element.
#[derive(Debug)]
struct Open {
    name: usize,
    hiding: Hiding,
    is_block: bool,
    is_link: bool,
}

#[derive(Debug, Default)]
struct Reader {
    open: Vec<Open>,
    names: HashMap<Vec<u8>, usize>,
    /// Of each name, the places in `open`, so that no end tag searches the stack.
    places: Vec<Vec<usize>>,
    text: Words,
    /// The text outside of links.
    bare: Words,
    links: Vec<Link>,
    /// The open links; `None` for one beyond the limit.
    inside: Vec<Option<usize>>,
    shape: Vec<u8>,
    are_links_cut: bool,
}

impl Reader {
    /// Opens an element. Returns how its content is read, if not as usual.
    fn start(&mut self, tag: &StartTag<()>) -> Option<State> {
        let name: &[u8] = &tag.name;
        for (closed, kept) in implied(name) {
            if let Some(place) = self.last(closed)
                && Some(place) > self.last(kept)
            {
                self.pop_to(place);
            }
        }
        let mut is_foreign = self.is_foreign();
        if is_foreign
            && LEAVING.contains(&name)
            && let Some(place) = self.last(FOREIGN)
        {
            self.pop_to(place);
            is_foreign = self.is_foreign();
        }
        let mut hiding = self.hiding().inside(&attribute(tag, b"style").unwrap_or_default());
        if tag.attributes.contains_key(&b"hidden"[..]) || IGNORED.contains(&name) {
            hiding = Hiding::REMOVED;
        }
        let is_block = BLOCKS.contains(&name);
        if is_block || name == b"br" {
            self.gap();
        }
        if !hiding.is_hidden() {
            self.print(b'<', &name[..name.len().min(NAME)]);
        }
        if name == b"img"
            && !hiding.is_hidden()
            && let Some(link) = self.inner_link()
            && let Some(text) = attribute(tag, b"alt")
        {
            link.alternative.gap(' ');
            link.alternative.put(&text);
        }
        let link = self.link(tag);
        if VOID.contains(&name) || (tag.self_closing && (is_foreign || FOREIGN.contains(&name))) {
            if !hiding.is_hidden() {
                self.print(b'>', b"");
            }
            return None;
        }
        let is_link = name == b"a";
        if is_link {
            self.bare.gap(' ');
            self.inside.push(link);
        }
        self.push(name, hiding, is_block, is_link);
        // Mail clients run no scripts, so that they show what is in `noscript`.
        if is_foreign || name == b"noscript" { None } else { naive_next_state(name) }
    }

    fn end(&mut self, name: &[u8]) {
        if matches!(name, b"br" | b"p") {
            self.gap();
        }
        let Some(place) = self.last(&[name]) else { return };
        let kept: Names = match name {
            b"table" => &[],
            b"td" | b"th" | b"tr" | b"tbody" | b"thead" | b"tfoot" | b"caption" => &[b"table"],
            _ => SCOPES,
        };
        if Some(place) >= self.last(kept) {
            self.pop_to(place);
        }
    }

    fn put(&mut self, text: &str) {
        if !self.hiding().is_hidden() {
            self.text.put(text);
            if self.inside.is_empty() {
                self.bare.put(text);
            }
            if let Some(link) = self.inner_link() {
                link.shown.put(text);
            }
        }
    }

    /// Reads the links in a conditional comment, `<!--[if mso]> … <![endif]-->`, whose content Outlook shows.
    fn comment(&mut self, comment: &str) {
        let is_conditional = comment.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("[if"));
        if let Some((_, content)) = comment.split_once('>').filter(|_| is_conditional) {
            for token in Tokenizer::new(content) {
                if let Ok(Token::StartTag(tag)) = token {
                    self.link(&tag);
                }
            }
        }
    }

    /// Adds the targets of an element. Returns the place of the last one.
    fn link(&mut self, tag: &StartTag<()>) -> Option<usize> {
        let name: &[u8] = &tag.name;
        let target = match name {
            b"a" => attribute(tag, b"href").or_else(|| attribute(tag, b"xlink:href")),
            b"area" | b"base" => attribute(tag, b"href"),
            b"form" => attribute(tag, b"action"),
            b"button" | b"input" => attribute(tag, b"formaction"),
            b"meta" => attribute(tag, b"http-equiv")
                .filter(|what| what.trim().eq_ignore_ascii_case("refresh"))
                .and_then(|_| refresh(&attribute(tag, b"content")?).map(Cow::Owned)),
            // VML, which Outlook shows.
            _ if name.starts_with(b"v:") => attribute(tag, b"href"),
            _ => None,
        }?;
        let target = target.trim();
        if target.is_empty() || target.starts_with('#') {
            return None;
        }
        if self.links.len() == LINKS {
            self.are_links_cut = true;
            return None;
        }
        let (target, is_cut) = bound::text(target.to_owned(), TARGET);
        self.are_links_cut |= is_cut;
        let mut alternative = Words::new(SHOWN);
        if name == b"area" {
            alternative.put(&attribute(tag, b"alt").unwrap_or_default());
        }
        self.links.push(Link { target, shown: Words::new(SHOWN), alternative });
        Some(self.links.len() - 1)
    }

    fn inner_link(&mut self) -> Option<&mut Link> {
        let link = (*self.inside.last()?)?;
        self.links.get_mut(link)
    }

    fn hiding(&self) -> Hiding {
        self.open.last().map(|open| open.hiding).unwrap_or_default()
    }

    /// Separates words, as a block or a line break does.
    fn gap(&mut self) {
        self.text.gap('\n');
        self.bare.gap('\n');
        if let Some(link) = self.inner_link() {
            link.shown.gap(' ');
        }
    }

    /// Returns whether the current element is one of SVG or `MathML`, and not HTML inside of these.
    fn is_foreign(&self) -> bool {
        self.last(FOREIGN) > self.last(HTML_INSIDE)
    }

    fn push(&mut self, name: &[u8], hiding: Hiding, is_block: bool, is_link: bool) {
        let name = if let Some(known) = self.names.get(name) {
            *known
        } else {
            self.names.insert(name.to_vec(), self.places.len());
            self.places.push(Vec::new());
            self.places.len() - 1
        };
        self.places[name].push(self.open.len());
        self.open.push(Open { name, hiding, is_block, is_link });
    }

    /// Closes elements until this many are open.
    fn pop_to(&mut self, left: usize) {
        while self.open.len() > left
            && let Some(open) = self.open.pop()
        {
            self.places[open.name].pop();
            if open.is_block {
                self.gap();
            }
            if open.is_link {
                self.inside.pop();
            }
            if !open.hiding.is_hidden() {
                self.print(b'>', b"");
            }
        }
    }

    /// Returns the innermost place of an element with one of these names.
    fn last(&self, names: &[&[u8]]) -> Option<usize> {
        let places = names.iter().filter_map(|name| self.places.get(*self.names.get(*name)?)?.last());
        places.copied().max()
    }

    fn print(&mut self, mark: u8, name: &[u8]) {
        if self.shape.len() < SHAPE {
            self.shape.push(mark);
            self.shape.extend(name);
        }
    }
}

fn attribute<'a>(tag: &'a StartTag<()>, name: &[u8]) -> Option<Cow<'a, str>> {
    tag.attributes.get(name).map(|value| String::from_utf8_lossy(value))
}

/// Returns the address of a refresh (HTML 4.2.5.3), such as `0; url='https://x/'`.
fn refresh(content: &str) -> Option<String> {
    let rest = content.trim_start().trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ';' | ','));
    let is_url = rest.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("url"));
    let value = if is_url { rest[3..].trim_start().strip_prefix('=').unwrap_or(rest) } else { rest }.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let value = quote.map_or(value, |quote| value[1..].split(quote).next().unwrap_or_default());
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
