//! The limits on texts in a message record. `message.cut` names what is truncated; matches use the whole text.

/// Bytes of a subject.
pub const SUBJECT: usize = 8 * 1024;
/// Bytes of a display name.
pub const NAME: usize = 1024;
/// Senders in addition to the one that is shown.
pub const SENDERS: usize = 200;
/// Addresses of To and Cc, and their total bytes.
pub const RECIPIENTS: (usize, usize) = (1_000, 64 * 1024);
/// The bytes of a To or Cc field that are read for that list.
pub const LISTED: usize = 2 * RECIPIENTS.1;
/// Values of one header field, and the total bytes of each field's values.
pub const HEADER: (usize, usize) = (100, 32 * 1024);
/// Names of attachments, and their total bytes.
pub const ATTACHMENTS: (usize, usize) = (500, 64 * 1024);
/// Bytes of an address.
pub const ADDRESS: usize = 2 * 1024;
/// Bytes of a Message-ID; lines have 998 by the standard.
pub const MESSAGE_ID: usize = 4 * 1024;
/// The bytes of one field that are read at all.
pub const FIELD: usize = 1024 * 1024;
/// How far back a suitable place to cut is searched for.
const BACK: usize = 256;

/// Returns the text up to `most` bytes, and whether it was truncated. The rest starts with a character that never joins
/// the one before, so that the normalised part is a part of the normalised whole.
pub fn text(mut text: String, most: usize) -> (String, bool) {
    if text.len() <= most {
        return (text, false);
    }
    let least = most.saturating_sub(BACK);
    let good = (least..=most).rev().find(|at| text.as_bytes()[*at].is_ascii());
    let end = good.or_else(|| (0..=most).rev().find(|at| text.is_char_boundary(*at))).unwrap_or_default();
    text.truncate(end);
    (text, true)
}

/// Returns the texts that fit, and whether these are all.
pub fn list(all: impl IntoIterator<Item = String>, (most, bytes): (usize, usize)) -> (Vec<String>, bool) {
    let (mut kept, mut left) = (Vec::new(), bytes);
    for one in all {
        if kept.len() == most || left == 0 {
            return (kept, true);
        }
        let (one, is_cut) = text(one, left);
        left -= one.len();
        kept.push(one);
        if is_cut {
            return (kept, true);
        }
    }
    (kept, false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normal::normalise;

    #[test]
    fn lists_end_by_count_and_by_bytes() {
        let names = || ["abc", "def", "ghi"].map(str::to_owned);
        assert_eq!(list(names(), (9, 99)), (names().to_vec(), false));
        assert_eq!(list(names(), (2, 99)).0.len(), 2);
        assert_eq!(list(names(), (9, 5)), (vec!["abc".to_owned(), "de".to_owned()], true));
    }

    proptest! {
        #[test]
        fn a_part_is_found_in_the_whole(
            whole in "([a-zA-Z ]|[e\u{301}\u{323}\u{200b}ﬁŉ가\u{1100}\u{1161}]){0,400}",
            most in 0_usize..300,
        ) {
            let (part, is_cut) = text(whole.clone(), most);
            prop_assert!(part.len() <= most && is_cut == (part != whole));
            prop_assert!(normalise(&whole).contains(&normalise(&part)) || !whole[part.len()..].starts_with(|c: char| c.is_ascii()));
        }
    }
}
