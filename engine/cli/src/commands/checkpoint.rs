//! `clawback checkpoint`: signs where the history stands, in the formats of C2SP (`tlog-checkpoint`, `signed-note`).

use std::fmt::Write as _;

use clawback_model::{Checkpoint, Digest, LogQuestion};
use clawback_runtime::open_checkpoint;
use clawback_store::Store;
use data_encoding::BASE64;

use super::{key, verify};
use crate::args::{CheckpointArgs, Global};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, site};
use crate::output;

/// Asks for no token: whoever can read the site's key can sign with it anyway.
pub(crate) async fn run(global: &Global, args: &CheckpointArgs) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let key = key::read(&config)?;
    let site = site(&config, Stores::None).await?;
    let (events, root) = site.history.grow_log().await?;
    let mut text = String::new();
    if let Some(file) = &args.check {
        let old = open_checkpoint(&verify::read(file)?, key.public()).map_err(|error| verify::named(file, &error))?;
        text = continued(&site.history, &old, events).await?;
    }
    let note = key.sign(events, root).to_string();
    site.history.keep_head(events, &note, site.now()).await?;
    text.push_str(&note);
    match &args.output {
        Some(file) => {
            std::fs::write(file, text)?;
            output::line(&format!("wrote {}", file.display()))?;
        }
        None => output::line(text.trim_end_matches('\n'))?,
    }
    Ok(Exit::Done)
}

/// The proof that the tree continues an earlier one, as it stands before the new checkpoint in the body of an `add-checkpoint`
/// request (C2SP `tlog-witness`).
async fn continued(history: &Store, old: &Checkpoint, size: u64) -> Result<String, Failure> {
    check(history, old, size).await?;
    let mut text = format!("old {}\n", old.size);
    for hash in history.ask_log(LogQuestion::Consistency { old: old.size, size }).await? {
        let _ = writeln!(text, "{}", BASE64.encode(&hash.0));
    }
    text.push('\n');
    Ok(text)
}

/// Fails if the tree of this size does not continue an earlier one.
pub(super) async fn check(history: &Store, old: &Checkpoint, size: u64) -> Result<(), Failure> {
    let broken = |said: String| {
        Failure::failed(said).hint("keep a copy of the database as it is, then compare it with a backup")
    };
    if old.size > size {
        let said = format!("the history has {size} events, and {} were signed: its end was cut off", old.size);
        return Err(broken(said));
    }
    let root: Vec<Digest> = history.ask_log(LogQuestion::Root(old.size)).await?;
    if root != [old.root] {
        let said = format!("the first {} events are not those that were signed: the history was rewritten", old.size);
        return Err(broken(said));
    }
    Ok(())
}
