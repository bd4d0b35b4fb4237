//! `clawback playbooks`: what can be run.

use clawback_action_center::json::PlaybookJson;
use clawback_runtime::Api;
use serde::Serialize;

use crate::args::{Format, Global, PlaybooksCommand};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, site};
use crate::output;
use crate::remote::Remote;
use crate::table::{Column, Shape, Table, text};

#[derive(Serialize)]
struct NameJson {
    name: String,
}

struct Playbooks;

impl Table for Playbooks {
    type Row = NameJson;
    const COLUMNS: &'static [Column<NameJson>] = &[text("name", |item| item.name.clone())];
}

pub(crate) async fn run(global: &Global, command: PlaybooksCommand) -> Result<Exit, Failure> {
    match command {
        PlaybooksCommand::List => {
            let names: Vec<String> = match Remote::of(global)? {
                Some(remote) => remote.get(&["playbooks"], &[]).await?,
                None => here(global).await?.site().library.playbook_names(),
            };
            let items: Vec<NameJson> = names.into_iter().map(|name| NameJson { name }).collect();
            Shape::<Playbooks>::default().print(global.format, &items, None)?;
        }
        PlaybooksCommand::Show { name } => {
            let found: PlaybookJson = match Remote::of(global)? {
                Some(remote) => remote.get(&["playbooks", &name], &[]).await?,
                None => (&here(global).await?.check(&name)?).into(),
            };
            print(global, &found)?;
        }
    }
    Ok(Exit::Done)
}

/// Asks for no token: whoever can read the configuration can read the playbooks.
async fn here(global: &Global) -> Result<Api, Failure> {
    let config = Config::find(global.config.as_deref())?;
    Ok(Api::new(std::sync::Arc::new(site(&config, Stores::None).await?)))
}

fn print(global: &Global, found: &PlaybookJson) -> Result<(), Failure> {
    if global.format == Format::Json {
        return output::json(found);
    }
    output::line(&crate::failure::clean(&found.source))
}
