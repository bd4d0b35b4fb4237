//! `clawback check`: reports every mistake in playbooks at once.

use clawback_action_center::json::{CheckJson, CheckedJson, PlaybookJson};
use clawback_runtime::Library;

use crate::args::{CheckArgs, Format, Global};
use crate::client::Client;
use crate::config::Config;
use crate::failure::{Exit, Failure, clean, diagnostics};
use crate::open::{check, library};
use crate::output;

pub(crate) async fn run(global: &Global, args: CheckArgs) -> Result<Exit, Failure> {
    let desk = Desk::open(global)?;
    let names = if args.playbooks.is_empty() { desk.names().await? } else { args.playbooks };
    let mut wrong = 0;
    let mut found = Vec::new();
    for name in &names {
        let checked = desk.check(name).await?;
        wrong += usize::from(!checked.ok);
        if global.format == Format::Table {
            output::line(&format!("{} {name}", if checked.ok { "ok    " } else { "WRONG " }))?;
            if !checked.ok {
                output::note(checked.text.trim_end());
            }
        }
        found.extend(checked.diagnostics);
    }
    if global.format != Format::Table {
        output::json(&serde_json::json!({ "checked": names, "diagnostics": found }))?;
    }
    Ok(if wrong == 0 { Exit::Done } else { Exit::Misuse })
}

/// Where playbooks are read, and against whose scripts, stores and limits they are checked: those of this machine, or of a server.
/// On this machine no token is needed and no history is opened: the caller can read the files.
pub(super) enum Desk {
    Here(Box<(Library, Config)>),
    There(Client),
}

impl Desk {
    pub(super) fn open(global: &Global) -> Result<Self, Failure> {
        if let Some(server) = Client::of_server(global)? {
            return Ok(Self::There(server));
        }
        let config = Config::find(global.config.as_deref())?;
        Ok(Self::Here(Box::new((library(&config)?, config))))
    }

    /// The names of all playbooks.
    pub(super) async fn names(&self) -> Result<Vec<String>, Failure> {
        match self {
            Self::Here(here) => Ok(here.0.playbook_names()),
            Self::There(server) => server.get(&["playbooks"], &[]).await,
        }
    }

    /// One playbook, checked.
    pub(super) async fn playbook(&self, name: &str) -> Result<PlaybookJson, Failure> {
        match self {
            Self::Here(here) => {
                let (library, config) = &**here;
                let (path, source) = library.playbook_source(name)?;
                Ok((&check(library, config, &path, &source)?).into())
            }
            Self::There(server) => server.get(&["playbooks", name], &[]).await,
        }
    }

    /// A name in the folder of playbooks, or a file anywhere: checking one runs nothing.
    async fn check(&self, name: &str) -> Result<CheckedJson, Failure> {
        let file = if name.contains('/') { Some(read(name)?) } else { None };
        match self {
            Self::There(server) => {
                let asked = CheckJson { name: name.to_owned(), source: file };
                let checked: CheckedJson = server.post(&["checks"], &[], &asked).await?;
                Ok(CheckedJson { text: clean(&checked.text), ..checked })
            }
            Self::Here(here) => {
                let (library, config) = &**here;
                let (path, source) = match file {
                    Some(source) => (name.to_owned(), source),
                    None => library.playbook_source(name)?,
                };
                Ok(CheckedJson::new(check(library, config, &path, &source), diagnostics)?)
            }
        }
    }
}

fn read(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::misuse(format!("{path} cannot be read: {error}")))
}
