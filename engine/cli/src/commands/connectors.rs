//! `clawback connectors`: what is built in, what a store can do, and whether it answers.

use std::sync::Arc;

use clawback_connectors::{ConnectorChoice, MailStore, StoreConfig};

use crate::args::{Format, Global};
use crate::config::Config;
use crate::failure::{Exit, Failure, chain};
use crate::open::{Session, Stores, host};
use crate::output;

pub(crate) async fn list(global: &Global) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref()).unwrap_or_default();
    let host = host(&config)?;
    let built_in = host.builtin_connectors().await.map_err(|error| Failure::failed(chain(&error)))?;
    let items: Vec<_> = built_in
        .into_iter()
        .map(|built_in| {
            let uses = |store: &StoreConfig| store.connector == ConnectorChoice::Named(built_in.name.clone());
            let stores: Vec<_> =
                config.stores.iter().filter(|(_, store)| uses(store)).map(|(name, _)| name.clone()).collect();
            serde_json::json!({
                "connector": built_in.name, "version": built_in.version, "sha256": built_in.sha256,
                "imports": built_in.imports, "stores": stores,
            })
        })
        .collect();
    output::rows(global.format, &["connector", "version", "sha256", "imports", "stores"], &items, None, |item| {
        let list = |key: &str| {
            let values = item[key].as_array().into_iter().flatten().filter_map(|value| value.as_str());
            values.collect::<Vec<_>>().join(" ")
        };
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        vec![text("connector"), text("version"), text("sha256"), list("imports"), list("stores")]
    })?;
    Ok(Exit::Done)
}

pub(crate) async fn describe(global: &Global, name: &str) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let store = load(&config, name).await?;
    let known = store.capabilities();
    let actions = known.actions.iter().map(|action| action.as_str()).collect::<Vec<_>>();
    if global.format == Format::Json {
        output::json(&serde_json::json!({
            "store": name, "connector": known.connector, "version": known.version, "sha256": known.digest,
            "actions": actions, "search_fields": known.search_fields, "largest_batch": known.largest_batch,
            "calls_per_mailbox": known.calls_per_mailbox, "calls": known.calls,
        }))?;
        return Ok(Exit::Done);
    }
    output::fields(&[
        ("store", name.to_owned()),
        ("connector", format!("{} {}", known.connector, known.version)),
        ("sha256", known.digest.clone()),
        ("actions", actions.join(", ")),
        ("searches by itself", known.search_fields.join(", ")),
        ("largest batch", known.largest_batch.to_string()),
        ("calls at once", format!("{}, {} for each mailbox", known.calls, known.calls_per_mailbox)),
    ])?;
    Ok(Exit::Done)
}

pub(crate) async fn check(global: &Global, name: Option<&str>) -> Result<Exit, Failure> {
    // It logs in with the site's credentials.
    let session = Session::open(global, Stores::None).await?;
    session.api.may_work(&session.who)?;
    let config = Config::find(global.config.as_deref())?;
    let names: Vec<String> = match name {
        Some(name) => vec![name.to_owned()],
        None => config.stores.keys().cloned().collect(),
    };
    if names.is_empty() {
        return Err(Failure::misuse("no store is configured").hint("describe one under [stores.NAME] in clawback.toml"));
    }
    let mut exit = Exit::Done;
    for name in names {
        match probe(&config, &name).await {
            Ok(said) => output::line(&format!("ok     {name}: {said}"))?,
            Err(error) => {
                exit = Exit::Failed;
                output::line(&format!("WRONG  {name}"))?;
                output::note(&error.render());
            }
        }
    }
    Ok(exit)
}

/// Logs in to the first mailbox and looks.
pub(crate) async fn probe(config: &Config, name: &str) -> Result<String, Failure> {
    let store = load(config, name).await?;
    let seen = clawback_connectors::check(&*store).await.map_err(|error| Failure::failed(chain(&error)))?;
    let milliseconds = seen.took.as_millis();
    Ok(match seen.mailbox {
        Some(mailbox) => format!("{mailbox} answers in {milliseconds} ms, login included"),
        None => "it answers, and has no mailbox".to_owned(),
    })
}

async fn load(config: &Config, name: &str) -> Result<Arc<dyn MailStore>, Failure> {
    let Some(store) = config.stores.get(name) else {
        let known = config.stores.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(Failure::misuse(format!("no store `{name}` is configured; known are {known}")));
    };
    host(config)?.load(name, store).await.map_err(|error| Failure::misuse(chain(&error)))
}
