//! The gaps of a plan: what could not be read is not known to be clean, so it is counted and named, and the result is
//! partial.

use serde::{Deserialize, Serialize};

use crate::text::counted;

/// The most examples that are kept of one kind.
const EXAMPLES: usize = 20;

/// The kind of a gap. Whole mailboxes are counted separately, by [`PlanFacts::unsearched`](crate::PlanFacts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanGapKind {
    /// A store whose mailboxes could not be listed, or that has none.
    Store,
    /// A folder, file or message in a mailbox that was searched.
    Part,
    /// A message on which a script failed.
    ScriptFault,
    /// A message that was judged by the beginning of a text only, because the text is too long.
    CutText,
    /// A message that could not be examined, although a condition is on its features.
    Unexamined,
    /// A picked message that is in none of the searched mailboxes.
    Pick,
    /// An exclusion that matched nothing.
    Exclusion,
    /// A root whose text is mostly that of strangers, so that its copies cannot be told from their mail by it.
    CommonRoot,
}

impl PlanGapKind {
    /// Returns the words that follow a number.
    const fn words(self, one: bool) -> &'static str {
        match (self, one) {
            (Self::Store, true) => "store could not be searched",
            (Self::Store, false) => "stores could not be searched",
            (Self::Part, true) => "folder or message could not be read",
            (Self::Part, false) => "folders or messages could not be read",
            (Self::ScriptFault, true) => "message could not be judged, as a script failed on it",
            (Self::ScriptFault, false) => "messages could not be judged, as a script failed on them",
            (Self::CutText, true) => "message has a text too long to be judged whole",
            (Self::CutText, false) => "messages have a text too long to be judged whole",
            (Self::Unexamined, true) => "message could not be examined",
            (Self::Unexamined, false) => "messages could not be examined",
            (Self::Pick, true) => "picked message was not found",
            (Self::Pick, false) => "picked messages were not found",
            (Self::CommonRoot, true) => "root has too little text that strangers do not write, too",
            (Self::CommonRoot, false) => "roots have too little text that strangers do not write, too",
            (Self::Exclusion, true) => "exclusion matched nothing",
            (Self::Exclusion, false) => "exclusions matched nothing",
        }
    }
}

/// The gaps of one kind: their number and the first of them, each with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanGap {
    /// The kind of gap.
    pub kind: PlanGapKind,
    /// The number of gaps.
    pub count: u64,
    /// The first of them, each with its name and the reason.
    pub examples: Vec<(String, String)>,
}

impl PlanGap {
    /// Returns the sentence, such as
    /// `3 picked messages were not found, such as ann@corp.example <1@x>: no message of that name`.
    pub fn in_words(&self) -> String {
        in_words(self.count, self.kind.words(self.count == 1), self.examples.first())
    }
}

/// Returns the sentence for any such count.
pub(crate) fn in_words(count: u64, what: &str, example: Option<&(String, String)>) -> String {
    let example = example.map_or(String::new(), |(which, why)| format!(", such as {which}: {why}"));
    format!("{count} {what}{example}")
}

/// Counts `count` more gaps of one kind and keeps the first examples.
pub(crate) fn note(all: &mut Vec<PlanGap>, kind: PlanGapKind, count: u64, which: String, why: String) {
    let found = all.iter().position(|known| known.kind == kind).unwrap_or_else(|| {
        all.push(PlanGap { kind, count: 0, examples: Vec::new() });
        all.len() - 1
    });
    all[found].count += count;
    keep(&mut all[found].examples, which, why);
}

/// Adds the gaps of another search.
pub(crate) fn absorb(all: &mut Vec<PlanGap>, more: PlanGap) {
    match all.iter_mut().find(|known| known.kind == more.kind) {
        Some(known) => {
            known.count += more.count;
            for (which, why) in more.examples {
                keep(&mut known.examples, which, why);
            }
        }
        None => all.push(more),
    }
}

/// Keeps an example up to the limit, each only once.
pub(crate) fn keep(examples: &mut Vec<(String, String)>, which: String, why: String) {
    let example = (which, why);
    if examples.len() < EXAMPLES && !examples.contains(&example) {
        examples.push(example);
    }
}

/// The messages that a script left out of the plan, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LeftOut {
    /// The script.
    pub by: String,
    /// The reason that it gave, if any.
    pub reason: Option<String>,
    /// The number of messages.
    pub count: u64,
}

