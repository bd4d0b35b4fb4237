//! The only parser of address fields: From, To and Cc as mail clients show them, even if they are broken on purpose.
//!
//! Clients differ in how they read a broken field, and attackers rely on that. So there is one address to show, which
//! most clients show, and in addition every other that any client would show. An address that is only in a quoted or
//! encoded display name is a name: it counts only if the field has no other address.

mod lex;

use lex::{Kind, Piece};

use unicode_normalization::UnicodeNormalization as _;

use crate::{normal::is_invisible, words};

/// The most bytes of one address. Longer ones are truncated at the start, because the domain is at the end.
pub(crate) const LONGEST: usize = 1_000;

/// The content of one field, or of several of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Senders {
    /// The display name and address of each mailbox, in order; the first one with an address is the one to show.
    pub mailboxes: Vec<Mailbox>,
    /// Every other address that a client could show, in order, each once.
    pub also: Vec<String>,
}

/// One mailbox of an address list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// The display name, decoded.
    pub name: String,
    /// The address in lower case, without invisible characters.
    pub address: String,
}

impl Senders {
    /// Reads a further field.
    pub fn read(&mut self, value: &[u8]) {
        let text = words::unfold(value);
        if let Some(mailbox) = usual(&text) {
            self.mailboxes.push(mailbox);
            return;
        }
        let (mut found, is_paired) = Field::of(&text);
        if !found.has_address() {
            // No visible address: it may be encoded.
            let decoded = words::decode(&text);
            if decoded != text {
                found = Field::of(&decoded).0;
            }
            if !found.has_address() {
                let bare = Field::of(&without_quotes(&decoded)).0;
                if bare.has_address() || found.mailboxes.is_empty() {
                    found = bare;
                }
            }
        } else if !is_paired {
            // If quotes are unbalanced, it is unknown what is inside them.
            let bare = Field::of(&without_quotes(&text)).0;
            found.also.extend(bare.mailboxes.into_iter().map(|mailbox| mailbox.address));
            found.also.extend(bare.also);
        }
        self.mailboxes.extend(found.mailboxes);
        self.also.extend(found.also);
    }

    /// Returns the mailbox to show: the first that has an address.
    pub fn shown(&self) -> Option<&Mailbox> {
        let is_address = |mailbox: &&Mailbox| mailbox.address.contains('@');
        let is_there = |mailbox: &&Mailbox| !mailbox.address.is_empty();
        self.mailboxes
            .iter()
            .find(is_address)
            .or_else(|| self.mailboxes.iter().find(is_there))
            .or(self.mailboxes.first())
    }

    /// Returns every address, in order, possibly repeated.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        let mailboxes = self.mailboxes.iter().map(|mailbox| &mailbox.address);
        mailboxes.chain(&self.also).map(String::as_str).filter(|address| !address.is_empty())
    }
}

/// Parses `Name <a@b>`, `"Name" <a@b>`, `<a@b>` and `a@b`, the forms of nearly all mail, at little cost.
fn usual(text: &str) -> Option<Mailbox> {
    let (name, address) = match text.strip_suffix('>') {
        Some(open) => open.split_once('<')?,
        None => ("", text),
    };
    let is_atom = |text: &str| {
        !text.is_empty()
            && !text.starts_with('.')
            && !text.ends_with('.')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+%&/!#$*^~".contains(&byte))
    };
    let (local, domain) = address.split_once('@')?;
    if !is_atom(local) || !is_atom(domain) || !name.is_ascii() {
        return None;
    }
    let name = name.trim();
    let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    let inner = quoted.unwrap_or(name);
    let is_plain = |byte: u8| match byte {
        b'"' | b'\\' => false,
        b'@' | b'(' | b')' | b'<' | b'>' | b',' | b';' | b':' => quoted.is_some(),
        _ => true,
    };
    if !inner.bytes().all(is_plain) {
        return None;
    }
    Some(Mailbox { name: tidy(&words::decode(inner)), address: address.to_ascii_lowercase() })
}

