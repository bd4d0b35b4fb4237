//! `$filter` on messages, as strict as the documentation: what it does not promise is refused.

use super::message::Mail;

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    Any(Vec<Self>),
    All(Vec<Self>),
    Not(Box<Self>),
    /// Property, operator, literal.
    Is(String, String, Literal),
    /// `contains` or `startswith`.
    Has(String, String, String),
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Text(String),
    /// Microseconds since 1970.
    Time(i64),
    Bool(bool),
}

/// The most comparisons of one filter.
const MOST: usize = 40;
/// A filter for a sender of the own domain finds nothing, as was seen at Microsoft's.
const OWN_DOMAIN: &str = "@acme.test";
const TIMES: [&str; 2] = ["receivedDateTime", "sentDateTime"];
const TEXTS: [&str; 5] =
    ["from/emailAddress/address", "sender/emailAddress/address", "internetMessageId", "subject", "parentFolderId"];
const BOOLS: [&str; 3] = ["isRead", "hasAttachments", "isDraft"];

impl Filter {
    /// Reads a filter; fails with what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text, count: 0 };
        let filter = reader.any()?;
        reader.skip();
        if reader.rest.is_empty() { Ok(filter) } else { Err(format!("the rest `{}` is not understood", reader.rest)) }
    }

    /// Returns the properties in the order in which they appear.
    pub(super) fn properties(&self) -> Vec<&str> {
        match self {
            Self::Any(all) | Self::All(all) => all.iter().flat_map(Self::properties).collect(),
            Self::Not(one) => one.properties(),
            Self::Is(property, ..) | Self::Has(_, property, _) => vec![property],
        }
    }

    /// Returns whether a message is wanted. Texts are compared without case.
    pub(super) fn holds(&self, mail: &Mail) -> bool {
        match self {
            Self::Any(all) => all.iter().any(|one| one.holds(mail)),
            Self::All(all) => all.iter().all(|one| one.holds(mail)),
            Self::Not(one) => !one.holds(mail),
            Self::Is(property, operator, Literal::Time(wanted)) => {
                let at = if property == "receivedDateTime" { Some(mail.received) } else { mail.shown.sent };
                let Some(at) = at else { return false };
                match operator.as_str() {
                    "ge" => at >= *wanted,
                    "gt" => at > *wanted,
                    "le" => at <= *wanted,
                    "lt" => at < *wanted,
                    "ne" => at != *wanted,
                    _ => at == *wanted,
                }
            }
            Self::Is(property, operator, Literal::Text(wanted)) => {
                let is_own = property.ends_with("/address") && wanted.to_lowercase().ends_with(OWN_DOMAIN);
                let is =
                    !is_own && text(mail, property).is_some_and(|text| text.to_lowercase() == wanted.to_lowercase());
                is == (operator == "eq")
            }
            Self::Is(property, operator, Literal::Bool(wanted)) => {
                let is = match property.as_str() {
                    "isRead" => mail.is_read,
                    "hasAttachments" => !mail.shown.attachments.is_empty(),
                    _ => false,
                };
                (is == *wanted) == (operator == "eq")
            }
            Self::Has(function, property, wanted) => {
                let (text, wanted) = (text(mail, property).unwrap_or_default().to_lowercase(), wanted.to_lowercase());
                if function == "contains" { text.contains(&wanted) } else { text.starts_with(&wanted) }
            }
        }
    }
}

fn text<'a>(mail: &'a Mail, property: &str) -> Option<&'a str> {
    let address = |one: &'a Option<(String, String)>| one.as_ref().map(|(_, address)| address.as_str());
    match property {
        "from/emailAddress/address" => address(&mail.shown.from),
        "sender/emailAddress/address" => address(&mail.shown.sender),
        "internetMessageId" => mail.shown.message_id.as_deref(),
        "parentFolderId" => Some(&mail.folder),
        _ => Some(&mail.shown.subject),
    }
}

struct Reader<'a> {
    rest: &'a str,
    count: usize,
}

