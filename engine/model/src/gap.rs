//! The parts of a mailbox that a search could not read.

use std::fmt;

/// A part that a search could not read. It is not known to be clean, so each is counted, named and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The path of the folder; empty for the whole mailbox.
    pub folder: String,
    /// The message or file in the folder, as the store names it; empty for the whole folder.
    pub item: String,
    /// The reason, for people.
    pub reason: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.folder.is_empty(), self.item.is_empty()) {
            (true, true) => write!(formatter, "{}", self.reason),
            (false, true) => write!(formatter, "folder `{}`: {}", self.folder, self.reason),
            (true, false) => write!(formatter, "`{}`: {}", self.item, self.reason),
            (false, false) => write!(formatter, "`{}` in folder `{}`: {}", self.item, self.folder, self.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_named_as_far_as_it_is_known() {
        for (folder, item, said) in [
            ("", "", "no right"),
            ("Archive", "", "folder `Archive`: no right"),
            ("", "7", "`7`: no right"),
            ("Archive", "7", "`7` in folder `Archive`: no right"),
        ] {
            let gap = Gap { folder: folder.into(), item: item.into(), reason: "no right".into() };
            assert_eq!(gap.to_string(), said);
        }
    }
}
