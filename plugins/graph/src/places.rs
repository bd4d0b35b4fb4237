//! Where messages are: the folders of a mailbox, listed when they are first needed.

use std::collections::HashSet;

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place,
    types::{Error, Location, LocationKind},
    web,
};

use crate::{
    address,
    client::{Client, Part},
    folders::{Folders, MailFolder},
    refusal::Reply,
    tree,
    wire::Folder,
};

/// The most folders above one that no listing has.
const DEEPEST: usize = 30;
/// The folder of what was deleted for good, and waits for its end or is held for a court. No owner sees it.
const PURGES: &str = "recoverableitemspurges";

/// The folders of a mailbox.
pub(crate) struct Places<'c, 'a, H> {
    client: &'c Client<'a, H>,
    folders: Option<Folders>,
    is_fresh: bool,
    /// Ids of folders of what is gone, and those that are no folders.
    gone: HashSet<String>,
    nowhere: HashSet<String>,
}

/// The folder of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spot {
    In(MailFolder),
    /// The message was deleted for good.
    Gone,
    /// Nothing shows the folder.
    Nowhere,
}

impl Spot {
    /// Returns the place; `unknown` if no record can name it.
    pub(crate) fn location(self) -> Location {
        match self {
            Self::In(folder) if place::unspeakable(&folder.path).is_none() => folder.location(),
            _ => Location { kind: LocationKind::Unknown, path: String::new() },
        }
    }
}

impl<'c, 'a, H: Host + Http + Memo> Places<'c, 'a, H> {
    pub(crate) fn new(client: &'c Client<'a, H>) -> Self {
        Self { client, folders: None, is_fresh: false, gone: HashSet::new(), nowhere: HashSet::new() }
    }

    pub(crate) fn all(&mut self) -> Result<&Folders, Error> {
        if self.folders.is_none() {
            self.folders = Some(Folders::load(self.client)?);
        }
        self.folders.as_ref().ok_or_else(|| Error::Permanent("the folders were not listed".into()))
    }

    /// Lists the folders again, once in a call.
    pub(crate) fn refresh(&mut self) -> Result<bool, Error> {
        if self.is_fresh {
            return Ok(false);
        }
        self.set(Folders::list(self.client)?);
        Ok(true)
    }

    pub(crate) fn set(&mut self, folders: Folders) {
        self.folders = Some(folders);
        self.is_fresh = true;
    }

    /// Returns the folder with this id: of a listing, of a new listing, or by a question for it alone.
    pub(crate) fn spot(&mut self, id: Option<&str>) -> Result<Spot, Error> {
        let id = id.unwrap_or_default();
        if let Some(folder) = self.all()?.get(id) {
            return Ok(Spot::In(folder.clone()));
        }
        if self.refresh()?
            && let Some(folder) = self.all()?.get(id)
        {
            return Ok(Spot::In(folder.clone()));
        }
        if self.gone.contains(id) {
            return Ok(Spot::Gone);
        }
        if self.nowhere.contains(id) || !address::is_id(id) {
            return Ok(Spot::Nowhere);
        }
        let spot = self.ask(id)?;
        match &spot {
            Spot::In(folder) => self.folders.get_or_insert_default().all.push(folder.clone()),
            Spot::Gone => drop(self.gone.insert(id.to_owned())),
            Spot::Nowhere => drop(self.nowhere.insert(id.to_owned())),
        }
        Ok(spot)
    }

    /// Asks for a folder that no listing has: a hidden one, or one of what is gone.
    fn ask(&mut self, id: &str) -> Result<Spot, Error> {
        let (mut names, mut at) = (Vec::new(), id.to_owned());
        let select = web::with_query("", [("$select", tree::SELECT)]);
        for _ in 0..DEEPEST {
            let parts = [&at, PURGES].map(|id| Part::get(format!("{}{select}", address::folder(id))));
            let replies = self.client.batch(&parts[..if at == id { 2 } else { 1 }])?;
            let Some(reply) = replies.first() else { return Ok(Spot::Nowhere) };
            if !reply.is_success() {
                return match reply.error("a folder cannot be read") {
                    error @ (Error::Throttled(_) | Error::Transient(_)) => Err(error),
                    _ => Ok(Spot::Nowhere),
                };
            }
            let folder: Folder = reply.read()?;
            let purges = replies.get(1).filter(|reply| reply.is_success()).map(Reply::read::<Folder>);
            if purges.transpose()?.is_some_and(|purges| !purges.id.is_empty() && purges.id == folder.id) {
                return Ok(Spot::Gone);
            }
            let parent = folder.parent_folder_id.unwrap_or_default();
            let known = self.all()?;
            if !known.dumpster.is_empty() && parent == known.dumpster {
                return Ok(Spot::Gone);
            }
            names.push(place::escaped(folder.display_name.as_deref().unwrap_or_default()));
            let above = known.get(&parent).map(|folder| folder.path.clone());
            if parent == known.root || above.is_some() {
                names.extend(above);
                names.reverse();
                let (id, path) = (id.to_owned(), names.join("/"));
                return Ok(Spot::In(MailFolder { id, path, known: String::new(), is_hidden: true }));
            }
            if !address::is_id(&parent) || parent == at {
                break;
            }
            at = parent;
        }
        Ok(Spot::Nowhere)
    }
}
