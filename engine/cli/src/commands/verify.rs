//! `clawback verify`: proves that the history is whole, or names the first broken link.

use clawback_store::Head;

use crate::args::{Format, Global, VerifyArgs};
use crate::config::Config;
use crate::failure::{Exit, Failure, chain};
use crate::open::{Stores, site};
use crate::output;

/// Asks for no token: whoever can read the database may check it, and an auditor may have no principal here.
pub(crate) async fn run(global: &Global, args: VerifyArgs) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let site = site(&config, Stores::None).await?;
    let head = args.head.as_deref().map(parse_head).transpose()?;
    match site.history.verify(head, |_| {}).await {
        Ok(verified) => {
            let head = format!("{}:{}", verified.head.seq, verified.head.hash);
            if global.format == Format::Json {
                output::json(&serde_json::json!({
                    "ok": true, "events": verified.events, "remediations": verified.remediations,
                    "targets": verified.targets, "outcomes": verified.outcomes, "head": head,
                }))?;
                return Ok(Exit::Done);
            }
            output::line(&format!(
                "ok: {} events, {} remediations, {} targets and {} outcomes are as they were recorded",
                verified.events, verified.remediations, verified.targets, verified.outcomes
            ))?;
            output::line(&format!("head: {head}"))?;
            output::note(
                "keep the head outside of this machine: `clawback verify --head` then also proves that nothing was cut off",
            );
            Ok(Exit::Done)
        }
        Err(broken) => {
            if global.format == Format::Json {
                output::json(&serde_json::json!({ "ok": false, "broken": chain(&broken) }))?;
            }
            Err(Failure::failed(chain(&broken))
                .hint("keep a copy of the database as it is, then compare it with a backup"))
        }
    }
}

fn parse_head(text: &str) -> Result<Head, Failure> {
    text.split_once(':')
        .and_then(|(seq, hash)| Some(Head { seq: seq.parse().ok()?, hash: hash.parse().ok()? }))
        .ok_or_else(|| Failure::misuse("--head is SEQ:HASH, as `clawback verify` prints it"))
}
