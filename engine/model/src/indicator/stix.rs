//! Bundles of STIX 2.1: objects of type `indicator` whose pattern is one comparison, or several joined by OR.

use serde_json::Value;

use super::file::{IndicatorFile, InvalidIndicatorFile, Reading, named};
use super::kind::IndicatorKind;
use crate::clock::Timestamp;

/// Reads the indicators of a bundle into the file.
pub(super) fn read(json: &Value, reading: Reading, file: &mut IndicatorFile) -> Result<(), InvalidIndicatorFile> {
    let objects = json["objects"].as_array().ok_or(InvalidIndicatorFile::NotStix)?;
    for object in objects.iter().filter(|object| object["type"] == "indicator") {
        let text = |name: &str| object[name].as_str().unwrap_or_default();
        let id = text("id");
        let place = if id.is_empty() { "an indicator without ID" } else { id };
        if object["revoked"] == true {
            file.skip(place, "it is revoked");
        } else if !text("valid_until").is_empty() && Timestamp::parse(text("valid_until")).is_none() {
            file.skip(place, "its valid_until is no time");
        } else if Timestamp::parse(text("valid_until")).is_some_and(|until| until <= reading.now) {
            file.skip(place, "it is no longer valid (valid_until)");
        } else if Timestamp::parse(text("valid_from")).is_some_and(|from| from > reading.now) {
            file.skip(place, "it is not valid yet (valid_from)");
        } else if is_benign(&object["indicator_types"]) {
            file.skip(place, "it stands for what is benign (indicator_types)");
        } else if !matches!(text("pattern_type"), "" | "stix") {
            file.skip(place, format!("its pattern is of type `{}`, and not stix", named(text("pattern_type"))));
        } else {
            match comparisons(text("pattern")) {
                Err(why) => file.skip(place, why),
                Ok(all) => all.iter().for_each(|one| add(place, one, reading, file)),
            }
        }
    }
    Ok(())
}

/// Returns whether all types of an indicator say that it is harmless (STIX 2.1, section 10.7).
fn is_benign(types: &Value) -> bool {
    types.as_array().is_some_and(|types| !types.is_empty() && types.iter().all(|one| one == "benign"))
}

fn add(place: &str, one: &Comparison, reading: Reading, file: &mut IndicatorFile) {
    let kind = match one.path.as_str() {
        "email-addr:value" | "email-message:from_ref.value" => IndicatorKind::Sender,
        "domain-name:value" => IndicatorKind::Domain,
        "url:value" => IndicatorKind::Url,
        "file:hashes.sha-256" | "file:hashes.sha256" => IndicatorKind::Sha256,
        other => return file.skip(place, format!("`{}` is not looked for in mail", named(other))),
    };
    let id = place.starts_with("indicator--").then_some(place);
    for value in &one.values {
        file.add(place, Some(kind), value, id, reading);
    }
}

/// A comparison: an object path in lower case without quotes, and the values of which one is equal.
#[derive(Debug, PartialEq, Eq)]
struct Comparison {
    path: String,
    values: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A bracket, a comma or an operator of signs.
    Sign(char),
    /// A path or a word.
    Word(String),
    /// A text in quotes.
    Text(String),
}

/// Returns the comparisons of a pattern. Values that are joined otherwise than by OR are no indicators alone.
fn comparisons(pattern: &str) -> Result<Vec<Comparison>, String> {
    let tokens = tokens(pattern)?;
    let mut rest = tokens.as_slice();
    let mut found = Vec::new();
    loop {
        let [Token::Sign('['), within @ ..] = rest else { return Err(unfit(rest)) };
        rest = within;
        loop {
            let (one, after) = comparison(rest)?;
            found.push(one);
            match after {
                [Token::Word(or), more @ ..] if or.eq_ignore_ascii_case("or") => rest = more,
                [Token::Sign(']'), more @ ..] => {
                    rest = more;
                    break;
                }
                other => return Err(unfit(other)),
            }
        }
        match rest {
            [] => return Ok(found),
            [Token::Word(or), more @ ..] if or.eq_ignore_ascii_case("or") => rest = more,
            other => return Err(unfit(other)),
        }
    }
}

fn comparison(tokens: &[Token]) -> Result<(Comparison, &[Token]), String> {
    let [Token::Word(path), rest @ ..] = tokens else { return Err(unfit(tokens)) };
    let path = path.to_lowercase();
    match rest {
        [Token::Sign('='), Token::Text(value), rest @ ..] => {
            Ok((Comparison { path, values: vec![value.clone()] }, rest))
        }
        [Token::Word(word), Token::Sign('('), rest @ ..] if word.eq_ignore_ascii_case("in") => {
            let (mut rest, mut values) = (rest, Vec::new());
            while let [Token::Text(value), Token::Sign(sign @ (',' | ')')), more @ ..] = rest {
                values.push(value.clone());
                rest = more;
                if *sign == ')' {
                    return Ok((Comparison { path, values }, rest));
                }
            }
            Err(unfit(rest))
        }
        other => Err(unfit(other)),
    }
}

