//! The pieces of an address field, even if it is broken. Every scan is linear: a missing end is searched for only once.

use crate::words;

/// One piece. `is_glued`: nothing is between it and the piece before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) is_glued: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bare text, with encoded words undecoded.
    Word(String),
    /// An encoded word that is valid in an address field.
    Encoded(String),
    /// Text between quotes, with escapes resolved.
    Quoted(String),
    /// Text between parentheses.
    Comment(String),
    /// Text between angle brackets, or after an unclosed one.
    Angle(String),
    /// A comma or semicolon.
    End,
    /// A colon: the text before it names a group.
    Colon,
}

/// Returns the pieces of a field, and whether its quotes are balanced.
pub(super) fn pieces(value: &str) -> (Vec<Piece>, bool) {
    let mut lexer = Lexer { value, at: 0, are_quotes_open: false, are_comments_open: false };
    let mut found: Vec<Piece> = Vec::new();
    let mut is_glued = false;
    while let Some(c) = lexer.rest().chars().next() {
        if c.is_whitespace() {
            lexer.at += c.len_utf8();
            is_glued = false;
            continue;
        }
        match lexer.next(c) {
            Some(kind) => {
                found.push(Piece { kind, is_glued });
                is_glued = true;
            }
            None => is_glued = false,
        }
    }
    (found, !lexer.are_quotes_open)
}

struct Lexer<'a> {
    value: &'a str,
    at: usize,
    /// Whether an unclosed quote was found: later quotes are ordinary characters.
    are_quotes_open: bool,
    are_comments_open: bool,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.value[self.at..]
    }

    /// Returns the piece that starts with `c`. `None` if it is not part of a piece.
    fn next(&mut self, c: char) -> Option<Kind> {
        match c {
            '"' => {
                let quoted = self.quoted(self.at);
                self.at = quoted.as_ref().map_or(self.at + 1, |(end, _)| *end);
                quoted.map(|(_, text)| Kind::Quoted(text))
            }
            '(' => {
                let comment = self.comment();
                self.at = comment.as_ref().map_or(self.at + 1, |(end, _)| *end);
                comment.map(|(_, text)| Kind::Comment(text))
            }
            '<' => self.angle(),
            ',' | ';' | ':' => {
                self.at += 1;
                Some(if c == ':' { Kind::Colon } else { Kind::End })
            }
            '>' | ')' | '\\' => {
                self.at += 1;
                None
            }
            _ => Some(self.word()),
        }
    }

    /// Returns the end of the quoted string that starts at `start`, and its text.
    fn quoted(&mut self, start: usize) -> Option<(usize, String)> {
        if self.are_quotes_open {
            return None;
        }
        let mut text = String::new();
        let mut characters = self.value[start + 1..].char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => return Some((start + 1 + at + 1, text)),
                '\\' => text.extend(characters.next().map(|(_, c)| c)),
                _ => text.push(c),
            }
        }
        self.are_quotes_open = true;
        None
    }

    fn comment(&mut self) -> Option<(usize, String)> {
        if self.are_comments_open {
            return None;
        }
        let (mut text, mut depth) = (String::new(), 0_usize);
        let mut characters = self.rest().char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => text.extend(characters.next().map(|(_, c)| c)),
                '(' => {
                    if depth > 0 {
                        text.push(c);
                    }
                    depth += 1;
                }
                ')' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some((self.at + at + 1, text));
                    }
                    text.push(c);
                }
                _ => text.push(c),
            }
        }
        self.are_comments_open = true;
        None
    }

    /// Returns `None` for a bracket that another one follows before it is closed: the inner one counts.
    fn angle(&mut self) -> Option<Kind> {
        let start = self.at + 1;
        let mut at = start;
        while let Some(c) = self.value[at..].chars().next() {
            match c {
                '>' => {
                    self.at = at + 1;
                    return Some(Kind::Angle(self.value[start..at].to_owned()));
                }
                '<' => {
                    self.at = at;
                    let before = self.value[start..at].trim();
                    return (!before.is_empty()).then(|| Kind::Angle(before.to_owned()));
                }
                '"' => match self.quoted(at) {
                    // A quoted local part may contain any character.
                    Some((end, _)) if self.value[end..].starts_with('@') => at = end,
                    _ => at += 1,
                },
                _ => at += c.len_utf8(),
            }
        }
        // It is unclosed: it ends where an address would.
        let open = &self.value[start..];
        let end =
            open.trim_start().find([',', ';']).map_or(open.len(), |end| open.len() - open.trim_start().len() + end);
        self.at = start + end;
        Some(Kind::Angle(open[..end].to_owned()))
    }

    fn word(&mut self) -> Kind {
        if let Some(length) = words::length_of_atom(self.rest()) {
            let word = self.rest()[..length].to_owned();
            self.at += length;
            return Kind::Encoded(word);
        }
        let (rest, mut end, mut is_literal) = (self.rest(), 0, false);
        for (at, c) in rest.char_indices() {
            // A domain literal may contain colons: x@[IPv6:::1].
            is_literal = (is_literal || c == '[' && rest[..at].ends_with('@')) && c != ']';
            let is_end = c.is_whitespace()
                || matches!(c, '"' | '(' | ')' | '<' | '>' | ',' | ';' | '\\')
                || c == ':' && !is_literal
                || c == '=' && at > 0 && words::length_of_atom(&rest[at..]).is_some();
            if is_end {
                break;
            }
            end = at + c.len_utf8();
        }
        self.at += end;
        Kind::Word(rest[..end].to_owned())
    }
}
