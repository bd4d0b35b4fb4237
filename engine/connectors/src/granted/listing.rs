//! Listings of one directory: the whole, a part of it in the order of the names, or the entries of given names.
//!
//! A part costs one pass over the names of the directory, and looks at the entries of the part alone. So a call on a
//! directory of any size has an end, and needs no more memory than its part.

use std::collections::BinaryHeap;
use std::io;
use std::time::UNIX_EPOCH;

use cap_std::fs::{Dir, Metadata};

use crate::granted::file_name::{decode, encode};
use crate::limits::RECORD_BYTES;

/// The bounds of one listing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

/// One file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: EntryKind,
    pub(crate) size: u64,
    /// Microseconds since 1970-01-01 UTC.
    pub(crate) modified: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Dir,
    Other,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FolderError {
    NotFound,
    Denied(String),
    Exists,
    Other(String),
}

/// Returns all entries.
pub(crate) fn all(dir: &Dir, bounds: Bounds) -> Result<Vec<Entry>, FolderError> {
    let mut listing = Listing::new(bounds);
    for found in dir.entries().map_err(|error| refused(&error))? {
        let found = found.map_err(|error| refused(&error))?;
        // A file that was removed concurrently is omitted.
        let (Some(name), Ok(meta)) = (encode(&found.file_name()), found.metadata()) else { continue };
        listing.add(name, &meta)?;
    }
    Ok(listing.entries)
}

/// Returns the first `most` entries whose names come after this one, in the order of their names; fewer only at the end.
pub(crate) fn after(dir: &Dir, after: &str, most: usize, bounds: Bounds) -> Result<Vec<Entry>, FolderError> {
    let most = most.min(bounds.entries);
    let mut listing = Listing::new(bounds);
    let mut after = after.to_owned();
    loop {
        let room = most - listing.entries.len();
        let names = names_after(dir, &after, room)?;
        let is_end = names.len() < room;
        if let Some(last) = names.last() {
            after.clone_from(last);
        }
        listing.describe(dir, names)?;
        // Entries that were removed concurrently are made up for.
        if is_end || listing.entries.len() == most {
            return Ok(listing.entries);
        }
    }
}

/// Returns the entries whose names begin with one of these texts, in the order of their names.
pub(crate) fn named(dir: &Dir, starts: &[String], bounds: Bounds) -> Result<Vec<Entry>, FolderError> {
    let mut starts: Vec<&str> = starts.iter().map(String::as_str).collect();
    starts.sort_unstable();
    // A text that begins with another one adds nothing. Without these, only the last one before a name can be its start.
    starts.dedup_by(|next, kept| next.starts_with(*kept));
    let is_wanted = |name: &str| {
        let before = starts.partition_point(|start| *start <= name);
        before.checked_sub(1).is_some_and(|last| name.starts_with(starts[last]))
    };
    let mut wanted = Vec::new();
    for name in names(dir)? {
        let name = name?;
        if is_wanted(&name) {
            wanted.push(name);
        }
        if wanted.len() > bounds.entries {
            return Err(too_many(bounds));
        }
    }
    wanted.sort_unstable();
    let mut listing = Listing::new(bounds);
    listing.describe(dir, wanted)?;
    Ok(listing.entries)
}

/// Returns the first `most` names that come after this one, in order.
fn names_after(dir: &Dir, after: &str, most: usize) -> Result<Vec<String>, FolderError> {
    // The largest name is on top.
    let mut first = BinaryHeap::new();
    for name in names(dir)? {
        let name = name?;
        if name.as_str() <= after {
            continue;
        }
        if first.len() < most {
            first.push(name);
        } else if let Some(mut last) = first.peek_mut()
            && name < *last
        {
            *last = name;
        }
    }
    Ok(first.into_sorted_vec())
}

/// Returns the names that have an encoding.
fn names(dir: &Dir) -> Result<impl Iterator<Item = Result<String, FolderError>>, FolderError> {
    let entries = dir.entries().map_err(|error| refused(&error))?;
    Ok(entries.filter_map(|found| match found {
        Ok(found) => encode(&found.file_name()).map(Ok),
        Err(error) => Some(Err(refused(&error))),
    }))
}

/// A listing within its bounds.
struct Listing {
    bounds: Bounds,
    bytes: usize,
    entries: Vec<Entry>,
}

impl Listing {
    fn new(bounds: Bounds) -> Self {
        Self { bounds, bytes: 0, entries: Vec::new() }
    }

    /// Adds the entries of these names, without those that were removed concurrently.
    fn describe(&mut self, dir: &Dir, names: Vec<String>) -> Result<(), FolderError> {
        for name in names {
            let Ok(meta) = dir.symlink_metadata(&*decode(&name)) else { continue };
            self.add(name, &meta)?;
        }
        Ok(())
    }

    fn add(&mut self, name: String, meta: &Metadata) -> Result<(), FolderError> {
        self.bytes += RECORD_BYTES + name.len();
        if self.bytes > self.bounds.bytes {
            return Err(FolderError::Other(format!(
                "the names of the directory are larger than {} MiB",
                self.bounds.bytes >> 20
            )));
        }
        self.entries.push(entry(name, meta));
        if self.entries.len() > self.bounds.entries { Err(too_many(self.bounds)) } else { Ok(()) }
    }
}

fn too_many(bounds: Bounds) -> FolderError {
    FolderError::Other(format!("the directory has more than {} entries", bounds.entries))
}

pub(crate) fn entry(name: String, meta: &Metadata) -> Entry {
    let modified = meta.modified().ok().and_then(|time| time.into_std().duration_since(UNIX_EPOCH).ok());
    Entry {
        name,
        kind: match (meta.is_file(), meta.is_dir()) {
            (true, _) => EntryKind::File,
            (_, true) => EntryKind::Dir,
            _ => EntryKind::Other,
        },
        size: meta.len(),
        modified: modified.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
    }
}

/// Maps an error without the host's paths.
pub(crate) fn refused(error: &io::Error) -> FolderError {
    match error.kind() {
        io::ErrorKind::NotFound => FolderError::NotFound,
        io::ErrorKind::AlreadyExists => FolderError::Exists,
        io::ErrorKind::PermissionDenied => FolderError::Denied("no permission".into()),
        kind if is_link(error) => FolderError::Denied(format!("not followed: {kind}")),
        kind => FolderError::Other(kind.to_string()),
    }
}

fn is_link(error: &io::Error) -> bool {
    // ELOOP for a link as the last name; ENOTDIR for a link inside the path.
    matches!(error.raw_os_error(), Some(code) if code == rustix::io::Errno::LOOP.raw_os_error())
        || error.kind() == io::ErrorKind::NotADirectory
}
