//! `clawback verify`: proves that the history is whole, or names the first broken link.

use clawback_action_center::json::VerifiedJson;
use clawback_model::visible;
use clawback_store::Head;

use crate::args::{Format, Global, VerifyArgs};
use crate::config::Config;
use crate::failure::{Exit, Failure, chain, clean};
use crate::open::{Stores, site};
use crate::output;
use crate::remote::Remote;

pub(crate) async fn run(global: &Global, args: VerifyArgs) -> Result<Exit, Failure> {
    let head = args.head.as_deref().map(str::parse::<Head>).transpose();
    let head = head.map_err(|error| Failure::misuse(format!("--head: {error}")))?;
    let found = match Remote::of(global)? {
        Some(remote) => {
            let head = head.map(|head| ("head", head.to_string()));
            remote.get(&["verify"], head.as_slice()).await?
        }
        None => here(global, head).await?,
    };
    print(global, found)
}

/// Asks for no token: whoever can read the database may check it, and an auditor may have no principal here.
async fn here(global: &Global, head: Option<Head>) -> Result<VerifiedJson, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let site = site(&config, Stores::None).await?;
    Ok(site.history.verify(head, |_| {}).await.map_err(|broken| chain(&broken)).into())
}

fn print(global: &Global, found: VerifiedJson) -> Result<Exit, Failure> {
    if let Some(broken) = found.broken {
        let broken = clean(&broken);
        if global.format == Format::Json {
            output::json(&serde_json::json!({ "ok": false, "broken": broken }))?;
        }
        return Err(Failure::failed(broken).hint("keep a copy of the database as it is, then compare it with a backup"));
    }
    let number = Option::unwrap_or_default;
    let (events, remediations) = (number(found.events), number(found.remediations));
    let (targets, outcomes) = (number(found.targets), number(found.outcomes));
    let head = found.head.unwrap_or_default();
    if global.format == Format::Json {
        output::json(&serde_json::json!({
            "ok": true, "events": events, "remediations": remediations,
            "targets": targets, "outcomes": outcomes, "head": head,
        }))?;
        return Ok(Exit::Done);
    }
    output::line(&format!(
        "ok: {events} events, {remediations} remediations, {targets} targets and {outcomes} outcomes are as they were recorded"
    ))?;
    output::line(&format!("head: {}", visible(&head)))?;
    output::note(
        "keep the head outside of this machine: `clawback verify --head` then also proves that nothing was cut off",
    );
    Ok(Exit::Done)
}
