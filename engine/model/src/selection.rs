//! A selection described in words, for approvers and readers: the meaning of its conditions, one after the other.

use crate::clusters::Clusters;
use crate::feature_condition::FeatureCondition;
use crate::limits::SelectionMode;
use crate::location::LocationKind;
use crate::predicate::{Condition, MatchedText, Predicate};
use crate::text::counted;

/// The most alternatives that are written out; the rest is counted.
const MOST: usize = 50;

/// A selection and its stores.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// The mode of selection.
    pub mode: SelectionMode,
    /// The number of picked messages, or of exclusions.
    pub picked: usize,
    /// Conditions that must all hold.
    pub predicate: &'a Predicate,
    /// Clusters, one of which a message must be in.
    pub clusters: Option<&'a Clusters>,
    /// Conditions that are checked after the first script.
    pub further: &'a [&'a Predicate],
    /// Scripts that must keep a message, in order.
    pub scripts: &'a [&'a str],
    /// Stores that are searched; `None` means all.
    pub stores: Option<&'a [String]>,
}

impl Selection<'_> {
    /// Returns the description. Parts of it were typed by people: treat it as untrusted on every output, as text from
    /// mail.
    pub fn in_words(&self) -> String {
        let picked = u64::try_from(self.picked).unwrap_or(u64::MAX);
        let mut parts = Vec::new();
        if self.mode == SelectionMode::Handpicked {
            parts.push(counted(picked, "picked message"));
        }
        parts.extend(self.predicate.said().iter().map(condition));
        parts.extend(self.clusters.map(Clusters::in_words));
        for predicate in self.further {
            parts.extend(predicate.said().iter().map(condition));
        }
        let query = self.predicate.push_down();
        if query.locations.is_empty() && query.folders.is_empty() {
            parts.push("in all folders but Recoverable Items and Quarantine".to_owned());
        }
        if let Some(stores) = self.stores {
            let noun = if stores.len() == 1 { "in store" } else { "in stores" };
            parts.push(format!("{noun} {}", texts(stores, bare)));
        }
        parts.extend(self.scripts.iter().map(|script| format!("kept by script {script}")));
        if self.mode == SelectionMode::QueryWithExclusions {
            parts.push(format!("without {} left out by name", counted(picked, "message")));
        }
        parts.join("; ")
    }
}

