//! The folders of an account. JMAP calls them mailboxes, and names each by an id that stays when its name changes.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place::{self, Named},
    types::{Error, Gap, Location, LocationKind, Query},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::{self, Api},
    protocol::{Answer, Call},
    session::is_id,
};

/// The properties that are read.
const PROPERTIES: [&str; 5] = ["id", "name", "parentId", "role", "myRights"];
/// The deepest nesting; more is a circle.
const DEEPEST: usize = 64;
/// The most folders of an account.
const MOST: usize = 20_000;

/// A folder as the server returns it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    parent_id: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    my_rights: Rights,
}

/// What the login may do in a folder (RFC 8621 2). What a server does not say is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Rights {
    pub(crate) may_read_items: bool,
    pub(crate) may_add_items: bool,
    pub(crate) may_remove_items: bool,
}

impl Default for Rights {
    fn default() -> Self {
        Self { may_read_items: true, may_add_items: true, may_remove_items: true }
    }
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    pub(crate) id: String,
    pub(crate) location: Location,
    pub(crate) rights: Rights,
}

/// The folders of an account, the most visible first.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    pub(crate) all: Vec<Folder>,
    pub(crate) gaps: Vec<Gap>,
    /// The ids of those that cannot be named, which are gaps.
    unnamed: BTreeSet<String>,
    named: Named,
}

/// Returns the call that lists all folders.
pub(crate) fn listing() -> Call {
    Call::new("Mailbox/get", json!({ "ids": null, "properties": PROPERTIES }))
}

impl Folders {
    /// Lists the folders.
    pub(crate) fn list<H: Host + Http + Memo>(api: &Api<'_, H>) -> Result<Self, Error> {
        let answer = api.text(listing())?;
        Self::of(api, answer)
    }

    /// Reads the answer to [`listing`]. A server with a small limit refuses to list all at once.
    pub(crate) fn of<H: Host + Http + Memo>(api: &Api<'_, H>, answer: Answer) -> Result<Self, Error> {
        let records: Vec<Record> = match answer {
            Err(refusal) if refusal.is("requestTooLarge") => {
                let ids = Self::ids(api)?;
                api.get("Mailbox/get", &ids.iter().map(String::as_str).collect::<Vec<_>>(), &PROPERTIES)?
            }
            answer => api::records(answer)?.list,
        };
        Self::read(&records, Named::read(api.host))
    }

    fn ids<H: Host + Http + Memo>(api: &Api<'_, H>) -> Result<Vec<String>, Error> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let query = json!({ "position": all.len(), "limit": api.account.get });
            let answer = api.one(Call::new("Mailbox/query", query))?.map_err(|refusal| refusal.error())?;
            let ids = answer["ids"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
            let before = all.len();
            all.extend(ids);
            if all.len() == before {
                return Ok(all);
            }
            if all.len() > MOST {
                return Err(Error::Permanent(format!("the account has more than {MOST} folders")));
            }
        }
    }

    fn read(records: &[Record], named: Named) -> Result<Self, Error> {
        let by_id: BTreeMap<&str, &Record> = records.iter().map(|record| (record.id.as_str(), record)).collect();
        let mut folders = Self { all: Vec::new(), gaps: Vec::new(), unnamed: BTreeSet::new(), named };
        let mut named_only = Vec::new();
        for record in records.iter().filter(|record| is_id(&record.id)) {
            let Some(path) = path(record, &by_id) else {
                folders.unnamed.insert(record.id.clone());
                folders.gap("", "the folders above it are a circle");
                continue;
            };
            if let Some(reason) = place::unspeakable(&path) {
                folders.unnamed.insert(record.id.clone());
                folders.gap("", reason);
                continue;
            }
            if !record.my_rights.may_read_items {
                folders.gap(&path, "the right to read it is missing");
            }
            let is_top = record.parent_id.is_none();
            let told = folders.named.kind(&path).or_else(|| kind_of_role(record.role.as_deref()));
            if told.is_none() && is_top {
                named_only.push((folders.all.len(), record.name.clone()));
            }
            let location = Location { kind: told.unwrap_or(LocationKind::Folder), path };
            folders.all.push(Folder { id: record.id.clone(), location, rights: record.my_rights });
        }
        // A name makes a folder special only if the server gives that role to no folder.
        for (at, name) in named_only {
            if let Some(kind) = place::kind_of_name(&name)
                && folders.named.path(kind).is_none()
                && !folders.all.iter().any(|folder| folder.location.kind == kind)
            {
                folders.all[at].location.kind = kind;
            }
        }
        if folders.all.is_empty() {
            return Err(Error::Denied("no folder of this mailbox is visible".into()));
        }
        folders.all.sort_by(|one, other| one.order().cmp(&other.order()));
        Ok(folders)
    }

