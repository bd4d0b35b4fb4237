//! Searches (`q`): by words, in an index. A search with an operator that is not modelled is an error, so that no
//! connector depends on one.

use super::mailbox::Mail;
use super::refusal::Refusal;

/// A condition.
#[derive(Debug)]
enum Term {
    From(Vec<String>),
    MessageId(String),
    After(i64),
    Before(i64),
    /// One of these.
    Any(Vec<Term>),
}

/// A search; all terms hold.
#[derive(Debug, Default)]
pub(super) struct Search(Vec<Term>);

impl Search {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let (mut all, mut group) = (Vec::new(), None::<Vec<Term>>);
        let spaced = text.replace('{', " { ").replace('}', " } ");
        for word in spaced.split_ascii_whitespace() {
            match (word, &mut group) {
                ("{", None) => group = Some(Vec::new()),
                ("}", Some(_)) => all.push(Term::Any(group.take().unwrap_or_default())),
                ("{" | "}", _) => return Err(unknown(word)),
                (word, Some(group)) => group.push(term(word)?),
                (word, None) => all.push(term(word)?),
            }
        }
        if group.is_some() {
            return Err(unknown("{"));
        }
        Ok(Self(all))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn finds(&self, mail: &Mail) -> bool {
        self.is_empty() || !mail.is_unindexed && self.0.iter().all(|term| holds(term, mail))
    }
}

fn unknown(word: &str) -> Refusal {
    Refusal::invalid(format!("this server does not know `{word}` in a search"))
}

fn term(word: &str) -> Result<Term, Refusal> {
    let (name, value) = word.split_once(':').ok_or_else(|| unknown(word))?;
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    if value.is_empty() || value.contains('"') {
        return Err(unknown(word));
    }
    let seconds = || value.parse().map_err(|_| unknown(word));
    match name {
        "from" => Ok(Term::From(words(value))),
        "rfc822msgid" => Ok(Term::MessageId(bare(value))),
        "after" => seconds().map(Term::After),
        "before" => seconds().map(Term::Before),
        _ => Err(unknown(word)),
    }
}

fn holds(term: &Term, mail: &Mail) -> bool {
    match term {
        Term::From(wanted) => {
            let from = mail.fields().into_iter().filter(|(name, _)| name.eq_ignore_ascii_case("from"));
            let words: Vec<String> = from.flat_map(|(_, value)| words(&value)).collect();
            words.windows(wanted.len()).any(|part| part == wanted)
        }
        Term::MessageId(wanted) => bare(&mail.field("Message-ID")) == *wanted,
        Term::After(seconds) => mail.received > seconds * 1_000,
        Term::Before(seconds) => mail.received < seconds * 1_000,
        Term::Any(terms) => terms.iter().any(|term| holds(term, mail)),
    }
}

/// The words of a text: letters and digits in lower case.
fn words(text: &str) -> Vec<String> {
    let split = text.split(|character: char| !character.is_alphanumeric());
    split.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn bare(id: &str) -> String {
    id.trim().trim_start_matches('<').trim_end_matches('>').to_lowercase()
}
