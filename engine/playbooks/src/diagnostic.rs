//! The diagnostics of a playbook: all mistakes at once, each with its place and a hint.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde_json::json;

/// One mistake.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// A stable code, such as `unknown-key`.
    pub code: &'static str,
    /// The file: the playbook, or a script.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The mistake.
    pub message: String,
    /// A hint on how to correct it.
    pub hint: Option<String>,
    label: String,
    span: Range<usize>,
    source: Arc<NamedSource<Arc<str>>>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new(Some(self.label.clone()), self.span.start, self.span.len());
        Some(Box::new(std::iter::once(label)))
    }
}

/// The most mistakes of one playbook that are reported, because computing places takes time.
const MOST: usize = 100;

/// The mistakes of one playbook, in the order of the file, at most a hundred. Never empty.
#[derive(Debug, Clone)]
pub struct Diagnostics(Vec<Diagnostic>);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else { return Ok(()) };
        write!(f, "{}:{}:{}: {}", first.file, first.line, first.column, first.message)?;
        match self.0.len() {
            1 => Ok(()),
            number => write!(f, " (and {} more)", number - 1),
        }
    }
}

impl std::error::Error for Diagnostics {}

impl Diagnostics {
    /// Returns the mistakes.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Returns their number.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none, which is never true of what `load` returns.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Renders each mistake with the lines around it and a caret; in colour for terminals.
    pub fn render(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1);
        let mut text = String::new();
        for diagnostic in &self.0 {
            if handler.render_report(&mut text, diagnostic).is_err() {
                text.push_str(&diagnostic.message);
            }
            text.push('\n');
        }
        text
    }

    /// Returns a list of objects with code, file, line, column, message and hint.
    pub fn to_json(&self) -> serde_json::Value {
        let object = |known: &Diagnostic| {
            json!({
                "code": known.code, "file": known.file, "line": known.line, "column": known.column,
                "message": known.message, "hint": known.hint,
            })
        };
        self.0.iter().map(object).collect()
    }
}

/// Collects mistakes while a playbook is read.
#[derive(Debug)]
pub(crate) struct Report {
    name: String,
    source: Arc<NamedSource<Arc<str>>>,
    text: Arc<str>,
    found: RefCell<Vec<Diagnostic>>,
}

/// A mistake that was just reported, to which a hint can be added; `None` if it is over the limit.
pub(crate) struct Reported<'a>(Option<&'a Report>);

impl Reported<'_> {
    pub(crate) fn help(self, hint: impl Into<String>) {
        let Some(report) = self.0 else { return };
        if let Some(last) = report.found.borrow_mut().last_mut() {
            last.hint = Some(hint.into());
        }
    }
}

impl Report {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let text: Arc<str> = text.into();
        let source = Arc::new(NamedSource::new(name, text.clone()));
        Self { name: name.to_owned(), source, text, found: RefCell::default() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn error(
        &self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Reported<'_> {
        if self.found.borrow().len() >= MOST {
            return Reported(None);
        }
        let (line, column) = place(&self.text, span.start);
        // The span of a block would mark half the file; its first line is enough.
        let first_line = self.text.get(span.clone()).and_then(|text| text.find('\n'));
        let span = first_line.map_or(span.clone(), |length| span.start..span.start + length);
        self.found.borrow_mut().push(Diagnostic {
            code,
            file: self.name.clone(),
            line,
            column,
            message: message.into(),
            hint: None,
            label: label.into(),
            span,
            source: self.source.clone(),
        });
        Reported(Some(self))
    }

    /// Reports a mistake inside a script, shown in the script's own text.
    pub(crate) fn script_error(&self, source: &str, error: &clawback_scripting::ScriptError) {
        let file = format!("scripts/{}", error.name);
        let start = offset(source, error.line, error.column);
        let end = source[start..].char_indices().nth(1).map_or(source.len(), |(length, _)| start + length);
        let mut found = self.found.borrow_mut();
        let same =
            |known: &Diagnostic| known.file == file && known.line == error.line && known.message == error.message;
        if found.len() >= MOST || found.iter().any(same) {
            return;
        }
        found.push(Diagnostic {
            code: "script",
            source: Arc::new(NamedSource::new(&file, source.into())),
            file,
            line: error.line,
            column: error.column,
            message: error.message.clone(),
            hint: error.hint.clone(),
            label: "here".to_owned(),
            span: start..end,
        });
    }

    /// Returns the line of a byte for the next mistake; 0 if no more are reported.
    pub(crate) fn line(&self, at: usize) -> usize {
        if self.found.borrow().len() < MOST { place(&self.text, at).0 } else { 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    pub(crate) fn finish(self) -> Diagnostics {
        let mut found = self.found.into_inner();
        let own = self.name;
        found.sort_by_key(|known| (known.file != own, known.file.clone(), known.line, known.column));
        Diagnostics(found)
    }
}

/// Returns the line and column of a byte, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at.min(text.len()))];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

/// Returns the byte of a line and column.
pub(crate) fn offset(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for (number, known) in text.split_inclusive('\n').enumerate() {
        if number + 1 == line {
            let inside =
                known.char_indices().nth(column.saturating_sub(1)).map_or(known.trim_end().len(), |(at, _)| at);
            return start + inside;
        }
        start += known.len();
    }
    text.len()
}

/// Returns the nearest known word, if it is similar enough to be meant.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (given.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(word, given), word))
        .filter(|(distance, word)| *distance <= allowed || (given.len() > 3 && word.starts_with(given)))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of seven thousand mistakes only a hundred are reported and computed.
    #[test]
    fn so_many_mistakes_are_told_and_no_more() {
        let report = Report::new("p.yaml", "a\nb\n");
        for number in 0..MOST + 50 {
            let line = report.line(2);
            assert_eq!(line, if number < MOST { 2 } else { 0 });
            report.error("unknown-key", 2..3, format!("mistake {number}"), "here").help(format!("hint {number}"));
        }
        let found = report.finish();
        assert_eq!(found.len(), MOST);
        let last = found.iter().last().unwrap();
        assert_eq!((last.message.as_str(), last.hint.as_deref()), ("mistake 99", Some("hint 99")));
    }
}
