//! `clawback playbooks`: what can be run.

use clawback_action_center::json::{InputJson, PlaybookJson};
use clawback_playbooks::Playbook;
use clawback_runtime::Library;
use serde::Serialize;

use crate::args::{Format, Global, PlaybooksCommand};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{check, library};
use crate::output;
use crate::remote::Remote;
use crate::table::{Column, Shape, Table, text, whole};

/// A playbook of the list; one with mistakes has a name and nothing else.
#[derive(Serialize)]
struct LineJson {
    name: String,
    ok: bool,
    description: String,
    triggers: Vec<String>,
    inputs: Vec<InputJson>,
}

impl LineJson {
    fn new(name: String, found: Result<PlaybookJson, Failure>) -> Result<Self, Failure> {
        match found {
            Ok(PlaybookJson { description, triggers, inputs, .. }) => {
                Ok(Self { name, ok: true, description, triggers, inputs })
            }
            Err(failure) if failure.exit == Exit::Misuse => {
                Ok(Self { name, ok: false, description: String::new(), triggers: Vec::new(), inputs: Vec::new() })
            }
            Err(failure) => Err(failure),
        }
    }
}

fn inputs(item: &LineJson) -> String {
    let input = |input: &InputJson| if input.required { input.name.clone() } else { format!("[{}]", input.name) };
    item.inputs.iter().map(input).collect::<Vec<_>>().join(", ")
}

fn description(item: &LineJson) -> String {
    if item.ok { item.description.clone() } else { format!("(has mistakes: clawback check {})", item.name) }
}

struct Playbooks;

impl Table for Playbooks {
    type Row = LineJson;
    const COLUMNS: &'static [Column<LineJson>] = &[
        whole("name", |item| item.name.clone()),
        text("started_by", |item| item.triggers.join(", ")),
        text("inputs", inputs),
        text("description", description),
    ];
}

pub(crate) async fn run(global: &Global, command: PlaybooksCommand) -> Result<Exit, Failure> {
    match command {
        PlaybooksCommand::List => {
            let mut items = Vec::new();
            if let Some(remote) = Remote::of(global)? {
                for name in remote.get::<Vec<String>>(&["playbooks"], &[]).await? {
                    let found = remote.get(&["playbooks", &name], &[]).await;
                    items.push(LineJson::new(name, found)?);
                }
            } else {
                let here = Here::open(global)?;
                for name in here.library.playbook_names() {
                    let found = here.check(&name).map(|playbook| PlaybookJson::from(&playbook));
                    items.push(LineJson::new(name, found)?);
                }
            }
            Shape::<Playbooks>::default().print(global.format, &items, None)?;
        }
        PlaybooksCommand::Show { name } => {
            let found: PlaybookJson = match Remote::of(global)? {
                Some(remote) => remote.get(&["playbooks", &name], &[]).await?,
                None => (&Here::open(global)?.check(&name)?).into(),
            };
            print(global, &found)?;
        }
    }
    Ok(Exit::Done)
}

/// The playbooks of this machine. Asks for no token: whoever can read the configuration can read the playbooks.
struct Here {
    library: Library,
    config: Config,
}

impl Here {
    fn open(global: &Global) -> Result<Self, Failure> {
        let config = Config::find(global.config.as_deref())?;
        Ok(Self { library: library(&config)?, config })
    }

    fn check(&self, name: &str) -> Result<Playbook, Failure> {
        let (path, source) = self.library.playbook_source(name)?;
        Ok(check(&self.library, &self.config, &path, &source)?)
    }
}

fn print(global: &Global, found: &PlaybookJson) -> Result<(), Failure> {
    if global.format == Format::Json {
        return output::json(found);
    }
    output::line(&crate::failure::clean(&found.source))
}