impl Reader<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, word: &str) -> bool {
        self.skip();
        let Some(rest) = self.rest.strip_prefix(word) else { return false };
        let is_word = word.chars().all(char::is_alphabetic);
        if is_word && rest.starts_with(|c: char| c.is_alphanumeric()) {
            return false;
        }
        self.rest = rest;
        true
    }

    fn any(&mut self) -> Result<Filter, String> {
        let mut all = vec![self.all()?];
        while self.take("or") {
            all.push(self.all()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::Any(all) })
    }

    fn all(&mut self) -> Result<Filter, String> {
        let mut all = vec![self.one()?];
        while self.take("and") {
            all.push(self.one()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::All(all) })
    }

    fn one(&mut self) -> Result<Filter, String> {
        if self.take("not") {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.take("(") {
            let filter = self.any()?;
            return if self.take(")") { Ok(filter) } else { Err("a bracket is not closed".into()) };
        }
        self.count += 1;
        if self.count > MOST {
            return Err(format!("more than {MOST} comparisons"));
        }
        for function in ["contains", "startswith"] {
            if self.rest.trim_start().starts_with(&format!("{function}(")) {
                self.take(function);
                self.take("(");
                let property = self.word();
                if !["subject", "from/emailAddress/address"].contains(&property.as_str()) {
                    return Err(format!("`{function}` does not take `{property}`"));
                }
                if !self.take(",") {
                    return Err("a comma is missing".into());
                }
                let Literal::Text(text) = self.literal(&property)? else { return Err("no text".into()) };
                return if self.take(")") {
                    Ok(Filter::Has(function.into(), property, text))
                } else {
                    Err("no `)`".into())
                };
            }
        }
        let property = self.word();
        let (is_time, is_text, is_bool) = (
            TIMES.contains(&property.as_str()),
            TEXTS.contains(&property.as_str()),
            BOOLS.contains(&property.as_str()),
        );
        if !is_time && !is_text && !is_bool {
            return Err(format!("the query filter contains an invalid node: `{property}`"));
        }
        let operator = self.word();
        let allowed: &[&str] = if is_time { &["eq", "ne", "ge", "gt", "le", "lt"] } else { &["eq", "ne"] };
        if !allowed.contains(&operator.as_str()) {
            return Err(format!("`{operator}` is no operator of `{property}`"));
        }
        let literal = self.literal(&property)?;
        let fits = match literal {
            Literal::Time(_) => is_time,
            Literal::Text(_) => is_text,
            Literal::Bool(_) => is_bool,
        };
        if fits {
            Ok(Filter::Is(property, operator, literal))
        } else {
            Err(format!("a value of another type for `{property}`"))
        }
    }

    fn word(&mut self) -> String {
        self.skip();
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '/' && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn literal(&mut self, property: &str) -> Result<Literal, String> {
        self.skip();
        if let Some(mut rest) = self.rest.strip_prefix('\'') {
            let mut text = String::new();
            loop {
                let Some((before, after)) = rest.split_once('\'') else { return Err("a quote is not closed".into()) };
                text.push_str(before);
                let Some(more) = after.strip_prefix('\'') else {
                    self.rest = after;
                    return Ok(Literal::Text(text));
                };
                text.push('\'');
                rest = more;
            }
        }
        let end = self.rest.find([' ', ')', ',']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "true" => Ok(Literal::Bool(true)),
            "false" => Ok(Literal::Bool(false)),
            _ => {
                let time = chrono::DateTime::parse_from_rfc3339(word).ok().filter(|_| word.ends_with('Z'));
                let time = time.ok_or_else(|| format!("`{word}` is no value of `{property}`"))?;
                Ok(Literal::Time(time.timestamp_micros()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_documented_is_refused() {
        for right in [
            "receivedDateTime ge 2026-11-01T00:00:00Z and receivedDateTime lt 2026-11-02T00:00:00Z",
            "(internetMessageId eq '<a''b@c>' or internetMessageId eq '<d@e>')",
            "not (isRead eq true) and contains(subject,'a, (b)')",
        ] {
            assert!(Filter::parse(right).is_ok(), "{right}");
        }
        for wrong in [
            "toRecipients/any(r:r/emailAddress/address eq 'a@b')",
            "endswith(from/emailAddress/address,'@b')",
            "internetMessageId eq '<a'b@c>'",
            "subject eq \"a\"",
            "receivedDateTime ge '2026-11-01T00:00:00Z'",
            "receivedDateTime ge 2026-11-01",
            "internetMessageHeaders eq 'a'",
            "isRead eq true or",
            "",
        ] {
            assert!(Filter::parse(wrong).is_err(), "{wrong}");
        }
        let Filter::Is(_, _, Literal::Text(text)) = Filter::parse("subject eq 'it''s'").unwrap() else {
            panic!("a text")
        };
        assert_eq!(text, "it's");
    }
}
