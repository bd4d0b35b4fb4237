//! The gaps of a search, collected for one page.

use clawback_connector_sdk::types::Gap;

/// The items that are named individually for each reason in each folder; further ones are counted.
const NAMED: usize = 20;

/// The gaps of one page, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    named: Vec<Gap>,
    counted: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    folder: String,
    reason: String,
    count: usize,
}

impl Gaps {
    /// Adds a whole folder.
    pub(crate) fn folder(&mut self, folder: &str, reason: impl Into<String>) {
        self.named.push(Gap { folder: folder.to_owned(), item: String::new(), reason: reason.into() });
    }

    /// Adds one file in a folder.
    pub(crate) fn item(&mut self, folder: &str, item: &str, reason: &str) {
        let at = self.counted.iter().position(|one| one.folder == folder && one.reason == reason);
        let known = if let Some(at) = at {
            &mut self.counted[at]
        } else {
            self.counted.push(Counted { folder: folder.to_owned(), reason: reason.to_owned(), count: 0 });
            let last = self.counted.len() - 1;
            &mut self.counted[last]
        };
        known.count += 1;
        if known.count <= NAMED {
            self.named.push(Gap { folder: folder.to_owned(), item: item.to_owned(), reason: reason.to_owned() });
        }
    }

    /// Adds the gaps of another part of the search.
    pub(crate) fn extend(&mut self, gaps: Vec<Gap>) {
        self.named.extend(gaps);
    }

    /// Returns all gaps; items that are only counted are one gap for each reason.
    pub(crate) fn into_list(mut self) -> Vec<Gap> {
        for one in self.counted.into_iter().filter(|one| one.count > NAMED) {
            let reason = format!("{} more files: {}", one.count - NAMED, one.reason);
            self.named.push(Gap { folder: one.folder, item: String::new(), reason });
        }
        self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_with_one_reason_are_counted() {
        let mut gaps = Gaps::default();
        gaps.folder("A", "no permission");
        for number in 0..500 {
            gaps.item("INBOX", &number.to_string(), "compressed");
        }
        gaps.item("INBOX", "x", "other");
        let list = gaps.into_list();
        assert_eq!(list.len(), 1 + NAMED + 1 + 1);
        assert_eq!(list.last().map(|gap| gap.reason.as_str()), Some("480 more files: compressed"));
    }
}
