//! `clawback verify`: proves that the history is whole, or names the first broken link.

use clawback_action_center::json::VerifiedJson;
use clawback_model::{NoteError, visible};
use clawback_runtime::open_checkpoint;
use clawback_store::{Head, TrustedHeads};

use crate::args::{Format, Global, VerifyArgs};
use crate::client::Client;
use crate::commands::checkpoint;
use crate::config::Config;
use crate::failure::{Exit, Failure, chain, clean};
use crate::open::{Stores, site, site_key, witnesses};
use crate::output;

pub(crate) async fn run(global: &Global, args: VerifyArgs) -> Result<Exit, Failure> {
    let head = args.head.as_deref().map(str::parse::<Head>).transpose();
    let head = head.map_err(|error| Failure::misuse(format!("--head: {error}")))?;
    let found = match Client::of_server(global)? {
        Some(_) if args.checkpoint.is_some() => return Err(crate::here::refused("verify --checkpoint")),
        Some(server) => {
            let head = head.map(|head| ("head", head.to_string()));
            server.get(&["verify"], head.as_slice()).await?
        }
        None => here(global, head, &args).await?,
    };
    print(global, found)
}

/// Needs no token: the caller can read the database, and an auditor may have no principal.
async fn here(global: &Global, head: Option<Head>, args: &VerifyArgs) -> Result<VerifiedJson, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let signer = match &args.key {
        Some(key) => Some(key.parse().map_err(|error| Failure::misuse(format!("--key: {error}")))?),
        None if args.checkpoint.is_none() && !config.resolve(&config.key_file).exists() => {
            output::note(
                "there is no key file here, so the signatures of kept checkpoints are not checked; --key takes the key",
            );
            None
        }
        None => Some(site_key(&config)?.public().clone()),
    };
    let log = match (&args.checkpoint, &signer) {
        (Some(file), Some(key)) => {
            let text = checkpoint::read(file)?;
            let old = open_checkpoint(&text, key).map_err(|error| checkpoint::named(file, &error))?;
            let (witnesses, note) =
                (witnesses(&config)?, text.parse().map_err(|error: NoteError| checkpoint::named(file, &error.into()))?);
            if !witnesses.is_enough(&note) {
                let said = format!("{}: {}", file.display(), checkpoint::standing(&witnesses, &note));
                return Err(Failure::failed(said).hint("`clawback checkpoint` asks the witnesses again"));
            }
            Some((old.size, old.root))
        }
        _ => None,
    };
    let mut site = site(&config, Stores::None).await?;
    site.signer = signer;
    let noted = TrustedHeads { head, log, now: Some(site.now()) };
    Ok(site.verify(noted).await.map_err(|broken| chain(&broken)).into())
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
        "keep what `clawback checkpoint` prints outside of this machine: `clawback verify --checkpoint` then also proves that \
         nothing was cut off or written anew",
    );
    Ok(Exit::Done)
}
