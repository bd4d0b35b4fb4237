//! `clawback playbooks`: lists and shows playbooks.

use clawback_action_center::json::{InputJson, PlaybookJson};
use serde::Serialize;

use super::check::Desk;
use crate::args::{Format, Global, PlaybooksCommand};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::table::{Column, Shape, Table, text, whole};

/// A playbook of the list; one with mistakes has only a name.
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
    let desk = Desk::open(global)?;
    match command {
        PlaybooksCommand::List => {
            let mut items = Vec::new();
            for name in desk.names().await? {
                let found = desk.playbook(&name).await;
                items.push(LineJson::new(name, found)?);
            }
            Shape::<Playbooks>::default().print(global.format, &items, None)?;
        }
        PlaybooksCommand::Show { name } => print(global, &desk.playbook(&name).await?)?,
    }
    Ok(Exit::Done)
}

fn print(global: &Global, found: &PlaybookJson) -> Result<(), Failure> {
    if global.format == Format::Json {
        return output::json(found);
    }
    output::line(&crate::failure::clean(&found.source))
}