/// The content of one field in one reading.
#[derive(Debug, Default)]
struct Field {
    mailboxes: Vec<Mailbox>,
    also: Vec<String>,
    /// Words of a name that a comma separated.
    name: String,
}

impl Field {
    fn of(text: &str) -> (Self, bool) {
        let (pieces, is_paired) = lex::pieces(text);
        let mut field = Self::default();
        for segment in pieces.split_inclusive(|piece| matches!(piece.kind, Kind::End | Kind::Colon)) {
            field.segment(segment);
        }
        let name = tidy(&std::mem::take(&mut field.name));
        if !field.has_address() && !field.also.is_empty() {
            // The text in place of a group's name is the only content.
            let address = field.also.remove(0);
            field.mailboxes.push(Mailbox { name, address });
        } else if field.mailboxes.is_empty() && !name.is_empty() {
            field.mailboxes.push(Mailbox { name, address: String::new() });
        }
        (field, is_paired)
    }

    fn has_address(&self) -> bool {
        self.mailboxes.iter().any(|mailbox| mailbox.address.contains('@'))
    }

    /// Reads what is between two commas.
    fn segment(&mut self, pieces: &[Piece]) {
        let (mut all, mut comments): (Vec<Joined>, String) = Default::default();
        let (mut run, mut angles): (Vec<&Piece>, Vec<&str>) = Default::default();
        for piece in pieces {
            match &piece.kind {
                Kind::Angle(inner) => {
                    all.extend(joined(&std::mem::take(&mut run)));
                    angles.push(inner);
                }
                Kind::Comment(text) => {
                    add(&mut comments, text);
                }
                Kind::End | Kind::Colon => {}
                Kind::Word(_) | Kind::Encoded(_) | Kind::Quoted(_) => run.push(piece),
            }
        }
        all.extend(joined(&run));
        let bare: Vec<String> = all.iter().filter_map(Joined::address).collect();
        let is_group = matches!(pieces.last(), Some(Piece { kind: Kind::Colon, .. }));
        let mut inner: Vec<String> = angles.iter().flat_map(|inner| in_brackets(inner)).collect();
        // The last brackets count, and in them the first reading.
        let last = angles.iter().rev().find_map(|inner| in_brackets(inner).into_iter().next());
        // A bare address is not a name, except before brackets.
        let mut name = name_of(all.iter().filter(|word| last.is_some() || bare.is_empty() || word.address().is_none()));
        let shown = last.or_else(|| bare.last().cloned());
        let Some(shown) = shown else {
            let nameless = angles.iter().map(|inner| tidy(inner)).rfind(|inner| !inner.is_empty());
            if let Some(address) = nameless {
                add_name(&mut self.name, &name);
                let name = tidy(&std::mem::take(&mut self.name));
                self.mailboxes.push(Mailbox { name, address: address.to_lowercase() });
            } else if is_group {
                self.name.clear();
            } else {
                add_name(&mut self.name, &name);
                if matches!(pieces.last(), Some(Piece { kind: Kind::End, .. })) && !self.name.is_empty() {
                    self.name.push(',');
                }
            }
            return;
        };
        inner.extend(bare);
        add_name(&mut self.name, &name);
        name = tidy(&std::mem::take(&mut self.name));
        if name.is_empty() {
            name = tidy(&comments);
        }
        let is_name_of_group = is_group && angles.is_empty();
        let shown_as = if is_name_of_group { String::new() } else { cleaned(&shown) };
        for address in inner {
            self.put_others(&address, &shown_as);
        }
        if is_name_of_group {
            return;
        }
        self.mailboxes.push(Mailbox { name, address: shown_as });
    }

    /// Adds the other ways in which this address could be shown.
    fn put_others(&mut self, address: &str, shown: &str) {
        let mut put = |other: String| {
            if other != shown && !other.is_empty() && self.also.last() != Some(&other) {
                self.also.push(other);
            }
        };
        let clean = cleaned(address);
        put(clean.clone());
        put(in_plain_letters(&clean));
        put(end_of(address.trim().to_lowercase()));
        // `a@b@c`, `a@b<NUL>@c`: some clients read the first two parts, some the last two.
        let parts: Vec<&str> = address.split('@').collect();
        if parts.len() > 2 && !clean.starts_with('"') && !clean.contains(':') {
            for pair in parts.windows(2).take(16) {
                let part = |part: &str| cleaned(part.trim_matches(|c: char| c.is_whitespace() || is_invisible(c)));
                let (local, domain) = (part(pair[0]), part(pair[1]));
                if !local.is_empty() && !domain.is_empty() {
                    put(format!("{local}@{domain}"));
                }
            }
        }
    }
}

