//! `clawback check`: every mistake at once.

use clawback_action_center::json::{CheckJson, CheckedJson};
use clawback_runtime::Library;

use crate::args::{CheckArgs, Format, Global};
use crate::config::Config;
use crate::failure::{Exit, Failure, clean, diagnostics};
use crate::open::{check, library};
use crate::output;
use crate::remote::Remote;

pub(crate) async fn run(global: &Global, args: CheckArgs) -> Result<Exit, Failure> {
    let desk = match Remote::of(global)? {
        Some(remote) => Desk::There(remote),
        None => Desk::here(global)?,
    };
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

/// Whose scripts, stores and limits they are checked against: those of this machine, or of a server.
enum Desk {
    Here(Box<(Library, Config)>),
    There(Remote),
}

impl Desk {
    fn here(global: &Global) -> Result<Self, Failure> {
        let config = Config::find(global.config.as_deref())?;
        Ok(Self::Here(Box::new((library(&config)?, config))))
    }

    async fn names(&self) -> Result<Vec<String>, Failure> {
        match self {
            Self::Here(here) => Ok(here.0.playbook_names()),
            Self::There(remote) => remote.get(&["playbooks"], &[]).await,
        }
    }

    /// A name in the folder of playbooks, or a file anywhere: checking one runs nothing.
    async fn check(&self, name: &str) -> Result<CheckedJson, Failure> {
        let file = if name.contains('/') { Some(read(name)?) } else { None };
        match self {
            Self::There(remote) => {
                let checked: CheckedJson =
                    remote.post(&["checks"], &[], &CheckJson { name: name.to_owned(), source: file }, None).await?;
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
