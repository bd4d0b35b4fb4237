//! `clawback backup`: a copy of the history as it is at one moment, while work goes on.

use std::path::Path;

use crate::args::Global;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, site};
use crate::output;

/// Asks for no token: whoever can read the database can copy it anyway.
pub(crate) async fn run(global: &Global, path: &Path) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let site = site(&config, Stores::None).await?;
    site.history.back_up(path).await?;
    let head = site.history.head().await?;
    output::line(&format!("wrote {}", path.display()))?;
    output::note(&format!("the history stands at {}:{}; `clawback verify` on the copy proves it", head.seq, head.hash));
    if let Some(folder) = config.evidence_folder() {
        output::note(&format!("kept messages are not in it: copy the folder {} too", folder.display()));
    } else if let Some(bucket) = config.bucket() {
        output::note(&format!("kept messages are not in it: they stay in {}", bucket.url));
    }
    Ok(Exit::Done)
}
