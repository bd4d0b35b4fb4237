//! What one mailbox has: folders and messages, with the two kinds of ids that Graph gives to a message.

use super::event::Event;
use super::message::Mail;

/// The well-known names that the fake knows, with the names that an owner sees.
pub(super) const WELL_KNOWN: [(&str, &str); 8] = [
    ("msgfolderroot", "Top of Information Store"),
    ("inbox", "Inbox"),
    ("drafts", "Drafts"),
    ("sentitems", "Sent Items"),
    ("deleteditems", "Deleted Items"),
    ("junkemail", "Junk Email"),
    ("archive", "Archive"),
    ("recoverableitemsdeletions", "Deletions"),
];

/// A folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) parent: String,
    pub(super) well_known: &'static str,
    pub(super) is_hidden: bool,
}

impl Folder {
    /// Whether a listing of the folders has it: not what lies outside of the owner's tree.
    pub(super) fn is_listed(&self) -> bool {
        !matches!(self.well_known, "msgfolderroot" | "recoverableitemsdeletions")
    }
}

/// Whether a mailbox can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It can.
    Ready,
    /// The user has no mailbox in the cloud.
    None,
    /// Its owner or an administrator blocks the access of programs.
    Blocked,
}

/// A user of the directory with the mailbox.
#[derive(Debug, Clone)]
pub(super) struct Mailbox {
    /// The `userPrincipalName`.
    pub(super) user: String,
    /// The object id in the directory.
    pub(super) object: String,
    pub(super) mail: Option<String>,
    pub(super) is_guest: bool,
    pub(super) state: State,
    pub(super) folders: Vec<Folder>,
    pub(super) mails: Vec<Mail>,
    pub(super) events: Vec<Event>,
}

impl Mailbox {
    pub(super) fn new(number: usize, user: &str) -> Self {
        let mut mailbox = Self {
            user: user.to_owned(),
            object: format!("6f1d7b2c-0000-4000-8000-{number:012x}"),
            mail: Some(user.to_owned()),
            is_guest: false,
            state: State::Ready,
            folders: Vec::new(),
            mails: Vec::new(),
            events: Vec::new(),
        };
        for (well_known, name) in WELL_KNOWN {
            let root = mailbox.folders.first().map(|root| root.id.clone()).unwrap_or_default();
            mailbox.add(name, &root, well_known, false);
        }
        mailbox
    }

    /// Adds a folder, and returns its id.
    pub(super) fn add(&mut self, name: &str, parent: &str, well_known: &'static str, is_hidden: bool) -> String {
        let id = format!("AQMkADAw{}-F{:04}_AAA=", &self.object[self.object.len() - 6..], self.folders.len());
        let folder = Folder { id: id.clone(), name: name.into(), parent: parent.into(), well_known, is_hidden };
        self.folders.push(folder);
        id
    }

    /// Returns a folder by its id or its well-known name.
    pub(super) fn folder(&self, name: &str) -> Option<&Folder> {
        let is = |folder: &&Folder| folder.id == name || folder.well_known == name && !name.is_empty();
        self.folders.iter().find(is)
    }

    /// Returns the folder at this path of names, made as far as it is missing.
    pub(super) fn at(&mut self, path: &str) -> String {
        if let Some(folder) = self.folder(path) {
            return folder.id.clone();
        }
        let mut at = self.folders[0].id.clone();
        for name in path.split('/') {
            let known = self.folders.iter().find(|folder| folder.parent == at && folder.name == name);
            let known = known.map(|folder| folder.id.clone());
            at = known.unwrap_or_else(|| self.add(name, &at, "", false));
        }
        at
    }

    /// Returns the path of a folder, of the names that its owner sees.
    pub(super) fn path(&self, id: &str) -> String {
        let (mut names, mut at) = (Vec::new(), id);
        while let Some(folder) = self.folder(at).filter(|folder| folder.well_known != "msgfolderroot") {
            names.push(folder.name.as_str());
            at = &folder.parent;
        }
        names.reverse();
        names.join("/")
    }

    /// Returns the index of the message that has this id, of either kind. Ids differ by case.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.mails.iter().position(|mail| mail.immutable_id() == id || mail.ordinary_id() == id)
    }
}
