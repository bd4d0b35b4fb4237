//! `clawback proof`: a file that proves the events of a remediation without this program.

use clawback_runtime::{Proof, sign_tree};

use super::checkpoint::note_witnesses;
use crate::args::{Global, ProofArgs};
use crate::client::Client;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, site_key, typed_id, witnesses};
use crate::output;

pub(crate) async fn run(global: &Global, args: ProofArgs) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let key = site_key(&config)?;
    let witnesses = witnesses(&config)?;
    let client = Client::open(global, Stores::None).await?;
    let Some(session) = client.session() else { return Err(crate::here::refused("proof")) };
    let id = typed_id(&client.look(&args.id, 0).await?.remediation.id)?;
    let proven = session.site().history.prove(&id).await?;
    let cosigned = sign_tree(session.site(), &key, &witnesses, proven.size, proven.root).await?;
    note_witnesses(&witnesses, &cosigned);
    let proof = Proof::new(id.to_string(), proven, cosigned.note, &key);
    let Some(file) = &args.output else {
        output::json(&proof)?;
        return Ok(Exit::Done);
    };
    let text = serde_json::to_string_pretty(&proof).map_err(|error| Failure::failed(error.to_string()))?;
    std::fs::write(file, text + "\n")?;
    output::line(&format!("wrote {}", file.display()))?;
    Ok(Exit::Done)
}
