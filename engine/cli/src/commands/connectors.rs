//! `clawback connectors`: lists connectors, describes stores, and checks whether they answer.

pub(crate) mod conformance;
mod readiness;
pub(crate) mod scaffold;

use std::sync::Arc;

use clawback_action_center::json::{ConnectorJson, StoreCheckJson, StoreJson};
use clawback_connectors::{ConnectorChoice, ConnectorInfo, MailStore, StoreConfig, Which};

pub(crate) use self::readiness::Looked;
use crate::args::{Format, Global};
use crate::client::Client;
use crate::config::Config;
use crate::failure::{Exit, Failure, chain, clean};
use crate::open::{Session, Stores, host};
use crate::output;
use crate::table::Shape;
use crate::tables::Connectors;

pub(crate) async fn list(global: &Global, shape: &Shape<Connectors>) -> Result<Exit, Failure> {
    let items: Vec<ConnectorJson> = match Client::of_server(global)? {
        Some(server) => server.get(&["connectors"], &[]).await?,
        None => built_in(&Config::find(global.config.as_deref()).unwrap_or_default()).await?,
    };
    shape.print(global.format, &items, None)?;
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
    let known = if let Some(server) = Client::of_server(global)? {
        server.get(&["stores", name], &[]).await?
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
        ("search fields", known.search_fields.join(", ")),
        ("largest batch", known.largest_batch.to_string()),
        ("calls at once", format!("{}, {} for each mailbox", known.calls, known.calls_per_mailbox)),
    ])?;
    Ok(Exit::Done)
}

pub(crate) async fn check(
    global: &Global,
    name: Option<&str>,
    all: bool,
    mailboxes: Vec<String>,
) -> Result<Exit, Failure> {
    let which = match (all, mailboxes.is_empty()) {
        (true, _) => Which::All,
        (false, true) => Which::Sample,
        (false, false) => Which::Named(mailboxes),
    };
    let looked = match Client::of_server(global)? {
        Some(server) => check_there(&server, name, &which).await?,
        None => check_here(global, name, &which).await?,
    };
    if looked.is_empty() {
        return Err(Failure::misuse("no store is configured").hint("describe one under [stores.NAME] in clawback.toml"));
    }
    let exit = if looked.iter().all(Looked::is_well) { Exit::Done } else { Exit::Failed };
    if global.format == Format::Table {
        for store in &looked {
            output::line(&store.line())?;
            store.details().iter().try_for_each(|line| output::line(line))?;
            store.problems().iter().for_each(|problem| output::note(problem));
        }
        return Ok(exit);
    }
    let columns = ["store", "mailbox", "milliseconds", "problem", "action", "obstacle", "creates", "visible"];
    if global.format == Format::Csv {
        let rows: Vec<_> = looked.iter().flat_map(Looked::rows).collect();
        output::csv(columns, rows)?;
    } else {
        output::json(&serde_json::json!({ "items": looked, "next": null }))?;
    }
    Ok(exit)
}

async fn check_here(global: &Global, name: Option<&str>, which: &Which) -> Result<Vec<Looked>, Failure> {
    // The check logs in with the site's credentials.
    let session = Session::open(global, Stores::None).await?;
    session.api.may_work(&session.who)?;
    let config = Config::find(global.config.as_deref())?;
    let names = name.map_or_else(|| config.stores.keys().cloned().collect(), |name| vec![name.to_owned()]);
    let mut looked = Vec::new();
    for name in names {
        looked.push(look(&config, &name, which).await);
    }
    Ok(looked)
}

async fn check_there(server: &Client, name: Option<&str>, which: &Which) -> Result<Vec<Looked>, Failure> {
    if *which != Which::Sample {
        let said = "a server checks the first mailbox of each store";
        return Err(Failure::misuse(said).hint("`--all` and `--mailbox` are for the machine of the site"));
    }
    let names = match name {
        Some(name) => vec![name.to_owned()],
        None => server.get::<Vec<StoreJson>>(&["stores"], &[]).await?.into_iter().map(|store| store.store).collect(),
    };
    let mut looked = Vec::new();
    for name in names {
        let seen: StoreCheckJson = server.act(&["stores", &name, "check"]).await?;
        looked.push(match seen.problem {
            Some(problem) => Looked::failed(&name, &Failure::failed(clean(&problem))),
            None => Looked::at_one(&name, seen.mailbox, seen.milliseconds.unwrap_or_default()),
        });
    }
    Ok(looked)
}

/// Logs in to mailboxes of one store, and reports what it finds.
pub(crate) async fn look(config: &Config, name: &str, which: &Which) -> Looked {
    let store = match load(config, name).await {
        Ok(store) => store,
        Err(failure) => return Looked::failed(name, &failure),
    };
    match clawback_connectors::survey(&*store, which).await {
        Ok(survey) => Looked::of(name, survey),
        Err(error) => Looked::failed(name, &Failure::failed(chain(&error))),
    }
}

async fn load(config: &Config, name: &str) -> Result<Arc<dyn MailStore>, Failure> {
    load_as(config, name, configured(config, name)?).await
}

fn configured<'a>(config: &'a Config, name: &str) -> Result<&'a StoreConfig, Failure> {
    config.stores.get(name).ok_or_else(|| {
        let known = config.stores.keys().cloned().collect::<Vec<_>>().join(", ");
        Failure::misuse(format!("no store `{name}` is configured; known are {known}"))
    })
}

async fn load_as(config: &Config, name: &str, store: &StoreConfig) -> Result<Arc<dyn MailStore>, Failure> {
    host(config)?.load(name, store).await.map_err(|error| Failure::misuse(chain(&error)))
}
