//! The names of folders: by the operator's settings, and by default.

use clawback_connector_sdk::{
    host::Host,
    place::{self, Named},
    types::LocationKind,
};

/// The names of special folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    named: Named,
    /// The prefix of the namespace of the inbox. The API does not tell it.
    prefix: String,
    ignored: Vec<String>,
}

impl Names {
    pub(crate) fn read(host: &impl Host) -> Self {
        let ignored = host.setting("ignore-folders").unwrap_or_default();
        let separator = if ignored.contains('\n') { '\n' } else { ',' };
        let ignored = ignored.split(separator).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        Self {
            named: Named::read(host),
            prefix: host.setting("prefix").unwrap_or_default(),
            ignored: ignored.collect(),
        }
    }

    /// Returns the path of the folder that a setting names for this use, or the default name of a hidden folder.
    pub(crate) fn named(&self, kind: LocationKind) -> Option<String> {
        self.named.path(kind).map(|name| self.with_prefix(name))
    }

    /// Returns the path of the folder that would be created for this use.
    pub(crate) fn to_make(&self, kind: LocationKind) -> String {
        match kind {
            LocationKind::Inbox => "INBOX".into(),
            _ => self.named(kind).unwrap_or_else(|| self.with_prefix(place::name_of_kind(kind).unwrap_or("INBOX"))),
        }
    }

    /// Returns the use of the folder at this path, if the name alone determines it.
    pub(crate) fn kind_of(&self, path: &str) -> Option<LocationKind> {
        if path.eq_ignore_ascii_case("inbox") {
            return Some(LocationKind::Inbox);
        }
        self.named.kind(path).or_else(|| self.named.kind(self.leaf(path)))
    }

    /// Returns the name of a folder to compare with well-known names: without the prefix.
    pub(crate) fn leaf<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix(self.prefix.as_str()).unwrap_or(path)
    }

    /// Returns whether `ignore-folders` names this folder: whole, with or without the prefix, or up to a `*`.
    pub(crate) fn is_ignored(&self, path: &str) -> bool {
        self.ignored.iter().any(|name| match name.strip_suffix('*') {
            Some(start) => path.starts_with(start) || self.leaf(path).starts_with(start),
            None => path == name || self.leaf(path) == name,
        })
    }

    fn with_prefix(&self, name: &str) -> String {
        if name.starts_with(self.prefix.as_str()) { name.to_owned() } else { format!("{}{name}", self.prefix) }
    }
}
