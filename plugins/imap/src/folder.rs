//! The owner's folders: their names, their uses, and the creation of missing ones.

use clawback_connector_sdk::{
    host::{Host, MailStream},
    place,
    types::{Error, Gap, Location, LocationKind},
    utf7,
};
use imap_codec::imap_types::response::Data;

use crate::{
    command::Command,
    cursor::Cursor,
    names::{Names, Namespaces},
    refusal,
    session::{Reply, Session},
};

/// One folder that can be selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailFolder {
    /// In the server's spelling.
    pub(crate) wire: String,
    pub(crate) location: Location,
    /// The name without its prefix, in a second namespace of the owner, which may show other folders again.
    pub(crate) aside: Option<String>,
}

/// All folders of the owner, the inbox last, so that it is still selected when mail is fetched after the search.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    pub(crate) all: Vec<MailFolder>,
    /// Folders that are never searched, with the reasons.
    pub(crate) left_out: Vec<LeftOut>,
    /// Folders whose names cannot be used.
    pub(crate) gaps: Vec<Gap>,
    names: Names,
}

/// A folder that is never searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) path: String,
    pub(crate) is_foreign: bool,
    pub(crate) reason: &'static str,
}

/// Returns the commands that list the folders; [`Folders::read`] reads their answers.
pub(crate) fn commands<S: MailStream>(session: &Session<S>) -> Vec<Command> {
    let mut commands = Vec::new();
    if session.can("NAMESPACE") {
        commands.push(Command::new("NAMESPACE"));
    }
    // RETURN is part of LIST-EXTENDED (RFC 5258); a server with only SPECIAL-USE sends the uses without it.
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
        let has_namespaces =
            replies.iter().flat_map(|reply| &reply.data).any(|data| matches!(data, Data::Namespace { .. }));
        let unreadable: usize = replies.iter().map(|reply| reply.unreadable).sum();
        if unreadable > 0 && replies.len() > 1 && replies[0].is_ok() && !has_namespaces {
            // Without the namespaces, another user's folder would be taken for the owner's.
            return Err(Error::Permanent("the server's namespaces cannot be read".into()));
        }
        let namespaces = Namespaces::read(replies);
        let names = Names::read(host, &namespaces);
        let mut folders = Self { all: Vec::new(), left_out: Vec::new(), gaps: Vec::new(), names };
        if unreadable > 0 {
            folders.gap("", &format!("the server lists {unreadable} folders in a way that cannot be read"));
        }
        let mut named_only = Vec::new();
        for listed in replies.iter().flat_map(|reply| &reply.lists) {
            let is = |name: &str| listed.attributes.iter().any(|attribute| attribute == name);
            if is("\\noselect") || is("\\nonexistent") {
                continue;
            }
            let wire = match &listed.name {
                Ok(wire) => wire.clone(),
                Err(shown) => {
                    folders.gap(shown, "its name is no UTF-8, so no command can name it");
                    continue;
                }
            };
            let path = utf7::decode(&wire);
            if let Some(reason) = place::unspeakable(&path) {
                folders.gap(&path, reason);
                continue;
            }
            let reason = match () {
                () if namespaces.is_foreign(&wire) => Some("it belongs to a shared namespace or to another user"),
                // Virtual folders show messages of other folders again. On Gmail, archived mail is in \All.
                () if is("\\flagged") || (is("\\all") && !is_gmail) => Some("it shows messages of other folders"),
                () if folders.names.is_ignored(&path) && wire != "INBOX" => {
                    Some("the setting `ignore-folders` leaves it out")
                }
                () => None,
            };
            if let Some(reason) = reason {
                folders.left_out.push(LeftOut { path, is_foreign: namespaces.is_foreign(&wire), reason });
                continue;
            }
            let told = folders.told_kind(&path, &is);
            if told.is_none() {
                named_only.push((folders.all.len(), folders.names.leaf(&path).to_owned()));
            }
            let location = Location { kind: told.unwrap_or(LocationKind::Folder), path };
            let aside = namespaces.aside(&wire).map(str::to_owned);
            folders.all.push(MailFolder { wire, location, aside });
        }
        // A name makes a folder special only if the server reports that use for no folder.
        for (at, name) in named_only {
            if let Some(kind) = place::kind_of_name(&name).filter(|kind| *kind != LocationKind::Inbox)
                && folders.names.named(kind).is_none()
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

    fn gap(&mut self, folder: &str, reason: &str) {
        self.gaps.push(Gap { folder: folder.to_owned(), item: String::new(), reason: reason.to_owned() });
    }

    /// Returns the configured kind, otherwise the server's.
    fn told_kind(&self, path: &str, is: &impl Fn(&str) -> bool) -> Option<LocationKind> {
        self.names.kind_of(path).or_else(|| {
            Some(match () {
                () if is("\\junk") => LocationKind::Junk,
                () if is("\\trash") => LocationKind::DeletedItems,
                () if is("\\sent") => LocationKind::SentItems,
                () if is("\\archive") || is("\\all") => LocationKind::Archive,
                () => return None,
            })
        })
    }

    /// Returns the folder with this wire name.
    pub(crate) fn get(&self, wire: &str) -> Option<&MailFolder> {
        self.all.iter().find(|folder| folder.wire == wire)
    }

    /// Returns the folder of this kind, or the one that would be created for it.
    pub(crate) fn of_kind(&self, kind: LocationKind) -> MailFolder {
        let named = self.names.named(kind);
        let at_name = self.all.iter().find(|folder| named.as_ref().is_some_and(|path| *path == folder.location.path));
        // A folder that a setting names is created even if the server has another one for this use.
        let of_kind = || self.all.iter().find(|folder| named.is_none() && folder.location.kind == kind);
        if let Some(folder) = at_name.or_else(of_kind) {
            return folder.clone();
        }
        let path = self.names.to_make(kind);
        MailFolder { wire: utf7::encode(&path), location: Location { kind, path }, aside: None }
    }

    /// Returns whether this folder was listed.
    pub(crate) fn has(&self, folder: &MailFolder) -> bool {
        self.get(&folder.wire).is_some()
    }

    /// Returns the folder at a path, whether it exists or not.
    pub(crate) fn at(&self, location: &Location) -> MailFolder {
        if location.path.is_empty() {
            return self.of_kind(location.kind);
        }
        let found = self.all.iter().find(|folder| folder.location.path == location.path);
        let missing = || MailFolder { wire: utf7::encode(&location.path), location: location.clone(), aside: None };
        found.cloned().unwrap_or_else(missing)
    }
}

impl MailFolder {
    /// Returns the order of search, which cursors depend on.
    pub(crate) fn order(&self) -> (bool, &str) {
        (self.location.kind == LocationKind::Inbox, &self.wire)
    }

    /// Returns whether the search that this cursor continues is past this folder.
    pub(crate) fn is_before(&self, cursor: &Cursor) -> bool {
        let at = (cursor.folder.eq_ignore_ascii_case("inbox"), cursor.folder.as_str());
        let own = (self.wire.eq_ignore_ascii_case("inbox"), self.wire.as_str());
        if cursor.after == u32::MAX { own <= at } else { own < at }
    }

    /// Returns the cursor after this folder.
    pub(crate) fn end(&self) -> Cursor {
        Cursor { validity: 0, after: u32::MAX, borders: Vec::new(), folder: self.wire.clone() }
    }

    /// Returns the command that creates this folder. Without SUBSCRIBE, so that clients do not show hidden folders.
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

/// Returns the folder with this wire name if its kind does not depend on the list of folders.
pub(crate) fn fixed<H: Host>(host: &H, wire: &str) -> Option<MailFolder> {
    let path = utf7::decode(wire);
    let kind = Names::read(host, &Namespaces::default()).kind_of(&path);
    let kind = kind.filter(|kind| *kind == LocationKind::Inbox || place::is_hidden(*kind))?;
    Some(MailFolder { wire: wire.to_owned(), location: Location { kind, path }, aside: None })
}