    fn gap(&mut self, folder: &str, reason: &str) {
        self.gaps.push(Gap { folder: folder.to_owned(), item: String::new(), reason: reason.to_owned() });
    }

    /// Returns the most visible of the folders with these ids, of those that `is_wanted`.
    pub(crate) fn shown(&self, ids: &BTreeSet<&str>, is_wanted: impl Fn(&Folder) -> bool) -> Option<&Folder> {
        self.all.iter().find(|folder| ids.contains(folder.id.as_str()) && is_wanted(folder))
    }

    /// Returns the folder with this path, or of this kind if the location has no path.
    pub(crate) fn at(&self, location: &Location) -> Option<&Folder> {
        if location.path.is_empty() {
            return self.of_kind(location.kind);
        }
        let at_path = self.all.iter().find(|folder| folder.location.path == location.path);
        // Each store writes the inbox in its own way.
        at_path.or_else(|| if location.kind == LocationKind::Inbox { self.of_kind(location.kind) } else { None })
    }

    /// Returns the folder of this kind. One that a setting names is the only one.
    pub(crate) fn of_kind(&self, kind: LocationKind) -> Option<&Folder> {
        match self.named.path(kind) {
            Some(path) => self.all.iter().find(|folder| folder.location.path == path),
            None => self.all.iter().find(|folder| folder.location.kind == kind),
        }
    }

    /// Returns the path of the folder that would be created for this kind.
    pub(crate) fn to_make(&self, kind: LocationKind) -> Option<String> {
        self.named.path(kind).or_else(|| place::name_of_kind(kind)).map(str::to_owned)
    }

    /// Returns the folder with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Folder> {
        self.all.iter().find(|folder| folder.id == id)
    }

    /// Returns whether each of these folders was listed.
    pub(crate) fn know(&self, ids: &BTreeSet<&str>) -> bool {
        ids.iter().all(|id| self.unnamed.contains(*id) || self.get(id).is_some())
    }

    /// Returns the folders that a query wants.
    pub(crate) fn wanted(&self, query: &Query) -> Vec<&Folder> {
        self.all.iter().filter(|folder| place::is_wanted(query, folder.location.kind, &folder.location.path)).collect()
    }
}

impl Folder {
    /// Returns the order in which folders are shown as the place of a message in several.
    fn order(&self) -> (u8, &str) {
        let rank = match self.location.kind {
            LocationKind::Inbox => 0,
            LocationKind::Folder => 1,
            LocationKind::Archive => 2,
            LocationKind::SentItems => 3,
            LocationKind::Junk => 4,
            LocationKind::DeletedItems => 5,
            LocationKind::Quarantine => 6,
            _ => 7,
        };
        (rank, &self.location.path)
    }
}

fn kind_of_role(role: Option<&str>) -> Option<LocationKind> {
    Some(match role? {
        "inbox" => LocationKind::Inbox,
        "junk" => LocationKind::Junk,
        "trash" => LocationKind::DeletedItems,
        "sent" => LocationKind::SentItems,
        "archive" | "all" => LocationKind::Archive,
        _ => return None,
    })
}

/// Returns the role with which a folder of this kind is created.
fn role_of_kind(kind: LocationKind) -> Option<&'static str> {
    Some(match kind {
        LocationKind::Junk => "junk",
        LocationKind::DeletedItems => "trash",
        LocationKind::SentItems => "sent",
        LocationKind::Archive => "archive",
        _ => return None,
    })
}

/// Returns the names from the top to a folder. `None` if they do not end.
fn path(record: &Record, by_id: &BTreeMap<&str, &Record>) -> Option<String> {
    let mut names = vec![place::escaped(&record.name)];
    let mut above = record.parent_id.as_deref().and_then(|id| by_id.get(id));
    while let Some(record) = above {
        names.push(place::escaped(&record.name));
        if names.len() > DEEPEST {
            return None;
        }
        above = record.parent_id.as_deref().and_then(|id| by_id.get(id));
    }
    names.reverse();
    Some(names.join("/"))
}