fn all(predicate: &Predicate) -> String {
    predicate.said().iter().map(condition).collect::<Vec<_>>().join("; ")
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::From(any) => format!("from {}", texts(any, bare)),
        Condition::FromDomain(any) => format!("from domain {}", texts(any, bare)),
        Condition::FromName(any) => format!("from a sender named {}", texts(any, quoted)),
        Condition::SubjectContains(any) => format!("subject contains {}", texts(any, quoted)),
        Condition::To(any) => format!("to {}", texts(any, bare)),
        Condition::MessageId(any) => format!("Message-ID {}", texts(any, quoted)),
        Condition::ReceivedAfter(time) => format!("received at or after {time}"),
        Condition::ReceivedBefore(time) => format!("received before {time}"),
        Condition::HeaderContains(name, part) => format!("header {} contains {}", bare(name), quoted(part)),
        Condition::Matches(text, any) => {
            format!("{} matches {}", matched(text), either(any, |one| quoted(one.as_str())))
        }
        Condition::AttachmentName(any) => format!("attachment name contains {}", texts(any, quoted)),
        Condition::LatestLocation(any) => format!("in {}", either(any, |kind| place(*kind))),
        Condition::OriginalLocation(any) => {
            format!("first delivered to {}", either(any, |kind| place(*kind)))
        }
        Condition::Folder(any) => format!("in folder {}", texts(any, quoted)),
        Condition::Mailbox(any) => format!("in mailbox {}", texts(any, bare)),
        Condition::LargerThan(bytes) => format!("larger than {bytes} bytes"),
        Condition::SmallerThan(bytes) => format!("smaller than {bytes} bytes"),
        Condition::Flag(any) => format!("with flag {}", texts(any, bare)),
        Condition::Feature(condition) => feature(condition),
        Condition::Not(inner) => format!("not ({})", all(inner)),
        Condition::Any(branches) if branches.len() == 1 => branches.iter().map(all).collect(),
        Condition::Any(branches) => {
            branches.iter().map(|branch| format!("({})", all(branch))).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn matched(text: &MatchedText) -> String {
    match text {
        MatchedText::Subject => "subject".to_owned(),
        MatchedText::From => "from address".to_owned(),
        MatchedText::FromName => "sender name".to_owned(),
        MatchedText::To => "To or Cc address".to_owned(),
        MatchedText::AttachmentName => "attachment name".to_owned(),
        MatchedText::Header(name) => format!("header {}", bare(name)),
    }
}

fn feature(condition: &FeatureCondition) -> String {
    match condition {
        FeatureCondition::EnvelopeFrom(any) => format!("envelope from {}", texts(any, bare)),
        FeatureCondition::ReplyTo(any) => format!("replies to {}", texts(any, bare)),
        FeatureCondition::DeliveredTo(any) => format!("delivered to {}", texts(any, bare)),
        FeatureCondition::SenderIp(any) => format!("sent from network {}", either(any, ToString::to_string)),
        FeatureCondition::UrlHost(any) => format!("with a link to host {}", texts(any, bare)),
        FeatureCondition::UrlHostMatches(any) => {
            format!("with a link to a host that matches {}", either(any, |one| quoted(one.as_str())))
        }
        FeatureCondition::Url(any) => format!("with the link {}", texts(any, quoted)),
        FeatureCondition::AttachmentSha256(any) => format!("with an attachment of sha256 {}", texts(any, bare)),
        FeatureCondition::AttachmentType(any) => format!("with an attachment of type {}", texts(any, bare)),
        FeatureCondition::HasAttachment(true) => "with an attachment".to_owned(),
        FeatureCondition::HasAttachment(false) => "without an attachment".to_owned(),
        FeatureCondition::BodyContains(any) => format!("text contains {}", texts(any, quoted)),
        FeatureCondition::Authentication(any) => format!("judged {}", either(any, ToString::to_string)),
        FeatureCondition::Like(root) => format!("like {}", root.in_words()),
    }
}

fn place(kind: LocationKind) -> String {
    match kind {
        LocationKind::Inbox => "the inbox".to_owned(),
        LocationKind::Folder => "another folder".to_owned(),
        other => other.as_str().replace('-', " "),
    }
}

fn texts(any: &[String], word: fn(&str) -> String) -> String {
    either(any, |one| word(one))
}

fn either<T>(any: &[T], word: impl Fn(&T) -> String) -> String {
    let mut words: Vec<String> = any.iter().take(MOST).map(word).collect();
    if any.len() > MOST {
        words.push(format!("{} more", any.len() - MOST));
    }
    words.join(" or ")
}

/// Puts a text in quotes and escapes quotes in it, so that one text cannot look like two.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns the text unquoted if it can only be one word.
fn bare(text: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || "@.-_+\\$/*:".contains(c);
    if !text.is_empty() && text.chars().all(is_word) { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn words(mode: SelectionMode, picked: usize, conditions: Vec<Condition>) -> String {
        let predicate = Predicate::all(conditions);
        Selection { mode, picked, predicate: &predicate, clusters: None, further: &[], scripts: &[], stores: None }
            .in_words()
    }

    #[test]
    fn a_text_is_quoted_as_typed_and_several_are_told_apart() {
        let subject = |any: &[&str]| Condition::SubjectContains(any.iter().map(ToString::to_string).collect());
        assert_eq!(
            words(SelectionMode::Query, 0, vec![subject(&["Dear customer, your account"])]),
            "subject contains \"Dear customer, your account\"; in all folders but Recoverable Items and Quarantine"
        );
        let inbox = || Condition::LatestLocation(vec![LocationKind::Inbox, LocationKind::RecoverableItems]);
        assert_eq!(
            words(SelectionMode::Query, 0, vec![subject(&["A", "B"]), inbox()]),
            "in the inbox or recoverable items; subject contains \"A\" or \"B\""
        );
        assert_eq!(
            words(SelectionMode::Handpicked, 3, vec![subject(&["A\" or \"B"]), inbox()]),
            "3 picked messages; in the inbox or recoverable items; subject contains \"A\\\" or \\\"B\""
        );
        assert_eq!(
            words(SelectionMode::QueryWithExclusions, 1, vec![inbox()]),
            "in the inbox or recoverable items; without 1 message left out by name"
        );
    }

    #[test]
    fn every_condition_has_words() {
        let list = || vec!["a@x.example".to_owned(), "two words".to_owned()];
        let conditions = vec![
            Condition::From(list()),
            Condition::FromDomain(vec!["x.example".into()]),
            Condition::To(list()),
            Condition::MessageId(vec!["<1@x>".into()]),
            Condition::ReceivedAfter(Timestamp(0)),
            Condition::ReceivedBefore(Timestamp(1_000_000)),
            Condition::HeaderContains("List-Id".into(), "News".into()),
            Condition::AttachmentName(vec!["Invoice, March.pdf".into()]),
            Condition::OriginalLocation(vec![LocationKind::Junk]),
            Condition::Folder(vec!["A, B".into()]),
            Condition::Mailbox(vec!["ann@x.example".into()]),
            Condition::LargerThan(1),
            Condition::SmallerThan(9),
            Condition::Flag(vec!["\\Seen".into()]),
            Condition::Not(Box::new(Predicate::all([Condition::LargerThan(5), Condition::Flag(vec!["x".into()])]))),
            Condition::Any(vec![
                Predicate::all([Condition::LargerThan(2)]),
                Predicate::all([Condition::SmallerThan(3)]),
            ]),
        ];
        let predicate = Predicate::all(conditions);
        let stores = ["corp".to_owned()];
        let selection = Selection {
            mode: SelectionMode::Query,
            picked: 0,
            predicate: &predicate,
            clusters: None,
            further: &[],
            scripts: &["keep.rhai"],
            stores: Some(&stores),
        };
        insta::assert_snapshot!(selection.in_words().replace("; ", "\n"));
    }

    #[test]
    fn numbers_have_their_nouns_and_long_lists_their_rest() {
        let from = |number: usize| Condition::From((0..number).map(|one| format!("{one}@x")).collect());
        let said = |number| words(SelectionMode::Query, 0, vec![from(number)]);
        assert!(said(50).starts_with("from 0@x or 1@x or ") && said(50).contains("or 49@x; in all"), "{}", said(50));
        assert!(said(52).contains("or 49@x or 2 more; in all"), "{}", said(52));
        let picked = |picked| words(SelectionMode::Handpicked, picked, vec![]);
        assert!(picked(1).starts_with("1 picked message;") && picked(2).starts_with("2 picked messages;"));
    }

    #[test]
    fn stores_further_conditions_and_an_only_branch_are_told() {
        let first = Predicate::all([Condition::Folder(vec!["A".into()])]);
        let only = Condition::Any(vec![Predicate::all([Condition::LargerThan(2)])]);
        let further = Predicate::all([only, Condition::LatestLocation(vec![LocationKind::Folder])]);
        let stores = ["corp".to_owned(), "two words".to_owned(), String::new()];
        let selection = Selection {
            mode: SelectionMode::Query,
            picked: 0,
            predicate: &first,
            clusters: None,
            further: &[&further],
            scripts: &["a.rhai", "b.rhai"],
            stores: Some(&stores),
        };
        assert_eq!(
            selection.in_words(),
            "in folder \"A\"; in another folder; larger than 2 bytes; in stores corp or \"two words\" or \"\"; \
             kept by script a.rhai; kept by script b.rhai"
        );
    }
}
