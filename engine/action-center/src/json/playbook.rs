//! Playbooks, and the mistakes in them.

use std::borrow::Cow;

use clawback_playbooks::{Diagnostics, Input, Playbook};
use clawback_runtime::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A playbook with its text.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of a playbook")]
pub struct PlaybookJson {
    pub name: String,
    pub description: String,
    pub severity: Cow<'static, str>,
    /// The action on messages; null if an input gives it.
    pub action: Option<String>,
    /// What starts it: `manual`, `suggestion`, `report`, `schedule`.
    pub triggers: Vec<String>,
    pub inputs: Vec<InputJson>,
    pub digest: String,
    pub source: String,
}

/// An input of a playbook.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of a playbook")]
pub struct InputJson {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub required: bool,
    pub description: String,
}

impl From<&Playbook> for PlaybookJson {
    fn from(playbook: &Playbook) -> Self {
        Self {
            name: playbook.name().to_owned(),
            description: playbook.description().to_owned(),
            severity: playbook.severity().as_str().into(),
            action: playbook.action().map(|action| action.to_string()),
            triggers: triggers(playbook),
            inputs: playbook.inputs().iter().map(InputJson::from).collect(),
            digest: playbook.digest().to_string(),
            source: playbook.source().to_owned(),
        }
    }
}

impl From<&Input> for InputJson {
    fn from(input: &Input) -> Self {
        Self {
            name: input.name.clone(),
            kind: input.kind.to_string(),
            required: input.required,
            description: input.description.clone(),
        }
    }
}

fn triggers(playbook: &Playbook) -> Vec<String> {
    let triggers = playbook.triggers();
    let by = [
        ("manual", triggers.manual),
        ("suggestion", !triggers.suggestion.is_empty()),
        ("report", triggers.report),
        ("schedule", triggers.schedule.is_some()),
    ];
    by.into_iter().filter(|(_, starts)| *starts).map(|(name, _)| name.to_owned()).collect()
}

/// A playbook that is to be checked.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckJson {
    /// Its name.
    #[schema(max_length = 200)]
    pub name: String,
    /// Its text, at most 64 KiB, if the site does not have the playbook, or has another version. Default: the site's
    /// own.
    #[serde(default)]
    pub source: Option<String>,
}

/// The result of a check of a playbook.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct CheckedJson {
    /// Whether it has no mistakes.
    pub ok: bool,
    /// Every mistake: code, file, line, column, message, hint.
    pub diagnostics: Vec<serde_json::Value>,
    /// The same for people: each with the lines around it.
    pub text: String,
}

impl CheckedJson {
    /// The result of a check; `text` formats the mistakes for people. An error that is no mistake in the playbook is
    /// returned as one.
    pub fn new(checked: Result<Playbook, Error>, text: impl Fn(&Diagnostics) -> String) -> Result<Self, Error> {
        match checked {
            Ok(_) => Ok(Self { ok: true, ..Self::default() }),
            Err(Error::Playbook(found)) => {
                let diagnostics = match found.to_json() {
                    serde_json::Value::Array(diagnostics) => diagnostics,
                    _ => Vec::new(),
                };
                Ok(Self { ok: false, diagnostics, text: text(&found) })
            }
            Err(error) => Err(error),
        }
    }
}
