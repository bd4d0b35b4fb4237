//! `clawback connectors`: what is built in, what a store can do, and whether it answers.

use std::sync::Arc;

use clawback_action_center::json::{ConnectorJson, StoreCheckJson, StoreJson};
use clawback_connectors::{ConnectorChoice, ConnectorInfo, MailStore, StoreConfig};

use crate::args::{Format, Global};
use crate::config::Config;
use crate::failure::{Exit, Failure, chain, clean};
use crate::open::{Session, Stores, host};
use crate::output;
use crate::remote::Remote;

pub(crate) async fn list(global: &Global) -> Result<Exit, Failure> {
    let items: Vec<ConnectorJson> = match Remote::of(global)? {
        Some(remote) => remote.get(&["connectors"], &[]).await?,
        None => built_in(&Config::find(global.config.as_deref()).unwrap_or_default()).await?,
    };
    output::rows(global.format, &["connector", "version", "sha256", "imports", "stores"], &items, None, |item| {
        let names = [&item.connector, &item.version, &item.sha256].map(Clone::clone);
        [names.to_vec(), vec![item.imports.join(" "), item.stores.join(" ")]].concat()
    })?;
    Ok(Exit::Done)
}

async fn built_in(config: &Config) -> Result<Vec<ConnectorJson>, Failure> {
    let built_in = host(config)?.builtin_connectors().await.map_err(|error| Failure::failed(chain(&error)))?;
    let item = |connector: ConnectorInfo| {
        let uses = |store: &StoreConfig| store.connector == ConnectorChoice::Named(connector.name.clone());
        let stores = config.stores.iter().filter(|(_, store)| uses(store)).map(|(name, _)| name.clone()).collect();
        ConnectorJson::new(connector, stores)
    };
    Ok(built_in.into_iter().map(item).collect())
}

pub(crate) async fn describe(global: &Global, name: &str) -> Result<Exit, Failure> {
    let known = if let Some(remote) = Remote::of(global)? {
        remote.get(&["stores", name], &[]).await?
    } else {
        let config = Config::find(global.config.as_deref())?;
        StoreJson::new(name, load(&config, name).await?.capabilities())
    };
    if global.format == Format::Json {
        output::json(&known)?;
        return Ok(Exit::Done);
    }
    output::fields(&[
        ("store", known.store),
        ("connector", format!("{} {}", known.connector, known.version)),
        ("sha256", known.sha256),
        ("actions", known.actions.join(", ")),
        ("searches by itself", known.search_fields.join(", ")),
        ("largest batch", known.largest_batch.to_string()),
        ("calls at once", format!("{}, {} for each mailbox", known.calls, known.calls_per_mailbox)),
    ])?;
    Ok(Exit::Done)
}

pub(crate) async fn check(global: &Global, name: Option<&str>) -> Result<Exit, Failure> {
    let checked = match Remote::of(global)? {
        Some(remote) => check_there(&remote, name).await?,
        None => check_here(global, name).await?,
    };
    if checked.is_empty() {
        return Err(Failure::misuse("no store is configured").hint("describe one under [stores.NAME] in clawback.toml"));
    }
    let mut exit = Exit::Done;
    for (name, seen) in checked {
        match seen {
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

type Checked = Vec<(String, Result<String, Failure>)>;

async fn check_here(global: &Global, name: Option<&str>) -> Result<Checked, Failure> {
    // It logs in with the site's credentials.
    let session = Session::open(global, Stores::None).await?;
    session.api.may_work(&session.who)?;
    let config = Config::find(global.config.as_deref())?;
    let names = name.map_or_else(|| config.stores.keys().cloned().collect(), |name| vec![name.to_owned()]);
    let mut checked = Vec::new();
    for name in names {
        let seen = probe(&config, &name).await;
        checked.push((name, seen));
    }
    Ok(checked)
}

async fn check_there(remote: &Remote, name: Option<&str>) -> Result<Checked, Failure> {
    let names = match name {
        Some(name) => vec![name.to_owned()],
        None => remote.get::<Vec<StoreJson>>(&["stores"], &[]).await?.into_iter().map(|store| store.store).collect(),
    };
    let mut checked = Vec::new();
    for name in names {
        let seen: StoreCheckJson = remote.act(&["stores", &name, "check"]).await?;
        let said = match seen.problem {
            Some(problem) => Err(Failure::failed(clean(&problem))),
            None => Ok(in_words(seen.mailbox.as_deref(), seen.milliseconds.unwrap_or_default())),
        };
        checked.push((name, said));
    }
    Ok(checked)
}

/// Logs in to the first mailbox and looks.
pub(crate) async fn probe(config: &Config, name: &str) -> Result<String, Failure> {
    let store = load(config, name).await?;
    let seen = clawback_connectors::check(&*store).await.map_err(|error| Failure::failed(chain(&error)))?;
    Ok(in_words(seen.mailbox.as_deref(), u64::try_from(seen.took.as_millis()).unwrap_or(u64::MAX)))
}

fn in_words(mailbox: Option<&str>, milliseconds: u64) -> String {
    match mailbox {
        Some(mailbox) => format!("{mailbox} answers in {milliseconds} ms, login included"),
        None => "it answers, and has no mailbox".to_owned(),
    }
}

async fn load(config: &Config, name: &str) -> Result<Arc<dyn MailStore>, Failure> {
    let Some(store) = config.stores.get(name) else {
        let known = config.stores.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(Failure::misuse(format!("no store `{name}` is configured; known are {known}")));
    };
    host(config)?.load(name, store).await.map_err(|error| Failure::misuse(chain(&error)))
}