/// Returns the address with its domain as IDNA maps it, which is where a client sends (UTS 46): full-width letters and
/// ideographic dots become plain ones.
fn in_plain_letters(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => {
            let domain: String = domain.nfkc().map(|c| if c == '\u{3002}' { '.' } else { c }).collect();
            format!("{local}@{}", domain.to_lowercase())
        }
        _ => address.to_owned(),
    }
}

/// Returns these words as a display name.
fn name_of<'a>(all: impl Iterator<Item = &'a Joined>) -> String {
    let mut name = String::new();
    for word in all {
        add(&mut name, &word.shown);
    }
    words::decode(&name).into_owned()
}

/// Pieces that form one word together.
#[derive(Debug, Default)]
struct Joined {
    /// As an address, with the necessary quotes.
    text: String,
    /// As a part of a name.
    shown: String,
    /// Whether an `@` is outside quotes and encoded words.
    has_at: bool,
}

impl Joined {
    /// Returns the address that this is, if it is one: something before an `@` and something after it.
    fn address(&self) -> Option<String> {
        if !self.has_at {
            return None;
        }
        let decoded = words::decode(&self.text);
        let is_quoted = decoded.starts_with('"');
        // A decoded word may contain more: `Boss <x@y`.
        let is_border = |c: char| c == '<' || c.is_whitespace();
        let behind = decoded.trim_end_matches(|c: char| c == '>' || c.is_whitespace()).rsplit(is_border).next();
        let address = if is_quoted { &decoded } else { behind.unwrap_or_default() };
        let is_around = |c: char| {
            c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '{' | '}' | ',' | ';' | ':' | '`' | '@' | '.')
        };
        // One pass over all of them: what one of them hides, as in `a@b@]`, is around the address, too.
        let address = address.trim_start_matches(|c: char| c == '[' || is_around(c));
        let is_literal = address.contains('[');
        let address = address.trim_end_matches(|c: char| (c == ']' && !is_literal) || is_around(c));
        let (local, domain) = address.rsplit_once('@')?;
        (!local.is_empty() && !domain.is_empty()).then(|| address.to_owned())
    }
}

/// Joins adjacent pieces, and those that only blanks around an `@` separate.
fn joined(run: &[&Piece]) -> Vec<Joined> {
    let mut all: Vec<Joined> = Vec::new();
    let is_at = |piece: Option<&&Piece>, test: fn(&str) -> bool| matches!(piece.map(|piece| &piece.kind), Some(Kind::Word(word)) if test(word));
    for (at, piece) in run.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| run.get(before));
        // Only an `@` or a dot makes a quoted text part of an address.
        let is_one = if is_quoted(before) {
            is_at(Some(piece), |word| word.starts_with(['@', '.']))
        } else {
            let is_before_domain = is_at(before, |word| word.ends_with('@')) && is_domain(run.get(at));
            let is_behind_local = is_at(Some(piece), |word| word.starts_with('@'))
                && (is_at(Some(piece), |word| word.len() > 1 && word.contains('.')) || is_domain(run.get(at + 1)));
            piece.is_glued || is_before_domain || is_behind_local || is_pair(before, piece)
        };
        if !is_one || all.is_empty() {
            all.push(Joined::default());
        }
        let Some(last) = all.last_mut() else { continue };
        if let Kind::Word(text) | Kind::Encoded(text) | Kind::Quoted(text) = &piece.kind {
            if piece.is_glued {
                last.shown.push_str(text);
            } else {
                add(&mut last.shown, text);
            }
        }
        match &piece.kind {
            Kind::Word(word) => {
                last.has_at |= word.contains('@');
                last.text.push_str(word);
            }
            // Adjacent encoded words are decoded together.
            Kind::Encoded(word) => last.text.push_str(word),
            Kind::Quoted(word) if is_dot_atom(word) => last.text.push_str(word),
            Kind::Quoted(word) => {
                last.text.push('"');
                last.text
                    .extend(word.chars().flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain([c])));
                last.text.push('"');
            }
            _ => {}
        }
    }
    all
}