/// Returns the id of the folder at a location, which is created if it is missing. The inner error is for people.
pub(crate) fn ensure<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    folders: &mut Folders,
    location: &Location,
) -> Result<Result<String, String>, Error> {
    if let Some(folder) = folders.at(location) {
        return Ok(Ok(folder.id.clone()));
    }
    let path = if location.path.is_empty() { folders.to_make(location.kind) } else { Some(location.path.clone()) };
    let Some(path) = path.filter(|path| !path.is_empty()) else {
        return Ok(Err("there is no such folder, and no name to create it".into()));
    };
    let (mut parent, mut at) = (None::<String>, String::new());
    let names = place::names(&path);
    for (depth, name) in names.iter().enumerate() {
        at = if depth == 0 { place::escaped(name) } else { format!("{at}/{}", place::escaped(name)) };
        if let Some(folder) = folders.all.iter().find(|folder| folder.location.path == at) {
            parent = Some(folder.id.clone());
            continue;
        }
        let is_last = depth + 1 == names.len();
        let role = role_of_kind(location.kind).filter(|_| is_last && folders.of_kind(location.kind).is_none());
        match create(api, name, parent.as_deref(), role)? {
            Ok(id) => parent = Some(id),
            Err(why) => {
                // Another call may have created it meanwhile.
                let again = Folders::list(api)?;
                let found = again.all.iter().find(|folder| folder.location.path == at).map(|folder| folder.id.clone());
                *folders = again;
                let Some(id) = found else { return Ok(Err(format!("folder `{at}` cannot be created: {why}"))) };
                parent = Some(id);
            }
        }
    }
    *folders = Folders::list(api)?;
    let found = folders.all.iter().find(|folder| folder.location.path == at).map(|folder| folder.id.clone());
    Ok(found.ok_or_else(|| format!("folder `{at}` was created and is not there")))
}

/// Creates a folder that clients do not show as subscribed.
fn create<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    name: &str,
    parent: Option<&str>,
    role: Option<&str>,
) -> Result<Result<String, String>, Error> {
    let plain = json!({ "name": name, "parentId": parent, "isSubscribed": role.is_some() });
    let mut with_role = plain.clone();
    with_role["role"] = json!(role);
    let mut refused = String::new();
    for record in if role.is_some() { vec![with_role, plain] } else { vec![plain] } {
        let answer = api.one(Call::new("Mailbox/set", json!({ "create": { "new": record } })))?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(refusal) if refusal.is_temporary() => return Err(refusal.error()),
            Err(refusal) => return Ok(Err(refusal.text())),
        };
        if let Some(id) = answer["created"]["new"]["id"].as_str().filter(|id| is_id(id)) {
            return Ok(Ok(id.to_owned()));
        }
        refused = serde_json::from_value(answer["notCreated"]["new"].clone())
            .map_or_else(|_| "the server does not say why".into(), |refusal: crate::protocol::Refusal| refusal.text());
    }
    Ok(Err(refused))
}

#[cfg(test)]
mod tests {
    use clawback_connector_sdk::host::Level;

    use super::*;

    struct Settings(&'static [(&'static str, &'static str)]);

    impl Host for Settings {
        fn setting(&self, key: &str) -> Option<String> {
            self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned())
        }

        fn log(&self, _: Level, _: &str) {}

        fn now(&self) -> i64 {
            0
        }

        fn sleep(&self, _: std::time::Duration) {}
    }

    fn read(records: Value, settings: &'static [(&'static str, &'static str)]) -> Folders {
        let records: Vec<Record> = serde_json::from_value(records).unwrap();
        Folders::read(&records, Named::read(&Settings(settings))).unwrap()
    }

    #[test]
    fn kinds_paths_and_order() {
        let folders = read(
            json!([
                { "id": "t", "name": "Papierkorb" },
                { "id": "j", "name": "Junk", "role": "junk" },
                { "id": "s", "name": "Spam" },
                { "id": "p", "name": "a/b", "parentId": "i" },
                { "id": "i", "name": "Inbox", "role": "inbox" },
                { "id": "r", "name": "Recoverable Items" },
                { "id": "c1", "name": "one", "parentId": "c2" },
                { "id": "c2", "name": "two", "parentId": "c1" },
                { "id": "n", "name": "two\nlines" },
            ]),
            &[("archive-folder", "Spam")],
        );
        let all: Vec<_> = folders.all.iter().map(|one| (one.location.kind, one.location.path.as_str())).collect();
        assert_eq!(
            all,
            [
                (LocationKind::Inbox, "Inbox"),
                (LocationKind::Folder, "Inbox/a\\/b"),
                (LocationKind::Archive, "Spam"),
                (LocationKind::Junk, "Junk"),
                (LocationKind::DeletedItems, "Papierkorb"),
                (LocationKind::RecoverableItems, "Recoverable Items"),
            ]
        );
        assert_eq!(folders.gaps.len(), 3);
        assert_eq!(place::names("Inbox/a\\/b/\\\\"), ["Inbox", "a/b", "\\"]);
        let shown = folders.shown(&["j", "t", "gone"].into_iter().collect(), |_| true).unwrap();
        assert_eq!(shown.id, "j");
        assert_eq!(folders.to_make(LocationKind::SentItems).as_deref(), Some("Sent"));
    }
}
