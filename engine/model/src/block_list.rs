//! Block lists: what gateways may refuse, because messages that had it were removed.
//!
//! An entry is a value that is proved to be of the threat, and not one that the threat shares with others:
//!
//! - an indicator that a person named, and that a removed message matched;
//! - the From address of a root, if a trusted server proved it, and a removed message has it;
//! - the only file of a root that was removed for its file.
//!
//! The links of a root are not listed. A phishing message links to the organisation that it imitates, too, and nothing
//! proves which of its links is the attack.

mod builder;
mod format;
mod rules;

pub use self::builder::{
    BlockEntry, BlockList, BlockListBuilder, Causes, LeftOffList, REMOVALS, is_removal, is_undone,
};
pub use self::format::{BlockListFormat, NotInFormat, WrittenBlockList};
pub use self::rules::BlockListRules;