/// Returns whether both are encoded words, which are decoded together.
fn is_pair(before: Option<&&Piece>, piece: &Piece) -> bool {
    matches!((before.map(|piece| &piece.kind), &piece.kind), (Some(Kind::Encoded(_)), Kind::Encoded(_)))
}

fn is_quoted(piece: Option<&&Piece>) -> bool {
    matches!(piece.map(|piece| &piece.kind), Some(Kind::Quoted(_)))
}

/// Returns whether a word could be a domain, so that a lone `@` before it makes an address and not a decoration.
fn is_domain(piece: Option<&&Piece>) -> bool {
    match piece.map(|piece| &piece.kind) {
        Some(Kind::Word(word)) => word.trim_matches('.').contains('.'),
        Some(Kind::Encoded(_)) => true,
        _ => false,
    }
}

fn is_dot_atom(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && !text.ends_with('.')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "\"\\<>()[],;:@".contains(c))
}

/// Returns the addresses in one pair of brackets, most likely first; empty if nothing in it has an `@`.
fn in_brackets(inner: &str) -> Vec<String> {
    let decoded = words::decode(inner.trim());
    if !decoded.contains('@') {
        return Vec::new();
    }
    // A route (`@a,@b:c@d`) or a scheme (`mailto:c@d`): the address follows the last colon.
    let is_literal = decoded.rsplit_once('@').is_some_and(|(_, domain)| domain.trim_start().starts_with('['));
    let address = match decoded.rsplit_once(':') {
        Some((_, address)) if !is_literal && !decoded.starts_with('"') && address.contains('@') => address.trim(),
        _ => decoded.trim(),
    };
    let address = address.trim_matches(['<', '>']);
    let mut found = Vec::new();
    let is_spaced = address.chars().any(char::is_whitespace) && !address.starts_with('"');
    if is_spaced || address.contains(['(', '"']) {
        let (pieces, _) = lex::pieces(address);
        let run: Vec<&Piece> = pieces.iter().filter(|piece| !matches!(piece.kind, Kind::Comment(_))).collect();
        found.extend(joined(&run).iter().rev().filter_map(Joined::address));
    }
    if is_spaced {
        found.push(address.chars().filter(|c| !c.is_whitespace()).collect());
    } else {
        found.push(address.to_owned());
    }
    if address != decoded {
        found.push(decoded.into_owned());
    }
    found
}

/// Returns the address as it is compared and shown: lower case, no invisible characters, no dot after the domain.
fn cleaned(address: &str) -> String {
    let address: String = address.chars().filter(|c| !is_invisible(*c)).collect();
    let address = address.trim();
    let unquoted = address.strip_prefix('\'').and_then(|address| address.strip_suffix('\''));
    end_of(unquoted.unwrap_or(address).trim_end_matches('.').to_lowercase())
}

/// Returns the end of an address, up to the longest allowed length.
fn end_of(mut address: String) -> String {
    let mut start = address.len().saturating_sub(LONGEST);
    while !address.is_char_boundary(start) {
        start += 1;
    }
    address.split_off(start)
}

/// Replaces quotes and parentheses by blanks, so that their content counts like the rest.
fn without_quotes(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '"' | '(' | ')' | '\\') { ' ' } else { c }).collect()
}

fn add(name: &mut String, words: &str) {
    if !name.is_empty() && !words.is_empty() {
        name.push(' ');
    }
    name.push_str(words);
}

fn add_name(name: &mut String, words: &str) {
    add(name, words.trim());
}

/// Returns a display name with folded white space, without a comma that only a missing part left.
fn tidy(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").trim_matches([',', ' ']).to_owned()
}
