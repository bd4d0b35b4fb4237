//! The folders of a mailbox: the well-known ones by one batch, the others by one listing of the whole tree, or level by
//! level where a store has no such listing: some clouds, and mailboxes that are full.

use std::collections::HashMap;
use std::time::Duration;

use clawback_connector_sdk::{
    host::{Host, Http, Memo, Scope},
    memo, place,
    types::{Error, Location, LocationKind},
    web,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    address::{self, quoted},
    client::{Client, Part},
    tree::{self, REFUSED},
    wire::{Folder, Page},
};

/// The well-known names with their kinds. The first one is the root of what the owner sees.
const KNOWN: [(&str, LocationKind); 7] = [
    ("msgfolderroot", LocationKind::Unknown),
    ("inbox", LocationKind::Inbox),
    ("junkemail", LocationKind::Junk),
    ("deleteditems", LocationKind::DeletedItems),
    ("sentitems", LocationKind::SentItems),
    ("archive", LocationKind::Archive),
    (RECOVERABLE, LocationKind::RecoverableItems),
];
const RECOVERABLE: &str = "recoverableitemsdeletions";
const QUARANTINE: &str = "quarantine";
const MEMO: &str = "folders-2";
/// The most folders of one value that is kept, which may have 64 KiB.
const A_PIECE: usize = 200;
/// How long a listing is good. Ids stay, names and new folders are looked up again where they matter.
const LIFETIME: Duration = Duration::from_mins(3);
/// The deepest folder.
const DEEPEST: usize = 300;

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MailFolder {
    pub(crate) id: String,
    /// The names from the top, joined by `/`; a slash or backslash within a name is preceded by a backslash.
    pub(crate) path: String,
    /// The well-known name, if it has one.
    pub(crate) known: String,
    pub(crate) is_hidden: bool,
}

/// The folders of a mailbox.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Folders {
    pub(crate) all: Vec<MailFolder>,
    /// The id of the root of what the owner sees.
    pub(crate) root: String,
    /// The id of the root of recoverable items, if it is another: beside their folder are those of what is gone.
    pub(crate) dumpster: String,
    /// Whether the owner sees a folder with the name of the quarantine, which is then none.
    pub(crate) is_name_taken: bool,
}

/// What is kept of a listing, with the number of pieces that have its folders, and what tells them from others.
#[derive(Serialize, Deserialize)]
struct Kept {
    pieces: usize,
    stamp: i64,
    rest: Folders,
}

impl MailFolder {
    pub(crate) fn kind(&self) -> LocationKind {
        if self.known == QUARANTINE {
            return LocationKind::Quarantine;
        }
        KNOWN.iter().find(|(name, _)| *name == self.known).map_or(LocationKind::Folder, |(_, kind)| *kind)
    }

    pub(crate) fn location(&self) -> Location {
        Location { kind: self.kind(), path: self.path.clone() }
    }
}

impl Folders {
    /// Returns the folders, from an earlier call if they were listed a short while ago.
    pub(crate) fn load<H: Host + Http + Memo>(client: &Client<'_, H>) -> Result<Self, Error> {
        match Self::recall(client) {
            Some(folders) => Ok(folders),
            None => Self::list(client),
        }
    }

    fn recall<H: Host + Http + Memo>(client: &Client<'_, H>) -> Option<Self> {
        let Kept { pieces, stamp, rest: mut folders } = memo::recall(client.host, Scope::Mailbox, MEMO)?;
        for number in 0..pieces {
            let key = format!("{MEMO}-{number}");
            let (of, mut piece): (i64, Vec<MailFolder>) = memo::recall(client.host, Scope::Mailbox, &key)?;
            if of != stamp {
                return None;
            }
            folders.all.append(&mut piece);
        }
        Some(folders)
    }

    fn keep<H: Host + Http + Memo>(&self, client: &Client<'_, H>) {
        let (stamp, mut pieces) = (client.host.now(), 0);
        for piece in self.all.chunks(A_PIECE) {
            let key = format!("{MEMO}-{pieces}");
            if !memo::keep(client.host, Scope::Mailbox, &key, &(stamp, piece), LIFETIME) {
                return;
            }
            pieces += 1;
        }
        let rest = Self { all: Vec::new(), root: self.root.clone(), dumpster: self.dumpster.clone(), ..*self };
        memo::keep(client.host, Scope::Mailbox, MEMO, &Kept { pieces, stamp, rest }, LIFETIME);
    }

