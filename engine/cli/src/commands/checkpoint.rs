//! `clawback checkpoint`: signs a checkpoint of the history, in the formats of C2SP (`tlog-checkpoint`, `signed-note`).

use std::path::Path;

use clawback_model::{Checkpoint, Digest, LogQuestion, Note, old_and_proof, visible};
use clawback_runtime::{Cosigned, KeyError, Witnesses, make_checkpoint, open_checkpoint};
use clawback_store::Store;

use crate::args::{CheckpointArgs, Global};
use crate::config::Config;
use crate::failure::{Exit, Failure, chain};
use crate::open::{Stores, site, site_key, witnesses};
use crate::output;

/// Needs no token: the caller can read the site's key.
pub(crate) async fn run(global: &Global, args: &CheckpointArgs) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let key = site_key(&config)?;
    let site = site(&config, Stores::None).await?;
    let witnesses = witnesses(&config)?;
    let (checkpoint, cosigned) = make_checkpoint(&site, &key, &witnesses).await?;
    let mut text = String::new();
    if let Some(file) = &args.check {
        let old = open_checkpoint(&read(file)?, key.public()).map_err(|error| named(file, &error))?;
        text = continued(&site.history, &old, checkpoint.size).await?;
    }
    text.push_str(&cosigned.note.to_string());
    note_witnesses(&witnesses, &cosigned);
    match &args.output {
        Some(file) => {
            std::fs::write(file, text)?;
            output::line(&format!("wrote {}", file.display()))?;
        }
        None => output::line(text.trim_end_matches('\n'))?,
    }
    Ok(Exit::Done)
}

/// Notes the witnesses that have not signed a checkpoint, and whether enough have.
pub(super) fn note_witnesses(witnesses: &Witnesses, cosigned: &Cosigned) {
    if witnesses.is_empty() {
        return;
    }
    for (name, error) in &cosigned.missing {
        output::note(&format!("not signed by {}: {}", visible(name), chain(error)));
    }
    output::note(&standing(witnesses, &cosigned.note));
}

/// The witnesses that have signed a checkpoint, and whether they are enough.
pub(super) fn standing(witnesses: &Witnesses, note: &Note) -> String {
    let signed = witnesses.signed(note);
    let names = if signed.is_empty() { "no witness".to_owned() } else { signed.join(", ") };
    let (count, all, quorum) = (signed.len(), witnesses.len(), witnesses.quorum());
    let verdict = if count < quorum { "too few" } else { "enough" };
    visible(&format!("cosigned by {names}: {count} of {all}, which is {verdict} ({quorum} must)"))
}

/// The proof that the tree continues an earlier one, in the form that precedes the new checkpoint in the body of an
/// `add-checkpoint` request (C2SP `tlog-witness`).
async fn continued(history: &Store, old: &Checkpoint, size: u64) -> Result<String, Failure> {
    check(history, old, size).await?;
    let proof = history.ask_log(LogQuestion::Consistency { old: old.size, size }).await?;
    Ok(old_and_proof(old.size, &proof))
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

/// The text of a file with a checkpoint.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::misuse(format!("{} cannot be read: {error}", file.display())))
}

/// A checkpoint that cannot be trusted.
pub(super) fn named(file: &Path, error: &KeyError) -> Failure {
    Failure::failed(format!("{}: {}", file.display(), chain(error)))
}
