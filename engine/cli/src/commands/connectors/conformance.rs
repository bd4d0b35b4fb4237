//! `clawback connectors test`: runs the rules of the contract over a connector, on messages that are made for it.

use std::path::Path;

use clawback_connectors::ConnectorChoice;
use clawback_connectors::conformance::{self, Seed, Verdict};
use clawback_model::{Digest, visible_line};

use super::{configured, load_as};
use crate::args::{ConnectorsTestArgs, Format, Global};
use crate::config::Config;
use crate::failure::{Exit, Failure, chain};
use crate::open::{Session, Stores};
use crate::output;

/// The part of the subject by which the messages are found.
const SUBJECT: &str = "Clawback conformance test";
const MESSAGES: usize = 5;

pub(crate) async fn run(global: &Global, args: &ConnectorsTestArgs) -> Result<Exit, Failure> {
    let seed = Seed::new(&args.mailbox, SUBJECT, MESSAGES).map_err(|error| Failure::misuse(chain(&error)))?;
    if let Some(folder) = &args.write_messages {
        return write(folder, &seed);
    }
    // The test logs in with the site's credentials.
    let session = Session::open(global, Stores::None).await?;
    session.api.may_work(&session.who)?;
    let config = Config::find(global.config.as_deref())?;
    let mut store = configured(&config, &args.against)?.clone();
    if let Some(file) = &args.file {
        let bytes = std::fs::read(file)
            .map_err(|error| Failure::misuse(format!("the component `{}` cannot be read: {error}", file.display())))?;
        let path = std::path::absolute(file).map_err(|error| Failure::failed(chain(&error)))?;
        store.connector = ConnectorChoice::File { path, sha256: Digest::of(&bytes).to_string() };
    }
    let store = load_as(&config, &args.against, &store).await?;
    let is_table = global.format == Format::Table;
    let mut printed = Ok(());
    let mut tell = |verdict: &Verdict| {
        if is_table && printed.is_ok() {
            printed = output::line(&line(verdict));
        }
    };
    let verdicts = conformance::run(&*store, &seed, &mut tell).await;
    printed?;
    let broken = verdicts.iter().filter(|verdict| verdict.broken.is_some()).count();
    match global.format {
        Format::Table if broken == 0 => output::line(&format!("all {} rules are kept", verdicts.len()))?,
        Format::Table => output::note(&format!(
            "error: {broken} of {} rules are broken; rules of acts are tried up to the first that is broken\n  hint: the messages \
             of `--write-messages` must be in the inbox of `{}`, each once",
            verdicts.len(),
            visible_line(&args.mailbox, 200),
        )),
        Format::Csv => output::csv(
            ["rule", "broken"],
            verdicts.iter().map(|verdict| [verdict.rule.clone(), verdict.broken.clone().unwrap_or_default()]),
        )?,
        _ => output::json(&serde_json::json!({ "items": verdicts, "next": null }))?,
    }
    Ok(if broken == 0 { Exit::Done } else { Exit::Failed })
}

fn line(verdict: &Verdict) -> String {
    match &verdict.broken {
        None => format!("ok     {}", verdict.rule),
        Some(why) => format!("BROKEN {}: {why}", verdict.rule),
    }
}

/// Writes the messages to deliver.
fn write(folder: &Path, seed: &Seed) -> Result<Exit, Failure> {
    clawback_files::create_folder(folder)?;
    for (number, raw) in seed.raw().iter().enumerate() {
        let path = folder.join(format!("conformance-{number}.eml"));
        std::fs::write(&path, raw)
            .map_err(|error| Failure::failed(format!("`{}` cannot be written: {error}", path.display())))?;
        output::line(&path.display().to_string())?;
    }
    Ok(Exit::Done)
}