/// Returns why a pattern is not understood from these tokens on.
fn unfit(tokens: &[Token]) -> String {
    let at = match tokens.first() {
        None => return "its pattern ends too early".to_owned(),
        Some(Token::Sign(sign)) => sign.to_string(),
        Some(Token::Word(text) | Token::Text(text)) => named(text),
    };
    format!("only comparisons by = and IN, joined by OR, are understood, and its pattern has `{at}` there")
}

fn tokens(pattern: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut rest) = (Vec::new(), pattern.chars().peekable());
    while let Some(c) = rest.next() {
        match c {
            c if c.is_whitespace() => {}
            '\'' => {
                let mut text = String::new();
                loop {
                    match rest.next() {
                        Some('\'') => break,
                        Some('\\') => text.extend(rest.next()),
                        Some(c) => text.push(c),
                        None => return Err("a text of its pattern has no end".to_owned()),
                    }
                }
                tokens.push(Token::Text(text));
            }
            '[' | ']' | '(' | ')' | ',' | '=' | '!' | '<' | '>' => tokens.push(Token::Sign(c)),
            c => {
                // A part of a path may be quoted: file:hashes.'SHA-256'.
                let mut word = String::from(c);
                let mut is_quoted = false;
                while let Some(c) = rest.peek().copied() {
                    if c == '\'' && (is_quoted || word.ends_with('.')) {
                        is_quoted = !is_quoted;
                    } else if !is_quoted && (c.is_whitespace() || "[](),=!<>'".contains(c)) {
                        break;
                    } else {
                        word.push(c);
                    }
                    rest.next();
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(pattern: &str) -> Result<Vec<(String, Vec<String>)>, String> {
        Ok(comparisons(pattern)?.into_iter().map(|one| (one.path, one.values)).collect())
    }

    fn one(path: &str, values: &[&str]) -> (String, Vec<String>) {
        (path.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn comparisons_joined_by_or_are_understood() {
        assert_eq!(
            found(
                r"[email-addr:value = 'o\'eve@evil.example' OR url:value='http://a.example/\\x'] OR [file:hashes.'SHA-256' = 'ab']"
            ),
            Ok(vec![
                one("email-addr:value", &["o'eve@evil.example"]),
                one("url:value", &[r"http://a.example/\x"]),
                one("file:hashes.sha-256", &["ab"]),
            ])
        );
        assert_eq!(
            found("[domain-name:value IN ('a.example', 'b.example')]"),
            Ok(vec![one("domain-name:value", &["a.example", "b.example"])])
        );
    }

    #[test]
    fn everything_else_is_refused_and_never_taken_in_part() {
        for (pattern, part) in [
            ("[domain-name:value = 'a.example' AND url:value = 'http://b.example/']", "`AND`"),
            ("[domain-name:value = 'a.example'] FOLLOWEDBY [url:value = 'http://b.example/']", "`FOLLOWEDBY`"),
            ("[domain-name:value LIKE '%.example']", "`LIKE`"),
            ("[domain-name:value != 'a.example']", "`!`"),
            ("[NOT domain-name:value = 'a.example']", "`domain-name:value`"),
            ("[domain-name:value = 'a.example'] WITHIN 5 SECONDS", "`WITHIN`"),
            ("[domain-name:value = 'a.example", "no end"),
            ("[domain-name:value IN ('a.example'", "IN"),
            ("", "too early"),
        ] {
            let refused = found(pattern).unwrap_err();
            assert!(refused.contains(part), "{pattern}: {refused}");
        }
    }

    #[test]
    fn what_is_revoked_expired_or_of_another_kind_is_listed() {
        let indicator = |id: &str, pattern: &str, more: Value| {
            let mut object = json!({ "type": "indicator", "id": format!("indicator--{id}"), "pattern": pattern });
            object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            object
        };
        let domain = "[domain-name:value = 'evil.example']";
        let bundle = json!({ "type": "bundle", "objects": [
            { "type": "malware", "id": "malware--1" },
            indicator("1", domain, json!({ "valid_until": "2030-01-01T00:00:00Z" })),
            indicator("2", domain, json!({ "revoked": true })),
            indicator("3", domain, json!({ "valid_until": "2020-01-01T00:00:00.000Z" })),
            indicator("4", "rule x {}", json!({ "pattern_type": "yara" })),
            indicator("5", "[ipv4-addr:value = '192.0.2.1' OR url:value = 'http://evil.example/']", json!({})),
        ]});
        let mut file = IndicatorFile::default();
        let now = Timestamp::parse("2026-11-23T00:00:00Z").unwrap();
        read(&bundle, Reading { allow_common: false, now }, &mut file).unwrap();
        let found: Vec<_> = file.found.iter().map(|one| (one.id.as_deref(), one.indicator.value.as_str())).collect();
        assert_eq!(found, [(Some("indicator--1"), "evil.example"), (Some("indicator--5"), "http://evil.example/")]);
        let skipped: Vec<_> = file.skipped.iter().map(|one| one.place.rsplit('-').next().unwrap()).collect();
        assert_eq!(skipped, ["2", "3", "4", "5"]);
    }
}
