//! The owner's folders: which there are, what they are for, and how to make a missing one.

use clawback_connector_sdk::{
    host::{Host, MailStream},
    place,
    types::{Error, Location, LocationKind},
    utf7,
};
use imap_codec::imap_types::{core::QuotedChar, extensions::namespace::Namespace, mailbox::Mailbox, response::Data};

use crate::{
    command::Command,
    refusal,
    session::{Reply, Session},
};

/// One folder that can be selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailFolder {
    /// As the server spells it.
    pub(crate) wire: String,
    pub(crate) location: Location,
}

/// All folders of the owner, the inbox last, so that it is still selected when the search is over and mail is fetched.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    pub(crate) all: Vec<MailFolder>,
    recoverable: String,
    quarantine: String,
}

/// The commands that tell the folders; their answers go to [`Folders::read`].
pub(crate) fn commands<S: MailStream>(session: &Session<S>) -> Vec<Command> {
    let mut commands = Vec::new();
    if session.can("NAMESPACE") {
        commands.push(Command::new("NAMESPACE"));
    }
    // RETURN is of LIST-EXTENDED (RFC 5258); a server that has only SPECIAL-USE tells the uses unasked.
    let has_return = session.can("SPECIAL-USE") && (session.can("LIST-EXTENDED") || session.can("IMAP4REV2"));
    commands.push(Command::new(if has_return { r#"LIST "" "*" RETURN (SPECIAL-USE)"# } else { r#"LIST "" "*""# }));
    commands
}

impl Folders {
    /// Reads the answers to [`commands`].
    pub(crate) fn read<H: Host>(host: &H, replies: &[Reply], is_gmail: bool) -> Result<Self, Error> {
        let Some(list) = replies.last() else {
            return Err(Error::Permanent("no answer to LIST".into()));
        };
        if !list.is_ok() {
            return Err(refusal::of(list, "the folders cannot be listed"));
        }
        if replies.iter().any(|reply| reply.unreadable > 0) {
            return Err(Error::Permanent("the server's list of folders cannot be read".into()));
        }
        let foreign = foreign_prefixes(replies);
        let [recoverable, quarantine] = hidden(host);
        let mut folders = Self { all: Vec::new(), recoverable, quarantine };
        let mut named_only = Vec::new();
        for data in replies.iter().flat_map(|reply| &reply.data) {
            let Data::List { items, delimiter, mailbox } = data else { continue };
            let wire = wire_name(mailbox);
            let attributes: Vec<String> = items.iter().map(|item| item.to_string().to_lowercase()).collect();
            let is = |name: &str| attributes.iter().any(|attribute| attribute == name);
            let is_foreign = foreign.iter().any(|prefix| wire.starts_with(prefix.as_str()));
            // Virtual folders show messages of other folders a second time. Gmail's \All is where archived mail lies.
            let is_virtual = is("\\flagged") || (is("\\all") && !is_gmail);
            if is("\\noselect") || is("\\nonexistent") || is_foreign || is_virtual {
                continue;
            }
            let path = utf7::decode(&wire);
            let told = folders.told_kind(&path, &is);
            if told.is_none() {
                named_only
                    .push((folders.all.len(), leaf_under_inbox(&path, delimiter.as_ref().map(QuotedChar::inner))));
            }
            let location = Location { kind: told.unwrap_or(LocationKind::Folder), path };
            folders.all.push(MailFolder { wire, location });
        }
        // A name makes a folder special only where no folder has that use by the server's own word.
        for (at, name) in named_only {
            if let Some(kind) = place::kind_of_name(&name).filter(|kind| *kind != LocationKind::Inbox)
                && !folders.all.iter().any(|folder| folder.location.kind == kind)
            {
                folders.all[at].location.kind = kind;
            }
        }
        if folders.all.is_empty() {
            return Err(Error::Denied("no folder of this mailbox is visible".into()));
        }
        folders.all.sort_by(|one, other| one.order().cmp(&other.order()));
        folders.all.dedup_by(|one, other| one.wire == other.wire);
        Ok(folders)
    }

    fn told_kind(&self, path: &str, is: &impl Fn(&str) -> bool) -> Option<LocationKind> {
        Some(match () {
            () if path.eq_ignore_ascii_case("inbox") => LocationKind::Inbox,
            () if path == self.recoverable => LocationKind::RecoverableItems,
            () if path == self.quarantine => LocationKind::Quarantine,
            () if is("\\junk") => LocationKind::Junk,
            () if is("\\trash") => LocationKind::DeletedItems,
            () if is("\\sent") => LocationKind::SentItems,
            () if is("\\archive") || is("\\all") => LocationKind::Archive,
            () => return None,
        })
    }

    /// The folder with this wire name.
    pub(crate) fn get(&self, wire: &str) -> Option<&MailFolder> {
        self.all.iter().find(|folder| folder.wire == wire)
    }

    /// The folder that has this kind, or would have it if it were made.
    pub(crate) fn of_kind(&self, kind: LocationKind) -> MailFolder {
        if let Some(folder) = self.all.iter().find(|folder| folder.location.kind == kind) {
            return folder.clone();
        }
        let path = match kind {
            LocationKind::RecoverableItems => &self.recoverable,
            LocationKind::Quarantine => &self.quarantine,
            _ => place::name_of_kind(kind).unwrap_or("INBOX"),
        };
        MailFolder { wire: utf7::encode(path), location: Location { kind, path: path.to_owned() } }
    }

    /// The folder at a path, whether it exists or not.
    pub(crate) fn at(&self, location: &Location) -> MailFolder {
        if location.path.is_empty() {
            return self.of_kind(location.kind);
        }
        let found = self.all.iter().find(|folder| folder.location.path == location.path);
        found.cloned().unwrap_or_else(|| MailFolder { wire: utf7::encode(&location.path), location: location.clone() })
    }
}

impl MailFolder {
    /// The order of search; a cursor depends on it.
    pub(crate) fn order(&self) -> (bool, &str) {
        (self.location.kind == LocationKind::Inbox, &self.wire)
    }

    /// The command that makes this folder. Never SUBSCRIBE: hidden folders stay out of the owner's sight.
    pub(crate) fn create<S: MailStream>(&self, session: &Session<S>) -> Command {
        let use_of = match self.location.kind {
            LocationKind::Junk => Some("\\Junk"),
            LocationKind::DeletedItems => Some("\\Trash"),
            LocationKind::SentItems => Some("\\Sent"),
            LocationKind::Archive => Some("\\Archive"),
            _ => None,
        };
        let command = Command::new("CREATE ").text(self.wire.as_str());
        match use_of {
            Some(special) if session.can("CREATE-SPECIAL-USE") => command.raw(format!(" (USE ({special}))")),
            _ => command,
        }
    }
}

/// The names of the hidden folders: for what can be brought back, and for what is held.
fn hidden<H: Host>(host: &H) -> [String; 2] {
    [("recoverable-folder", place::RECOVERABLE), ("quarantine-folder", place::QUARANTINE)]
        .map(|(key, default)| host.setting(key).filter(|name| !name.is_empty()).unwrap_or(default.to_owned()))
}

/// The folder with this wire name, if it is one whose kind no list of folders can change.
pub(crate) fn fixed<H: Host>(host: &H, wire: &str) -> Option<MailFolder> {
    let path = utf7::decode(wire);
    let [recoverable, quarantine] = hidden(host);
    let kind = match () {
        () if path.eq_ignore_ascii_case("inbox") => LocationKind::Inbox,
        () if path == recoverable => LocationKind::RecoverableItems,
        () if path == quarantine => LocationKind::Quarantine,
        () => return None,
    };
    Some(MailFolder { wire: wire.to_owned(), location: Location { kind, path } })
}

/// The name of a folder as far as well-known names go: without an `INBOX.` before it, which some servers put there.
fn leaf_under_inbox(path: &str, delimiter: Option<char>) -> String {
    let prefix = delimiter.map(|delimiter| format!("INBOX{delimiter}"));
    match prefix.as_ref().filter(|prefix| path.get(..prefix.len()).is_some_and(|at| at.eq_ignore_ascii_case(prefix))) {
        Some(prefix) => path[prefix.len()..].to_owned(),
        None => path.to_owned(),
    }
}

/// Prefixes of other users' and shared folders.
fn foreign_prefixes(replies: &[Reply]) -> Vec<String> {
    let text = |namespace: &Namespace<'_>| String::from_utf8_lossy(namespace.prefix.as_ref()).into_owned();
    let mut prefixes = Vec::new();
    for data in replies.iter().flat_map(|reply| &reply.data) {
        if let Data::Namespace { personal, other, shared } = data {
            let own: Vec<String> = personal.iter().map(text).collect();
            // One namespace may be told as two kinds; the owner's own always counts.
            let foreign =
                other.iter().chain(shared).map(text).filter(|prefix| !prefix.is_empty() && !own.contains(prefix));
            prefixes.extend(foreign);
        }
    }
    prefixes
}

fn wire_name(mailbox: &Mailbox<'_>) -> String {
    match mailbox {
        Mailbox::Inbox => "INBOX".into(),
        Mailbox::Other(other) => String::from_utf8_lossy(other.as_ref()).into_owned(),
    }
}
