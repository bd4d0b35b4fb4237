//! `where`, `match`, `not` and `any`: parsed once with their expressions, and made a predicate when the inputs are
//! known.

use std::collections::{BTreeMap, BTreeSet};

use clawback_model::{
    AuthenticationResult, Condition, Digest, FeatureCondition, LocationKind, MOST_PATTERNS, MatchedText, Pattern,
    Predicate, Root, Timestamp, UnknownWord, parse_network, visible_line,
};
use clawback_scripting::{Type, Value, Vars};

use crate::diagnostic::Report;
use crate::input::is_blank;
use crate::template::{Template, Variables};
use crate::value::check_url;
use crate::yaml::Node;

/// The conditions as written in the file.
#[derive(Debug, Default)]
pub(crate) struct Conditions(Vec<Unbound>);

#[derive(Debug)]
enum Unbound {
    Values { key: String, values: Vec<Template> },
    Header { name: String, part: Template },
    Matches { name: String, text: Option<MatchedText>, values: Vec<Template> },
    Not(Conditions),
    Any(Vec<Conditions>),
}

/// Returns the text of a key of `matches`; `None` for the hosts of links, which are features.
fn matched_text(key: &str) -> Option<MatchedText> {
    Some(match key {
        "subject" => MatchedText::Subject,
        "from" => MatchedText::From,
        "from-name" => MatchedText::FromName,
        "to" => MatchedText::To,
        "attachment-name" => MatchedText::AttachmentName,
        _ => return None,
    })
}

/// Returns the type of a key's value.
fn kind(key: &str) -> Type {
    match key {
        "from" | "to" | "envelope-from" | "reply-to" | "delivered-to" | "recipients" => Type::Address,
        "from-domain" | "url-host" => Type::Domain,
        "latest-delivery-location" | "original-delivery-location" => Type::Location,
        "received-after" | "received-before" => Type::Timestamp,
        "larger-than" | "smaller-than" => Type::Integer,
        "has-attachment" => Type::Boolean,
        _ => Type::Text,
    }
}

/// Returns whether literals of this key stay texts in the template and are parsed when bound.
fn is_scalar(key: &str) -> bool {
    matches!(key, "received-after" | "received-before" | "larger-than" | "smaller-than" | "has-attachment" | "like")
}

