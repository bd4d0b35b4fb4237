//! `clawback backup`: a consistent copy of the history, also while workers write to it.

use std::path::Path;

use crate::args::Global;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, site};
use crate::output;

/// Needs no token: the caller can read the database.
pub(crate) async fn run(global: &Global, path: &Path) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let site = site(&config, Stores::None).await?;
    site.history.back_up(path).await?;
    let head = site.history.head().await?;
    output::line(&format!("wrote {}", path.display()))?;
    output::note(&format!(
        "the head of the history is {}:{}; `clawback verify` proves it on the copy",
        head.seq, head.hash
    ));
    if let Some(folder) = config.evidence_folder() {
        output::note(&format!("kept messages are not in it: copy the folder {} too", folder.display()));
    } else if let Some(bucket) = config.bucket() {
        output::note(&format!("kept messages are not in it: they stay in {}", bucket.url));
    }
    Ok(Exit::Done)
}
