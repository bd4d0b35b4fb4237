//! Whether a message is a copy of a root: a message that is known to be a threat.
//!
//! Two keys are required. The first is the text: the share of the root's word pairs that the message contains. It alone
//! is no proof, because a phishing message often has the text of the organisation that it imitates. The second key is
//! that both have one sender or ask for one action: the same calls. A name that many senders share ([`Commons`]) is no
//! key, and neither is the domain of the message's own sender, because a genuine message has its own domain, too, and
//! the root can name it.

mod band;
mod boilerplate;
mod commons;
mod compare;
mod entities;
mod identity;
mod of_features;
mod root;

pub use self::band::{ALIKE, Band, CONTAINED, LEAST_PAIRS, LEAST_PAIRS_OF_A_LONG_MESSAGE, LikenessReason};
pub use self::boilerplate::{BOILERPLATE_DOMAINS, Boilerplate};
pub(crate) use self::commons::is_free_mail;
pub use self::commons::{COMMON_SENDERS, Commons};
pub use self::compare::Likeness;
pub use self::entities::Entities;
pub use self::identity::{Calls, Identity};
pub use self::of_features::THREAD_FIELDS;
pub use self::root::{InvalidRoot, LONGEST_ROOT, ROOT_PREFIX, Root};

#[cfg(test)]
mod tests;
