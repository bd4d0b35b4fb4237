//! `clawback proof`: one file that proves the events of a remediation to somebody without this program.

use clawback_runtime::Proof;

use crate::args::{Global, ProofArgs};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores, site_key};
use crate::output;

pub(crate) async fn run(global: &Global, args: ProofArgs) -> Result<Exit, Failure> {
    let key = site_key(&Config::find(global.config.as_deref())?)?;
    let session = Session::open(global, Stores::None).await?;
    let history = &session.site().history;
    let id = session.find(&args.id).await?.id;
    let proven = history.prove(&id).await?;
    let size = proven.size;
    let proof = Proof::new(id.to_string(), proven, &key);
    history.keep_head(size, proof.checkpoint(), session.site().now()).await?;
    let Some(file) = &args.output else {
        output::json(&proof)?;
        return Ok(Exit::Done);
    };
    let text = serde_json::to_string_pretty(&proof).map_err(|error| Failure::failed(error.to_string()))?;
    std::fs::write(file, text + "\n")?;
    output::line(&format!("wrote {}", file.display()))?;
    Ok(Exit::Done)
}
