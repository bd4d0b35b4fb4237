//! The names of folders: by the operator's settings, by the server's namespaces, and by default.

use clawback_connector_sdk::{host::Host, place, types::LocationKind};
use imap_codec::imap_types::{core::QuotedChar, extensions::namespace::Namespace, response::Data};

use crate::session::Reply;

/// The settings that name a folder, with its use.
const SETTINGS: [(&str, LocationKind); 6] = [
    ("recoverable-folder", LocationKind::RecoverableItems),
    ("quarantine-folder", LocationKind::Quarantine),
    ("junk-folder", LocationKind::Junk),
    ("trash-folder", LocationKind::DeletedItems),
    ("archive-folder", LocationKind::Archive),
    ("sent-folder", LocationKind::SentItems),
];

/// The prefixes of the server's namespaces. Without an answer to `NAMESPACE` all folders are the owner's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Namespaces {
    /// Prefixes of the owner's namespaces, the one for new folders first.
    personal: Vec<String>,
    /// Prefixes of other users' and shared folders.
    foreign: Vec<String>,
    delimiter: Option<char>,
}

impl Namespaces {
    pub(crate) fn read(replies: &[Reply]) -> Self {
        let text = |namespace: &Namespace<'_>| String::from_utf8_lossy(namespace.prefix.as_ref()).into_owned();
        let mut namespaces = Self::default();
        for data in replies.iter().flat_map(|reply| &reply.data) {
            if let Data::Namespace { personal, other, shared } = data {
                let delimiter = personal.first().and_then(|one| one.delimiter.as_ref()).map(QuotedChar::inner);
                namespaces.delimiter = namespaces.delimiter.or(delimiter);
                namespaces.personal.extend(personal.iter().map(text));
                namespaces.foreign.extend(other.iter().chain(shared).map(text));
            }
        }
        // One namespace may be reported as two kinds; the owner's takes precedence.
        let Self { personal, foreign, .. } = &mut namespaces;
        foreign.retain(|prefix| !personal.contains(prefix));
        if personal.is_empty() {
            // If a server reports only others' namespaces, all other folders are the owner's.
            foreign.retain(|prefix| !prefix.is_empty());
        }
        namespaces
    }

    /// Returns the prefix of the owner's folders.
    pub(crate) fn prefix(&self) -> &str {
        self.personal.first().map_or("", String::as_str)
    }

    /// Returns whether the folder with this wire name is another user's or shared: the longest prefix decides.
    pub(crate) fn is_foreign(&self, wire: &str) -> bool {
        let longest = |prefixes: &[String]| {
            prefixes.iter().filter(|prefix| wire.starts_with(prefix.as_str())).map(String::len).max()
        };
        wire != "INBOX" && longest(&self.foreign) > longest(&self.personal)
    }

    /// Returns the name without its prefix, for a folder of the owner that is not in the first namespace. There some
    /// servers show other folders again.
    pub(crate) fn aside<'a>(&self, wire: &'a str) -> Option<&'a str> {
        let own = self.personal.iter().filter(|prefix| wire.starts_with(prefix.as_str()));
        let (at, prefix) = own.enumerate().max_by_key(|(_, prefix)| prefix.len())?;
        let is_first = at == 0 && prefix == self.prefix();
        (wire != "INBOX" && !is_first).then(|| &wire[prefix.len()..])
    }
}

/// The names of special folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    configured: Vec<(LocationKind, String)>,
    /// The decoded prefix.
    prefix: String,
    delimiter: Option<char>,
    ignored: Vec<String>,
}

impl Names {
    pub(crate) fn read<H: Host>(host: &H, namespaces: &Namespaces) -> Self {
        let setting = |key: &str| host.setting(key).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let configured = SETTINGS.iter().filter_map(|(key, kind)| setting(key).map(|name| (*kind, name))).collect();
        let ignored = setting("ignore-folders").unwrap_or_default();
        let separator = if ignored.contains('\n') { '\n' } else { ',' };
        let ignored = ignored.split(separator).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        Self {
            configured,
            prefix: clawback_connector_sdk::utf7::decode(namespaces.prefix()),
            delimiter: namespaces.delimiter,
            ignored: ignored.collect(),
        }
    }

    /// Returns the path of the folder that a setting names for this use, or the default name of a hidden folder.
    pub(crate) fn named(&self, kind: LocationKind) -> Option<String> {
        let configured = self.configured.iter().find(|(one, _)| *one == kind).map(|(_, name)| name.as_str());
        let default = match kind {
            LocationKind::RecoverableItems => Some(place::RECOVERABLE),
            LocationKind::Quarantine => Some(place::QUARANTINE),
            _ => None,
        };
        configured.or(default).map(|name| self.with_prefix(name))
    }

