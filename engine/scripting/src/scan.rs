//! The names that a script uses, collected from its tokens during compilation: functions, inputs and header fields.
//!
//! Rhai finds a function when it is called, so a misspelt one would only cause a fault on the first message that
//! reaches it; and a store must be asked for header fields before the script runs. Both are known from the tokens.

use std::cell::RefCell;

use rhai::{Position, Token};

use crate::feature_getters::feature_of;

/// The names in the tokens of one script.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// Functions that are called, with their positions.
    pub(crate) calls: Vec<(String, Position)>,
    /// Functions that the script defines.
    pub(crate) defined: Vec<String>,
    /// Members of `inputs`, with their positions.
    pub(crate) inputs: Vec<(String, Position)>,
    /// Literal names of header fields, in lower case.
    pub(crate) headers: Vec<String>,
    /// Calls of `header` whose name is not a literal.
    pub(crate) computed_headers: Vec<Position>,
    /// Whether attachment names are read.
    pub(crate) attachments: bool,
    /// Features that are read, by their names in [`clawback_model::Features::cut`].
    pub(crate) features: Vec<&'static str>,
    /// Whether `&&` and `||` evaluate both sides, so that a sample run reaches every part of an expression.
    eager: bool,
    before: [Option<(Token, Position)>; 3],
    open_header: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    at: Position,
    /// Whether the call is `header(message, "x")` rather than `message.header("x")`.
    skip_first: bool,
    literal: Option<String>,
    spoiled: bool,
}

thread_local! {
    static USES: RefCell<Option<Uses>> = const { RefCell::new(None) };
}

/// Runs `compile` and returns the names that the compiled text uses.
pub(crate) fn watch<R>(eager: bool, compile: impl FnOnce() -> R) -> (R, Uses) {
    USES.set(Some(Uses { eager, ..Uses::default() }));
    let result = compile();
    (result, USES.take().unwrap_or_default())
}

/// Handles a token from the engine; returns the token to use.
pub(crate) fn token(token: Token, at: Position) -> Token {
    USES.with_borrow_mut(|uses| match uses {
        Some(uses) => uses.take(token, at),
        None => token,
    })
}

impl Uses {
    /// Returns the members of `inputs` that are read, with line and column.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        self.inputs.iter().map(|(name, at)| (name.as_str(), at.line().unwrap_or(1), at.position().unwrap_or(1)))
    }

    fn take(&mut self, token: Token, at: Position) -> Token {
        self.follow_header(&token);
        let [older, old, last] = &self.before;
        match (&token, last) {
            (Token::LeftParen, Some((Token::Identifier(name), place))) => {
                let name = name.to_string();
                if matches!(old, Some((Token::Fn, _))) {
                    self.defined.push(name);
                } else {
                    let is_method = matches!(old, Some((Token::Period | Token::Elvis, _)));
                    if matches!(name.as_str(), "header" | "has_header" | "header_has") {
                        let pending = Pending { at: *place, skip_first: !is_method, literal: None, spoiled: false };
                        self.open_header = Some(pending);
                    }
                    self.calls.push((name, *place));
                }
            }
            (Token::Identifier(name), Some((Token::Period | Token::Elvis, _))) => {
                if matches!(old, Some((Token::Identifier(root), _)) if root.as_str() == "inputs")
                    && !matches!(older, Some((Token::Period | Token::Elvis, _)))
                {
                    self.inputs.push((name.to_string(), at));
                }
                self.attachments |= name.as_str() == "attachments";
                self.features.extend(feature_of(name.as_str()).filter(|feature| !self.features.contains(feature)));
            }
            _ => {}
        }
        self.before.rotate_left(1);
        self.before[2] = Some((token.clone(), at));
        match token {
            Token::And if self.eager => Token::Ampersand,
            Token::Or if self.eager => Token::Pipe,
            other => other,
        }
    }

    /// Reads the name of a header field from `header("list-id")`: the token after the bracket or after the first comma.
    fn follow_header(&mut self, token: &Token) {
        let Some(pending) = &mut self.open_header else { return };
        match token {
            Token::Comma if pending.skip_first => {
                pending.skip_first = false;
                pending.literal = None;
                pending.spoiled = false;
            }
            Token::RightParen | Token::Comma => {
                match pending.literal.take() {
                    Some(name) if !pending.spoiled => self.headers.push(name.to_lowercase()),
                    _ => self.computed_headers.push(pending.at),
                }
                self.open_header = None;
            }
            Token::StringConstant(text) if pending.literal.is_none() => pending.literal = Some(text.to_string()),
            _ => pending.spoiled = true,
        }
    }
}
