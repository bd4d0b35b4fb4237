//! The further folders of a message, among its flags. A message of JMAP can lie in several folders, and the contract
//! has one location: the others are flags `label:ID`, so that an undo knows them.
//!
//! A move takes the message out of all its folders. If the node stops before it learns that the move was made, only the
//! store can tell where the message was: so the move marks the message with a keyword for each of these folders. The
//! next move and a restore remove the marks.

use std::collections::BTreeMap;

use crate::session::is_id;

/// Begins the flag of a folder.
const LABEL: &str = "label:";
/// Begins the keyword that remembers a folder.
const MARK: &str = "$clawback-also-";
/// The longest keyword (RFC 8621 4.1.1).
const LONGEST: usize = 255;

/// Flags of IMAP that are keywords of JMAP with another spelling (RFC 8621 4.1.1).
const SYSTEM: [(&str, &str); 4] =
    [("$seen", "\\Seen"), ("$answered", "\\Answered"), ("$flagged", "\\Flagged"), ("$draft", "\\Draft")];

/// Returns the flags of a message with these keywords that lies in these folders, in addition to that of its location.
/// Marks are folders, too.
pub(crate) fn flags<'a>(keywords: &BTreeMap<String, bool>, others: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut labels: Vec<String> = others.map(|id| format!("{LABEL}{id}")).collect();
    let mut flags = Vec::new();
    for keyword in keywords.iter().filter(|(_, is_set)| **is_set).map(|(keyword, _)| keyword) {
        match unmark(keyword) {
            Some(id) => labels.push(format!("{LABEL}{id}")),
            None => flags.push(flag(keyword)),
        }
    }
    labels.sort_unstable();
    labels.dedup();
    flags.sort_unstable();
    flags.extend(labels);
    flags
}

fn flag(keyword: &str) -> String {
    let system = SYSTEM.iter().find(|(known, _)| keyword.eq_ignore_ascii_case(known));
    system.map_or(keyword, |(_, flag)| flag).to_owned()
}

/// Returns the folders that flags name.
pub(crate) fn folders(flags: &[String]) -> impl Iterator<Item = &str> {
    flags.iter().filter_map(|flag| flag.strip_prefix(LABEL)).filter(|id| is_id(id))
}

/// Returns the keywords that flags name.
pub(crate) fn keywords(flags: &[String]) -> Vec<String> {
    let mut keywords: Vec<String> = flags
        .iter()
        .filter(|flag| !flag.starts_with(LABEL))
        .filter_map(|flag| match SYSTEM.iter().find(|(_, known)| flag.eq_ignore_ascii_case(known)) {
            Some((keyword, _)) => Some((*keyword).to_owned()),
            // The contract's spelling of a flag of IMAP that JMAP does not have.
            None if flag.starts_with('\\') => None,
            None => Some(flag.to_lowercase()).filter(|keyword| is_keyword(keyword)),
        })
        .collect();
    keywords.sort_unstable();
    keywords.dedup();
    keywords
}

/// Returns the keywords of a message in one spelling, without marks.
pub(crate) fn own(keywords: &BTreeMap<String, bool>) -> Vec<String> {
    let set = keywords.iter().filter(|(keyword, is_set)| **is_set && unmark(keyword).is_none());
    let mut own: Vec<String> = set.map(|(keyword, _)| keyword.to_lowercase()).collect();
    own.sort_unstable();
    own
}

/// Returns whether a keyword remembers a folder.
pub(crate) fn is_mark(keyword: &str) -> bool {
    unmark(keyword).is_some()
}

fn is_keyword(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"(){]%*\"\\".contains(&byte);
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// Returns the keyword that remembers a folder. Keywords have no case, and ids do. `None` if it would be too long.
pub(crate) fn mark(id: &str) -> Option<String> {
    let mut mark = MARK.to_owned();
    for character in id.chars() {
        if character.is_ascii_uppercase() || character == '_' {
            mark.push('_');
        }
        mark.push(character.to_ascii_lowercase());
    }
    Some(mark).filter(|mark| is_keyword(mark))
}

/// Returns the folder that a keyword remembers.
fn unmark(keyword: &str) -> Option<String> {
    let rest =
        keyword.get(..MARK.len()).filter(|start| start.eq_ignore_ascii_case(MARK)).map(|_| &keyword[MARK.len()..]);
    let mut id = String::new();
    let mut characters = rest?.chars();
    while let Some(character) = characters.next() {
        id.push(match character {
            '_' => characters.next()?.to_ascii_uppercase(),
            other => other.to_ascii_lowercase(),
        });
    }
    Some(id).filter(|id| is_id(id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(keywords: &[&str]) -> BTreeMap<String, bool> {
        keywords.iter().map(|keyword| ((*keyword).to_owned(), true)).collect()
    }

    #[test]
    fn there_and_back() {
        let flags = flags(&set(&["$seen", "$forwarded", "$clawback-also-_ab"]), ["q4"].into_iter());
        assert_eq!(flags, ["$forwarded", "\\Seen", "label:Ab", "label:q4"]);
        assert_eq!(folders(&flags).collect::<Vec<_>>(), ["Ab", "q4"]);
        assert_eq!(keywords(&flags), ["$forwarded", "$seen"]);
    }

    #[test]
    fn what_is_no_keyword_is_not_sent() {
        let flags = ["\\Recent", "a b", "x)", "", "label:../x", "label:"].map(str::to_owned);
        assert!(keywords(&flags).is_empty());
        assert_eq!(folders(&flags).count(), 0);
        assert_eq!(mark(&"X".repeat(200)), None);
    }

    proptest! {
        #[test]
        fn a_mark_remembers_every_id(id in "[A-Za-z0-9_-]{1,100}") {
            prop_assert_eq!(unmark(&mark(&id).unwrap()), Some(id));
        }
    }
}