impl LeftOut {
    /// Returns a text such as `12 messages by keep-newsletters.rhai: newsletter`.
    pub fn in_words(&self) -> String {
        let reason = self.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        format!("{} by {}{reason}", counted(self.count, "message"), self.by)
    }
}

/// The most reasons that are counted separately; further ones are counted under the script without a reason.
const REASONS: usize = 100;

/// Counts messages that a script left out.
pub(crate) fn leave_out(all: &mut Vec<LeftOut>, by: &str, reason: Option<String>, count: u64) {
    let reason = reason.filter(|reason| {
        all.len() < REASONS || all.iter().any(|known| known.by == by && known.reason.as_ref() == Some(reason))
    });
    match all.iter_mut().find(|known| known.by == by && known.reason == reason) {
        Some(known) => known.count += count,
        None => all.push(LeftOut { by: by.to_owned(), reason, count }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_in_words() {
        let said = |kind: PlanGapKind, count| PlanGap { kind, count, examples: vec![] }.in_words();
        for (kind, one, several) in [
            (PlanGapKind::Store, "store could not be searched", "stores could not be searched"),
            (PlanGapKind::Part, "folder or message could not be read", "folders or messages could not be read"),
            (
                PlanGapKind::ScriptFault,
                "message could not be judged, as a script failed on it",
                "messages could not be judged, as a script failed on them",
            ),
            (
                PlanGapKind::CutText,
                "message has a text too long to be judged whole",
                "messages have a text too long to be judged whole",
            ),
            (PlanGapKind::Pick, "picked message was not found", "picked messages were not found"),
            (PlanGapKind::Exclusion, "exclusion matched nothing", "exclusions matched nothing"),
        ] {
            assert_eq!((said(kind, 1), said(kind, 2)), (format!("1 {one}"), format!("2 {several}")));
        }
    }

    #[test]
    fn a_few_examples_are_kept_and_all_are_counted() {
        let mut all = Vec::new();
        for number in 0..30 {
            note(&mut all, PlanGapKind::Pick, 2, number.to_string(), "gone".into());
            note(&mut all, PlanGapKind::Store, 1, "corp".into(), "no answer".into());
        }
        assert_eq!(all.iter().map(|one| (one.count, one.examples.len())).collect::<Vec<_>>(), [(60, 20), (30, 1)]);
        let (more, part) = (all[0].clone(), PlanGap { kind: PlanGapKind::Part, count: 3, examples: vec![] });
        let mut sum = vec![PlanGap { kind: PlanGapKind::Pick, count: 1, examples: vec![("x".into(), "gone".into())] }];
        for found in [more, part.clone()] {
            absorb(&mut sum, found);
        }
        assert_eq!((sum[0].count, sum[0].examples.len(), &sum[0].examples[1].0), (61, 20, &"0".to_owned()));
        assert_eq!(sum[1], part);
    }

    #[test]
    fn messages_left_out_are_counted_by_script_and_reason() {
        let mut all = Vec::new();
        let why = |reason: &str| Some(reason.to_owned());
        for (by, reason, count) in
            [("a", why("x"), 1), ("a", why("y"), 2), ("a", None, 3), ("b", why("x"), 4), ("a", why("x"), 5)]
        {
            leave_out(&mut all, by, reason, count);
        }
        let said: Vec<_> = all.iter().map(LeftOut::in_words).collect();
        assert_eq!(said, ["6 messages by a: x", "2 messages by a: y", "3 messages by a", "4 messages by b: x"]);
        assert_eq!(LeftOut { by: "a".into(), reason: None, count: 1 }.in_words(), "1 message by a");
    }

    #[test]
    fn reasons_beyond_the_most_are_counted_under_their_script() {
        let mut all = Vec::new();
        for number in 0..REASONS {
            leave_out(&mut all, "a", Some(number.to_string()), 1);
        }
        for (by, reason) in [("a", "7"), ("a", "new"), ("a", "newer"), ("b", "7")] {
            leave_out(&mut all, by, Some(reason.to_owned()), 1);
        }
        assert_eq!(all.len(), REASONS + 2);
        assert_eq!(all[7].count, 2, "a reason that is known is counted as before");
        let rest: Vec<_> = all[REASONS..].iter().map(LeftOut::in_words).collect();
        assert_eq!(rest, ["2 messages by a", "1 message by b"]);
    }
}