impl Conditions {
    /// Reads a map of conditions whose shape has been checked.
    pub(crate) fn read(node: Option<&Node>, variables: &Variables, report: &Report) -> Self {
        let mut conditions = Vec::new();
        for (name, value) in node.map(Node::entries).unwrap_or_default() {
            match name.text().unwrap_or_default() {
                "not" => conditions.push(Unbound::Not(Self::read(Some(value), variables, report))),
                "any" => {
                    let branches = value.items().iter().map(|branch| Self::read(Some(branch), variables, report));
                    conditions.push(Unbound::Any(branches.collect()));
                }
                "header" => {
                    for (field, part) in value.entries() {
                        let part = Template::read(part, &Type::Text, false, variables, report);
                        if let (Some(field), Some(part)) = (field.text(), part) {
                            conditions.push(Unbound::Header { name: field.to_lowercase(), part });
                        }
                    }
                }
                "matches" => conditions.extend(matches(value, variables, report)),
                key => {
                    let (wanted, several) = (kind(key), !is_scalar(key));
                    let read = |item| Template::read(item, &wanted, several, variables, report);
                    let values = value.items().iter().filter_map(read).collect();
                    conditions.push(Unbound::Values { key: key.to_owned(), values });
                }
            }
        }
        Self(conditions)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the predicate. A condition on an input that was not given is omitted; so is a `not` or a branch of `any`
    /// that is then empty, which would otherwise match everything. Of several branches of `any`, one must be left.
    pub(crate) fn bind(&self, vars: &Vars, wrong: &mut Vec<String>) -> Vec<Condition> {
        let mut bound = Vec::new();
        for condition in &self.0 {
            match condition {
                Unbound::Values { key, values } => {
                    let values: Vec<_> = values.iter().flat_map(|value| texts(key, value, vars, wrong)).collect();
                    if !values.is_empty() {
                        bound.extend(make(key, &values, wrong));
                    }
                }
                Unbound::Header { name, part } => {
                    if let Some(Value::Text(part)) = texts("header", part, vars, wrong).pop() {
                        if is_blank(&part) {
                            wrong.push(format!("`header` `{name}` is empty: nothing in it can be seen"));
                        }
                        bound.push(Condition::HeaderContains(name.clone(), part));
                    }
                }
                Unbound::Matches { name, text, values } => {
                    let name = format!("matches: {name}");
                    let values: Vec<_> = values.iter().flat_map(|value| texts(&name, value, vars, wrong)).collect();
                    let patterns = patterns(&name, &values.iter().map(ToString::to_string).collect(), wrong);
                    if !patterns.is_empty() {
                        bound.push(match text {
                            Some(text) => Condition::Matches(text.clone(), patterns),
                            None => Condition::Feature(FeatureCondition::UrlHostMatches(patterns)),
                        });
                    }
                }
                Unbound::Not(inner) => {
                    let inner = inner.bind(vars, wrong);
                    if !inner.is_empty() {
                        bound.push(Condition::Not(Box::new(Predicate::all(inner))));
                    }
                }
                Unbound::Any(branches) => {
                    let given = branches.len();
                    let branches =
                        branches.iter().map(|branch| branch.bind(vars, wrong)).filter(|branch| !branch.is_empty());
                    let branches: Vec<_> = branches.map(Predicate::all).collect();
                    if !branches.is_empty() {
                        bound.push(Condition::Any(branches));
                    } else if given > 1 {
                        // Without it, the other conditions would select what none of the alternatives does.
                        wrong.push(
                            "no alternative of `any` is left; give at least one of the inputs that it uses".to_owned(),
                        );
                    }
                }
            }
        }
        bound
    }
}

/// Reads the keys of `matches`.
fn matches(node: &Node, variables: &Variables, report: &Report) -> Vec<Unbound> {
    let read = |name: &str, text: Option<MatchedText>, value: &Node| {
        let values = value.items().iter().filter_map(|item| Template::read(item, &Type::Text, true, variables, report));
        Unbound::Matches { name: name.to_owned(), text, values: values.collect() }
    };
    let mut conditions = Vec::new();
    for (key, value) in node.entries() {
        match key.text().unwrap_or_default() {
            "header" => conditions.extend(value.entries().iter().map(|(field, value)| {
                let field = field.text().unwrap_or_default().to_lowercase();
                read(&format!("header {field}"), Some(MatchedText::Header(field.clone())), value)
            })),
            key => conditions.push(read(key, matched_text(key), value)),
        }
    }
    conditions
}

fn texts(key: &str, template: &Template, vars: &Vars, wrong: &mut Vec<String>) -> Vec<Value> {
    if template.lacks_input(vars) {
        return Vec::new();
    }
    match template.eval(vars) {
        Ok(Value::List(items)) => {
            if items.is_empty() {
                wrong.push(format!("`{key}`: the list is empty, and so nothing could match"));
            }
            items
        }
        Ok(value) => vec![value],
        Err(fault) => {
            wrong.push(format!("`{key}`: {}", fault.text));
            Vec::new()
        }
    }
}

fn make(key: &str, values: &[Value], wrong: &mut Vec<String>) -> Option<Condition> {
    let mut words = || -> Vec<String> {
        let texts: Vec<_> = values.iter().map(ToString::to_string).collect();
        // Such a text would be a part of every text, or of none.
        if texts.iter().any(|text| is_blank(text)) {
            wrong.push(format!("`{key}` is empty: nothing in it can be seen"));
        }
        texts
    };
    let condition = match key {
        "from" => Condition::From(words()),
        "from-domain" => Condition::FromDomain(words()),
        "from-name" => Condition::FromName(words()),
        "subject-contains" => Condition::SubjectContains(words()),
        "to" => Condition::To(words()),
        // A blind copy names its recipient nowhere but by its mailbox.
        "recipients" => {
            let any = words();
            let branch = |condition| Predicate::all([condition]);
            Condition::Any(vec![
                branch(Condition::To(any.clone())),
                branch(Condition::Mailbox(any.clone())),
                branch(Condition::Feature(FeatureCondition::DeliveredTo(any))),
            ])
        }
        "message-id" => Condition::MessageId(words()),
        "attachment-name" => Condition::AttachmentName(words()),
        "folder" => Condition::Folder(words()),
        "mailbox" => Condition::Mailbox(words()),
        "flag" => Condition::Flag(words()),
        "latest-delivery-location" => Condition::LatestLocation(locations(key, &words(), wrong)),
        "original-delivery-location" => Condition::OriginalLocation(locations(key, &words(), wrong)),
        "received-after" => Condition::ReceivedAfter(time(key, values.first()?, wrong)?),
        "received-before" => Condition::ReceivedBefore(time(key, values.first()?, wrong)?),
        "larger-than" => Condition::LargerThan(size(key, values.first()?, wrong)?),
        "smaller-than" => Condition::SmallerThan(size(key, values.first()?, wrong)?),
        _ => Condition::Feature(feature(key, values, &words(), wrong)?),
    };
    Some(condition)
}

/// Returns the condition on features of this key.
fn feature(key: &str, values: &[Value], words: &[String], wrong: &mut Vec<String>) -> Option<FeatureCondition> {
    let words = words.to_vec();
    Some(match key {
        "envelope-from" => FeatureCondition::EnvelopeFrom(words),
        "reply-to" => FeatureCondition::ReplyTo(words),
        "delivered-to" => FeatureCondition::DeliveredTo(words),
        "sender-ip" => FeatureCondition::SenderIp(each(key, &words, wrong, |word| {
            parse_network(word).ok_or_else(|| format!("`{}` is no network; write 192.0.2.0/24", visible_line(word, 60)))
        })),
        "auth" => FeatureCondition::Authentication(each(key, &words, wrong, |word| {
            word.parse::<AuthenticationResult>().map_err(|error| error.to_string())
        })),
        "url-host" => FeatureCondition::UrlHost(words),
        "url" => FeatureCondition::Url(each(key, &words, wrong, |word| check_url(word).map(|()| word.to_owned()))),
        "attachment-sha256" => FeatureCondition::AttachmentSha256(each(key, &words, wrong, |word| {
            word.to_lowercase().parse::<Digest>().map(|digest| digest.to_string()).map_err(|error| error.to_string())
        })),
        "attachment-type" => FeatureCondition::AttachmentType(words),
        "has-attachment" => FeatureCondition::HasAttachment(*values.first()? == Value::Boolean(true)),
        "body-contains" => FeatureCondition::BodyContains(words),
        "like" => {
            let mut roots = each(key, &words, wrong, |word| word.parse::<Root>().map_err(|error| error.to_string()));
            FeatureCondition::Like(Box::new(roots.pop()?))
        }
        _ => return None,
    })
}

/// Reads regular expressions, each once, up to the first that is wrong.
fn patterns(key: &str, words: &BTreeSet<String>, wrong: &mut Vec<String>) -> Vec<Pattern> {
    let read = if words.len() > MOST_PATTERNS {
        Err(format!("there are {} regular expressions; write {MOST_PATTERNS} at most", words.len()))
    } else {
        words.iter().map(|word| word.parse::<Pattern>().map_err(|error| error.to_string())).collect()
    };
    read.map_err(|why| wrong.push(format!("`{key}`: {why}"))).unwrap_or_default()
}

/// Reads each value, and reports those that cannot be read.
fn each<T>(key: &str, words: &[String], wrong: &mut Vec<String>, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
    words
        .iter()
        .filter_map(|word| read(word.trim()).map_err(|why| wrong.push(format!("`{key}`: {why}"))).ok())
        .collect()
}

fn locations(key: &str, words: &[String], wrong: &mut Vec<String>) -> Vec<LocationKind> {
    each(key, words, wrong, |word| word.parse().map_err(|unknown: UnknownWord| unknown.to_string()))
}

fn time(key: &str, value: &Value, wrong: &mut Vec<String>) -> Option<Timestamp> {
    let time = match value {
        Value::Timestamp(time) => Some(*time),
        other => Timestamp::parse(&other.to_string()),
    };
    if time.is_none() {
        wrong.push(format!("`{key}` is no time"));
    }
    time
}

fn size(key: &str, value: &Value, wrong: &mut Vec<String>) -> Option<u64> {
    let size = value.to_string().replace('_', "").parse().ok();
    if size.is_none() {
        wrong.push(format!("`{key}` is no number of bytes"));
    }
    size
}

/// Returns the variables for expressions, by dotted name.
pub(crate) fn vars(now: Timestamp, inputs: &BTreeMap<String, Value>) -> Vars {
    let mut vars: Vars = inputs.iter().map(|(name, value)| (format!("inputs.{name}"), value.clone())).collect();
    vars.insert("now".to_owned(), Value::Timestamp(now));
    vars
}
