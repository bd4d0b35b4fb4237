//! Pseudonyms: equal names get equal pseudonyms within one case, and a pseudonym does not lead back to the name.

use clawback_model::{Digest, Location, LocationKind};

/// The digits of a hash: 40 bits distinguish the names of one case.
const DIGITS: usize = 10;
/// The longest file extension that is kept.
const LONGEST_ENDING: usize = 8;

/// Makes the pseudonyms of one case. The key is discarded afterwards, so names cannot be found by trying.
pub(super) struct Pseudonyms {
    key: [u8; 32],
}

impl Pseudonyms {
    pub(super) const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Hashes with the key at both ends, as NMAC does.
    fn hash(&self, kind: &str, text: &str) -> String {
        let inner = Digest::of(&[&self.key[..], kind.as_bytes(), b"\0", text.as_bytes()].concat());
        let outer = Digest::of(&[&self.key[..], &inner.0[..]].concat()).to_string();
        format!("{kind}{}", &outer[..DIGITS])
    }

    /// Replaces an address, or a mailbox name that is not an address: the part before the `@` and the domain
    /// separately.
    pub(super) fn address(&self, address: &str) -> String {
        match address.rsplit_once('@') {
            Some((local, domain)) => format!("{}@{}", self.local(local), self.domain(domain)),
            None => self.local(address),
        }
    }

    fn local(&self, local: &str) -> String {
        if local.is_empty() { String::new() } else { self.hash("u", &local.to_lowercase()) }
    }

    /// Replaces a domain label by label, except the last one: a subdomain remains a subdomain.
    pub(super) fn domain(&self, domain: &str) -> String {
        let domain = domain.to_lowercase();
        let labels: Vec<&str> = domain.split('.').collect();
        let last = labels.len() - 1;
        let name = |(place, label): (usize, &&str)| match *label {
            "" => String::new(),
            top if place == last && last > 0 => top.to_owned(),
            label => self.hash("d", label),
        };
        labels.iter().enumerate().map(name).collect::<Vec<_>>().join(".")
    }

    /// Replaces a Message-ID, in its brackets if it has them.
    pub(super) fn message_id(&self, id: &str) -> String {
        let bare = id.trim().trim_start_matches('<').trim_end_matches('>');
        if bare.is_empty() {
            return String::new();
        }
        let name = match bare.rsplit_once('@') {
            Some((left, domain)) => format!("{}@{}", self.hash("m", left), self.domain(domain)),
            None => self.hash("m", bare),
        };
        if id.trim().starts_with('<') { format!("<{name}>") } else { name }
    }

    /// Replaces the name of a folder that the owner of the mailbox created.
    pub(super) fn location(&self, location: &Location) -> Location {
        if location.kind == LocationKind::Folder && !location.path.is_empty() {
            return Location::new(location.kind, self.hash("f", &location.path));
        }
        location.clone()
    }

    /// Replaces the name of a file, except its extension.
    pub(super) fn attachment(&self, name: &str) -> String {
        let is_ending = |ending: &&str| {
            (1..=LONGEST_ENDING).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        match name.rsplit_once('.').map(|(stem, ending)| (stem, Some(ending).filter(is_ending))) {
            Some((stem, Some(ending))) => format!("{}.{ending}", self.hash("a", stem)),
            _ => self.hash("a", name),
        }
    }

    /// Replaces the value of a header field.
    pub(super) fn value(&self, value: &str) -> String {
        self.hash("h", value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_stands_for_the_same_and_domains_keep_their_order() {
        let names = Pseudonyms::new([7; 32]);
        let (ann, ben) = (names.address("Ann@mail.Corp.example"), names.address("ben@corp.example"));
        assert_eq!(ann, names.address("ann@mail.corp.example"));
        let (local, domain) = ben.split_once('@').unwrap();
        assert!(ann.ends_with(&format!(".{domain}")) && domain.ends_with(".example"), "{ann} {ben}");
        assert!(local.starts_with('u') && local.len() == 11 && !ben.contains("ben") && !ben.contains("corp"));
        assert_eq!(names.domain("corp.example"), domain);
        assert_eq!(names.message_id("<1@corp.example>").split_once('@').unwrap().1, format!("{domain}>"));
        assert_ne!(Pseudonyms::new([8; 32]).address("ben@corp.example"), ben);
    }

    #[test]
    fn nothing_of_a_name_is_left() {
        let names = Pseudonyms::new([7; 32]);
        for (shown, kept) in [
            (names.address("ann"), ""),
            (names.domain("localhost"), ""),
            (names.message_id("secret"), ""),
            (names.attachment("Salaries 2026.xlsx"), ".xlsx"),
            (names.attachment("Salaries.of all"), ""),
            (names.value("secret"), ""),
            (names.location(&Location::new(LocationKind::Folder, "Divorce")).path, ""),
        ] {
            let rest = shown.strip_suffix(kept).unwrap();
            assert!(rest.len() == 11 && rest[1..].bytes().all(|byte| byte.is_ascii_hexdigit()), "{shown}");
        }
        assert_eq!((names.address(""), names.domain(""), names.message_id(" ")), <_>::default());
        let inbox = Location::new(LocationKind::Inbox, "INBOX");
        assert_eq!(names.location(&inbox), inbox);
    }
}
