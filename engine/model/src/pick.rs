//! Messages that a caller names individually.

use serde::{Deserialize, Serialize};

use crate::comparison::is_same;
use crate::limits::SelectionMode;
use crate::message::Message;
use crate::text::visible_line;

/// One message named by its mailbox and at least one of the other fields; all fields that are given must match. The
/// fingerprint names the mail, and with it every copy in the mailbox; the locator names one copy; the Message-ID is
/// chosen by the sender.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Picked {
    /// Its mailbox.
    pub mailbox: String,
    /// Its Message-ID, with angle brackets; empty if not given.
    pub message_id: String,
    /// Its fingerprint, if given.
    pub fingerprint: Option<String>,
    /// The store's handle of this one copy, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locator: Option<String>,
}

/// Picked messages that do not identify which messages are meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickError {
    /// A picked message without any name.
    #[error("a picked message of mailbox `{}` has neither Message-ID, fingerprint nor locator; `clawback plan --dry-run --format json` prints them", visible_line(.mailbox, 60))]
    NamesNothing {
        /// The mailbox that was given.
        mailbox: String,
    },
    /// Messages are picked, but the mode takes everything that the query finds.
    #[error(
        "{count} messages are picked, and the selection is all that the query finds: choose `handpicked` to take only the picked ones, `query-with-exclusions` to leave them out, or pick none"
    )]
    Contradicts {
        /// The number of picked messages.
        count: usize,
    },
    /// No message is picked, but the mode takes only picked messages.
    #[error("the selection is `handpicked`, and no message is picked")]
    Missing,
}

impl Picked {
    /// Refuses a pick that names no message.
    pub fn check(&self) -> Result<(), PickError> {
        let named = !self.message_id.trim().is_empty() || self.fingerprint.is_some() || self.locator.is_some();
        if named && !self.mailbox.trim().is_empty() {
            return Ok(());
        }
        Err(PickError::NamesNothing { mailbox: self.mailbox.clone() })
    }

    /// Returns whether it names this message.
    pub fn names(&self, message: &Message) -> bool {
        let reference = &message.reference;
        self.check().is_ok()
            && is_same(&self.mailbox, &message.mailbox)
            && (self.message_id.trim().is_empty() || self.message_id.trim() == reference.message_id.trim())
            && self.fingerprint.as_ref().is_none_or(|fingerprint| *fingerprint == reference.fingerprint)
            && self.locator.as_ref().is_none_or(|locator| *locator == reference.locator)
    }

    /// Returns whether only the Message-ID is given, which two different mails in a mailbox may share.
    pub const fn is_by_message_id(&self) -> bool {
        self.fingerprint.is_none() && self.locator.is_none()
    }
}

/// Refuses picked messages that contradict the mode of selection.
pub fn check_picks(mode: SelectionMode, picked: &[Picked]) -> Result<(), PickError> {
    match mode {
        SelectionMode::Query if !picked.is_empty() => Err(PickError::Contradicts { count: picked.len() }),
        SelectionMode::Handpicked if picked.is_empty() => Err(PickError::Missing),
        _ => picked.iter().try_for_each(Picked::check),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::message;

    fn pick(message_id: &str, fingerprint: Option<&str>, locator: Option<&str>) -> Picked {
        let text = |part: Option<&str>| part.map(str::to_owned);
        Picked {
            mailbox: "Ann@corp.example".into(),
            message_id: message_id.into(),
            fingerprint: text(fingerprint),
            locator: text(locator),
        }
    }

    #[test]
    fn everything_given_must_hold_and_something_must_be_given() {
        let mail = message(1);
        let (id, print, place) = ("<1@evil.example>", mail.reference.fingerprint.as_str(), "1:1:INBOX");
        for (given, named) in [
            (pick(id, None, None), true),
            (pick("", Some(print), None), true),
            (pick("", None, Some(place)), true),
            (pick(id, Some(print), Some(place)), true),
            (pick("<2@evil.example>", Some(print), None), false),
            (pick(id, Some("other"), None), false),
            (pick("", Some(print), Some("1:2:INBOX")), false),
            (pick("", None, None), false),
        ] {
            assert_eq!(given.names(&mail), named, "{given:?}");
        }
        assert!(pick(" ", None, None).check().unwrap_err().to_string().contains("Ann@corp.example"));
    }

    #[test]
    fn a_contradiction_is_refused() {
        let one = [pick("<1@x>", None, None)];
        assert!(check_picks(SelectionMode::Query, &one).unwrap_err().to_string().contains("1 messages are picked"));
        assert_eq!(check_picks(SelectionMode::Handpicked, &[]), Err(PickError::Missing));
        for (mode, picked) in [
            (SelectionMode::Query, &one[..0]),
            (SelectionMode::Handpicked, &one[..]),
            (SelectionMode::QueryWithExclusions, &one[..]),
        ] {
            assert_eq!(check_picks(mode, picked), Ok(()));
        }
    }

    #[test]
    fn picks_of_older_histories_are_read() {
        let old = r#"{"mailbox":"a@x","message-id":"<1@x>","fingerprint":null}"#;
        let read: Picked = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
    }

    #[test]
    fn a_mailbox_has_no_case_and_only_a_message_id_is_not_sure() {
        let mail = message(1);
        let of = |mailbox: &str| Picked { mailbox: mailbox.into(), ..pick(" <1@evil.example> ", None, None) };
        assert!(of("ANN@corp.example").names(&mail) && !of("ben@corp.example").names(&mail));
        assert!(is_same("JÖRG@x", "jörg@x") && !is_same("jörg@x", "jorg@x"));
        assert!(of(" ").check().is_err() && !of(" ").names(&mail));
        assert!(of("ann@corp.example").is_by_message_id());
        assert!(
            !pick("<1@x>", Some("f"), None).is_by_message_id() && !pick("<1@x>", None, Some("l")).is_by_message_id()
        );
    }

    #[test]
    fn every_pick_names_a_message() {
        let (named, nameless) = (pick("<1@x>", None, None), pick("", None, None));
        for mode in [SelectionMode::Handpicked, SelectionMode::QueryWithExclusions] {
            assert!(check_picks(mode, &[named.clone(), nameless.clone()]).is_err(), "{mode}");
        }
        assert_eq!(check_picks(SelectionMode::QueryWithExclusions, &[]), Ok(()));
        for given in [pick("<1@x>", None, None), pick("", Some("f"), None), pick("", None, Some("l"))] {
            assert_eq!(given.check(), Ok(()));
        }
    }
}