    /// Lists the folders.
    pub(crate) fn list<H: Host + Http + Memo>(client: &Client<'_, H>) -> Result<Self, Error> {
        let wanted = quarantine_name(client.host);
        let select = web::with_query("", [("$select", "id,displayName,parentFolderId")]);
        let mut parts: Vec<Part> =
            KNOWN.iter().map(|(name, _)| Part::get(format!("{}{select}", address::folder(name)))).collect();
        let filter = format!("displayName eq {}", quoted(&wanted));
        parts
            .push(Part::get(web::with_query("/mailFolders", [("includeHiddenFolders", "true"), ("$filter", &filter)])));
        let tree = web::with_query("/mailFolders/delta", [("$select", "displayName,parentFolderId,isHidden")]);
        parts.push(Part::get(tree));
        let replies = client.batch(&parts)?;
        let (own, tree) = (&replies[KNOWN.len()], &replies[KNOWN.len() + 1]);
        let others = &replies[..=KNOWN.len()];
        if let Some(refused) = others.iter().find(|reply| !reply.is_success() && !reply.is_missing()) {
            return Err(refused.error(REFUSED));
        }
        let mut known: HashMap<String, &str> = HashMap::new();
        let mut listed: Vec<Folder> = Vec::new();
        let (mut root, mut dumpster) = (String::new(), String::new());
        for ((name, _), reply) in KNOWN.iter().zip(&replies).filter(|(_, reply)| reply.is_success()) {
            let folder: Folder = reply.read()?;
            match *name {
                "msgfolderroot" => {
                    root = folder.id;
                    continue;
                }
                RECOVERABLE => dumpster = folder.parent_folder_id.clone().unwrap_or_default(),
                _ => {}
            }
            known.insert(folder.id.clone(), name);
            listed.push(folder);
        }
        if !own.is_success() || !known.values().any(|name| *name == "inbox") {
            return Err(Error::Permanent(format!("{REFUSED}: the inbox is in no answer")));
        }
        let mut is_name_taken = false;
        for folder in own.read::<Page<Folder>>()?.value {
            if folder.display_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(&wanted)) {
                // Whether a folder is hidden is said when it is made: one that the owner sees is the owner's.
                if folder.is_hidden == Some(false) {
                    is_name_taken = true;
                } else {
                    known.entry(folder.id.clone()).or_insert(QUARANTINE);
                }
                listed.push(folder);
            }
        }
        listed.append(&mut tree::list(client, tree)?);
        let dumpster = if dumpster == root { String::new() } else { dumpster };
        let folders = Self { all: Self::of(&listed, &known, &root), root, dumpster, is_name_taken };
        folders.keep(client);
        Ok(folders)
    }

    fn of(listed: &[Folder], known: &HashMap<String, &str>, root: &str) -> Vec<MailFolder> {
        let mut by_id: HashMap<&str, &Folder> = HashMap::new();
        let mut ids: Vec<&str> = Vec::new();
        for folder in listed.iter().filter(|folder| address::is_id(&folder.id)) {
            if by_id.insert(&folder.id, folder).is_none() {
                ids.push(&folder.id);
            }
        }
        let path = |id: &str| {
            let (mut names, mut at) = (Vec::new(), id);
            while let Some(folder) = by_id.get(at).filter(|_| names.len() < DEEPEST) {
                names.push(place::escaped(folder.display_name.as_deref().unwrap_or_default()));
                at = folder.parent_folder_id.as_deref().filter(|parent| *parent != root).unwrap_or_default();
            }
            names.reverse();
            names.join("/")
        };
        let each = |id: &&str| {
            let known = known.get(*id).copied().unwrap_or_default().to_owned();
            let is_recoverable = known == RECOVERABLE;
            // Its own name is one that no owner sees.
            let path = if is_recoverable { place::RECOVERABLE.to_owned() } else { path(id) };
            let is_hidden = by_id.get(*id).is_some_and(|folder| folder.is_hidden == Some(true));
            MailFolder { id: (*id).to_owned(), path, known, is_hidden }
        };
        ids.iter().map(each).collect()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&MailFolder> {
        self.all.iter().find(|folder| folder.id == id)
    }

    pub(crate) fn of_kind(&self, kind: LocationKind) -> Option<&MailFolder> {
        self.all.iter().find(|folder| folder.kind() == kind)
    }

    /// Returns the folder of a recorded location: by its kind if that has one folder, else by its path.
    pub(crate) fn at(&self, location: &Location) -> Option<&MailFolder> {
        match location.kind {
            LocationKind::Folder => {
                self.all.iter().find(|folder| folder.kind() == LocationKind::Folder && folder.path == location.path)
            }
            kind => self.of_kind(kind),
        }
    }

    /// Creates the folder of quarantine, hidden from the owner. The inner error concerns the action, not the call.
    pub(crate) fn create_quarantine<H: Host + Http + Memo>(
        client: &Client<'_, H>,
    ) -> Result<Result<Self, String>, Error> {
        // Whether a folder is hidden can only be said when it is made.
        let body = json!({ "displayName": quarantine_name(client.host), "isHidden": true });
        Self::create(client, "/mailFolders", body)
    }

    /// Creates the folder at a path of which a part is missing.
    pub(crate) fn create_path<H: Host + Http + Memo>(
        mut self,
        client: &Client<'_, H>,
        path: &str,
    ) -> Result<Result<Self, String>, Error> {
        let mut at = String::new();
        for name in place::names(path) {
            let above = self.all.iter().find(|folder| !at.is_empty() && folder.path == at);
            let parent = match above {
                Some(parent) => format!("{}/childFolders", address::folder(&parent.id)),
                None => "/mailFolders".to_owned(),
            };
            at = if at.is_empty() { place::escaped(&name) } else { format!("{at}/{}", place::escaped(&name)) };
            if self.all.iter().any(|folder| folder.path == at) {
                continue;
            }
            match Self::create(client, &parent, json!({ "displayName": name }))? {
                Ok(folders) => self = folders,
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(Ok(self))
    }

    fn create<H: Host + Http + Memo>(
        client: &Client<'_, H>,
        parent: &str,
        body: serde_json::Value,
    ) -> Result<Result<Self, String>, Error> {
        let reply = client.batch(&[Part::post(parent, Some(body))])?;
        let Some(reply) = reply.first() else { return Err(Error::Transient("a batch has no answer".into())) };
        let what = "a folder cannot be made";
        if !reply.is_success() && reply.code != "ErrorFolderExists" {
            return if matches!(reply.error(what), Error::Permanent(_) | Error::Denied(_)) {
                Ok(Err(reply.why(what)))
            } else {
                Err(reply.error(what))
            };
        }
        Self::list(client).map(Ok)
    }
}

/// Returns the name of the folder of quarantine.
pub(crate) fn quarantine_name(host: &impl Host) -> String {
    let named = place::Named::read(host);
    named.path(LocationKind::Quarantine).unwrap_or(place::QUARANTINE).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(id: &str, name: &str, parent: &str) -> Folder {
        Folder {
            id: id.into(),
            display_name: Some(name.into()),
            parent_folder_id: Some(parent.into()),
            ..Folder::default()
        }
    }

    #[test]
    fn paths_from_the_top() {
        let listed = vec![
            folder("I", "Posteingang", "R"),
            folder("A", "a/b", "I"),
            folder("B", "c\\", "A"),
            folder("L", "loop", "M"),
            folder("M", "pool", "L"),
            folder("D", "Deletions", "Z"),
        ];
        let known = HashMap::from([("I".to_owned(), "inbox"), ("D".to_owned(), "recoverableitemsdeletions")]);
        let folders = Folders { all: Folders::of(&listed, &known, "R"), ..Folders::default() };
        let path = |id: &str| folders.get(id).unwrap().path.clone();
        assert_eq!(
            (path("I"), path("A"), path("B")),
            ("Posteingang".into(), "Posteingang/a\\/b".into(), "Posteingang/a\\/b/c\\\\".into())
        );
        assert_eq!(folders.get("I").unwrap().kind(), LocationKind::Inbox);
        assert_eq!(path("D"), place::RECOVERABLE);
        assert!(path("L").len() < 2_000, "a loop ends");
        let names = place::names("Posteingang/a\\/b/c\\\\/d");
        assert_eq!(names.len(), 4);
        assert_eq!(names[1].clone() + &names[2], "a/bc\\");
    }
}