    /// Returns the path of the folder that would be created for this use.
    pub(crate) fn to_make(&self, kind: LocationKind) -> String {
        match kind {
            LocationKind::Inbox => "INBOX".into(),
            _ => self.named(kind).unwrap_or_else(|| self.with_prefix(place::name_of_kind(kind).unwrap_or("INBOX"))),
        }
    }

    /// Returns the use of the folder at this path, by the settings.
    pub(crate) fn kind_of(&self, path: &str) -> Option<LocationKind> {
        if path.eq_ignore_ascii_case("inbox") {
            return Some(LocationKind::Inbox);
        }
        SETTINGS.iter().map(|(_, kind)| *kind).find(|kind| self.named(*kind).as_deref() == Some(path))
    }

    /// Returns the name of a folder to compare with well-known names: without the prefix of the owner's folders.
    pub(crate) fn leaf<'a>(&self, path: &'a str) -> &'a str {
        let inbox = self.delimiter.map(|delimiter| format!("INBOX{delimiter}")).unwrap_or_default();
        let prefixes = [self.prefix.as_str(), inbox.as_str()];
        let leaf = prefixes.iter().filter(|prefix| !prefix.is_empty()).find_map(|prefix| {
            let start = path.get(..prefix.len())?;
            start.eq_ignore_ascii_case(prefix).then(|| &path[prefix.len()..])
        });
        leaf.unwrap_or(path)
    }

    /// Returns whether `ignore-folders` names this folder: whole, with or without the prefix, or up to a `*`.
    pub(crate) fn is_ignored(&self, path: &str) -> bool {
        self.ignored.iter().any(|name| match name.strip_suffix('*') {
            Some(start) => path.starts_with(start) || self.leaf(path).starts_with(start),
            None => path == name || self.leaf(path) == name,
        })
    }

    fn with_prefix(&self, name: &str) -> String {
        let is_whole = name.get(..self.prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(&self.prefix));
        if is_whole { name.to_owned() } else { format!("{}{name}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use clawback_connector_sdk::host::Level;

    use super::*;

    struct Settings(HashMap<&'static str, &'static str>);

    impl Host for Settings {
        fn setting(&self, key: &str) -> Option<String> {
            self.0.get(key).map(|value| (*value).to_owned())
        }
        fn log(&self, _: Level, _: &str) {}
        fn now(&self) -> i64 {
            0
        }

        fn sleep(&self, _: std::time::Duration) {}
    }

    fn namespaces(personal: &[&str], foreign: &[&str]) -> Namespaces {
        let list = |prefixes: &[&str]| prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        Namespaces { personal: list(personal), foreign: list(foreign), delimiter: Some('.') }
    }

    #[test]
    fn new_folders_stand_behind_the_prefix() {
        let settings = Settings(HashMap::from([
            ("junk-folder", "Werbung"),
            ("trash-folder", "INBOX.Papierkorb"),
            ("ignore-folders", "Virtual/*, Backup"),
        ]));
        let names = Names::read(&settings, &namespaces(&["INBOX."], &["user.", ""]));
        assert_eq!(names.to_make(LocationKind::RecoverableItems), "INBOX.Recoverable Items");
        assert_eq!(names.to_make(LocationKind::Junk), "INBOX.Werbung");
        assert_eq!(names.to_make(LocationKind::DeletedItems), "INBOX.Papierkorb");
        assert_eq!(names.to_make(LocationKind::Archive), "INBOX.Archive");
        assert_eq!(names.to_make(LocationKind::Inbox), "INBOX");
        assert_eq!(names.kind_of("INBOX.Papierkorb"), Some(LocationKind::DeletedItems));
        assert_eq!(names.kind_of("INBOX.Quarantine"), Some(LocationKind::Quarantine));
        assert_eq!(names.kind_of("INBOX.Archive"), None);
        assert_eq!(names.leaf("INBOX.Trash"), "Trash");
        assert!(names.is_ignored("Virtual/All") && names.is_ignored("INBOX.Backup") && !names.is_ignored("INBOX"));
    }

    #[test]
    fn the_longest_prefix_says_whose_a_folder_is() {
        let cyrus = namespaces(&["INBOX."], &["user.", ""]);
        for (wire, is_foreign) in [("INBOX", false), ("INBOX.a", false), ("user.b", true), ("public", true)] {
            assert_eq!(cyrus.is_foreign(wire), is_foreign, "{wire}");
        }
        let dovecot = namespaces(&["", "Virtual/"], &["Shared/"]);
        for (wire, is_foreign) in [("Work", false), ("Shared/x", true), ("Virtual/All", false)] {
            assert_eq!(dovecot.is_foreign(wire), is_foreign, "{wire}");
        }
        assert_eq!((dovecot.aside("Work"), dovecot.aside("Virtual/All")), (None, Some("All")));
        assert!(!Namespaces::default().is_foreign("x") && Namespaces::default().aside("x").is_none());
    }
}
