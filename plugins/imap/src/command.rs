//! Commands as bytes. Text from outside goes through [`Command::text`] and can never become syntax.
//!
//! Not the codec's types, because those have no `LIST .. RETURN` and no `SEARCH RETURN`.

/// Longer texts are sent as literals, because servers limit the length of a line.
const LONGEST_QUOTED: usize = 500;
/// Up to this size a server with `LITERAL-` accepts a literal without a continuation request (RFC 7888).
const LITERAL_MINUS: usize = 4096;

/// Which literals the server accepts without a continuation request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Literals {
    /// None.
    Asked,
    /// Short ones.
    Minus,
    /// All.
    Plus,
}

/// One command without its tag and final line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Syntax from this program.
    Raw(String),
    /// A string argument of any origin.
    Text(Vec<u8>),
}

/// A command ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// The offsets at which to wait for a continuation request.
    pub(crate) waits: Vec<usize>,
}

impl Command {
    pub(crate) fn new(syntax: impl Into<String>) -> Self {
        Self { parts: vec![Part::Raw(syntax.into())] }
    }

    /// Adds syntax.
    pub(crate) fn raw(mut self, syntax: impl Into<String>) -> Self {
        self.parts.push(Part::Raw(syntax.into()));
        self
    }

    /// Adds a string argument.
    pub(crate) fn text(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.parts.push(Part::Text(text.into()));
        self
    }

    /// Adds prepared parts.
    pub(crate) fn parts(mut self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.parts.extend(parts);
        self
    }

    pub(crate) fn encode(&self, tag: &str, literals: Literals) -> Encoded {
        let mut encoded = Encoded { bytes: format!("{tag} ").into_bytes(), waits: Vec::new() };
        for part in &self.parts {
            match part {
                Part::Raw(syntax) => encoded.bytes.extend_from_slice(syntax.as_bytes()),
                Part::Text(text) => encode_text(text, literals, &mut encoded),
            }
        }
        encoded.bytes.extend_from_slice(b"\r\n");
        encoded
    }
}

fn encode_text(text: &[u8], literals: Literals, encoded: &mut Encoded) {
    if text.len() <= LONGEST_QUOTED && text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        encoded.bytes.push(b'"');
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                encoded.bytes.push(b'\\');
            }
            encoded.bytes.push(*byte);
        }
        encoded.bytes.push(b'"');
        return;
    }
    // A literal may not contain NUL; nothing that a server stores as text does.
    let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != 0).collect();
    let is_asked = match literals {
        Literals::Asked => true,
        Literals::Minus => text.len() > LITERAL_MINUS,
        Literals::Plus => false,
    };
    let plus = if is_asked { "" } else { "+" };
    encoded.bytes.extend_from_slice(format!("{{{}{plus}}}\r\n", text.len()).as_bytes());
    if is_asked {
        encoded.waits.push(encoded.bytes.len());
    }
    encoded.bytes.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_quoted_or_a_literal() {
        let command = Command::new("SELECT ").text("a\"b\\").raw(" X ").text("é");
        let encoded = command.encode("a1", Literals::Plus);
        assert_eq!(encoded.bytes, "a1 SELECT \"a\\\"b\\\\\" X {2+}\r\né\r\n".as_bytes());
        assert_eq!(encoded.waits, Vec::<usize>::new());
        let encoded = command.encode("a1", Literals::Asked);
        assert_eq!(&encoded.bytes[encoded.waits[0]..], "é\r\n".as_bytes());
        let long = Command::new("X ").text(vec![b'x'; 5000]);
        assert_eq!(long.encode("a1", Literals::Minus).waits.len(), 1);
    }

    proptest! {
        #[test]
        fn no_text_becomes_syntax(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let encoded = Command::new("NOOP ").text(text.clone()).encode("a1", Literals::Plus).bytes;
            let rest = &encoded[b"a1 NOOP ".len()..encoded.len() - 2];
            if rest.starts_with(b"\"") {
                prop_assert!(!rest.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
                let mut quotes = 0;
                let mut escaped = false;
                for byte in rest {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => quotes += 1,
                        _ => {}
                    }
                }
                prop_assert_eq!(quotes, 2);
            } else {
                let kept = text.iter().filter(|byte| **byte != 0).count();
                let announced = format!("{{{kept}+}}\r\n");
                prop_assert!(rest.starts_with(announced.as_bytes()));
            }
        }
    }
}
