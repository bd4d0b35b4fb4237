//! `clawback mirror`: the Merkle tree as files that any web server can publish (C2SP `tlog-tiles`). They contain only hashes: nothing
//! of a message, and no name.

use std::io::Write as _;
use std::path::Path;

use clawback_model::{Digest, TILE_WIDTH, TileAt};
use clawback_runtime::open_checkpoint;

use super::checkpoint;
use crate::args::Global;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, site, site_key};
use crate::output;

/// File name of the newest checkpoint, next to the folder `tile`.
const CHECKPOINT: &str = "checkpoint";

/// Needs no token: the caller can read the site's key.
pub(crate) async fn run(global: &Global, folder: &Path) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let key = site_key(&config)?;
    let site = site(&config, Stores::None).await?;
    let history = &site.history;
    let (events, root) = history.grow_log().await?;
    let newest = folder.join(CHECKPOINT);
    if newest.exists() {
        // Others may have copied the files, so a tree that does not continue them is refused.
        let old = open_checkpoint(&checkpoint::read(&newest)?, key.public())
            .map_err(|error| checkpoint::named(&newest, &error))?;
        checkpoint::check(history, &old, events).await?;
    }
    let mut written = 0;
    for (at, width) in TileAt::all(events) {
        if put(&folder.join(at.path(width)), async || Ok(bytes(&history.log_tile(at, width).await?))).await? {
            written += 1;
        }
        let entries = async || Ok(entries(&history.log_entries(at.number * TILE_WIDTH, width).await?));
        if at.level == 0 && put(&folder.join(at.entries_path(width)), entries).await? {
            written += 1;
        }
    }
    // The checkpoint is written last: its readers find every tile that it needs.
    let note = history.keep_head(events, &key.sign(events, root), site.now()).await?;
    replace(&newest, note.to_string().as_bytes())?;
    output::line(&format!("{} has {events} events; {written} files are new", folder.display()))?;
    Ok(Exit::Done)
}

/// Writes a file that does not exist yet: no file ever changes.
async fn put(path: &Path, content: impl AsyncFnOnce() -> Result<Vec<u8>, Failure>) -> Result<bool, Failure> {
    if path.exists() {
        return Ok(false);
    }
    replace(path, &content().await?)?;
    Ok(true)
}

/// Writes a file under another name and renames it, so that readers never see a part of it.
fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)?;
    let mut part = path.to_owned().into_os_string();
    part.push(".part");
    let mut file = std::fs::File::create(&part)?;
    file.write_all(content)?;
    file.sync_all()?;
    Ok(std::fs::rename(&part, path)?)
}

fn bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The entries, each after its length in 16 bits; an entry is the hash of an event.
fn entries(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| [0, 32].into_iter().chain(hash.0)).collect()
}
