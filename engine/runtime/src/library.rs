//! Where playbooks and scripts come from: the operator's folders, with the shipped ones as defaults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clawback_model::visible_line;
use clawback_playbooks::{Env, Playbook};
use clawback_scripting::Lists;

use crate::error::Error;

/// Longest file name of a playbook without its extension, in bytes; with it, every file system accepts the name.
const LONGEST_STEM: usize = 240;

/// Playbooks, scripts and lists as they are on disk now. They are read at every use, so that an edit needs no restart.
/// What a remediation runs is frozen: the playbook at submit, the effect of the scripts with the plan.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// Folder of playbooks (`*.yaml`).
    pub workflows: PathBuf,
    /// Folder of scripts (`*.rhai`).
    pub scripts: PathBuf,
    /// Shipped playbooks by name, used if the folder has none of that name.
    pub shipped_workflows: BTreeMap<String, String>,
    /// Shipped scripts by file name.
    pub shipped_scripts: BTreeMap<String, String>,
    /// Lists that scripts and guards read: `vips`, `secops-mailboxes`, and the operator's own.
    pub lists: Lists,
}

/// Scripts as they are on disk.
#[derive(Debug, Clone, Default)]
pub struct Scripts {
    /// Their sources, by file name.
    pub sources: BTreeMap<String, String>,
    /// Those that cannot be read (no permission, not UTF-8), by file name, with the reason.
    pub unreadable: BTreeMap<String, String>,
}

impl Library {
    /// The source text of a playbook, and the path to show in diagnostics.
    pub fn playbook_source(&self, name: &str) -> Result<(String, String), Error> {
        let stem = name.strip_suffix(".yaml").unwrap_or(name);
        // The folder is the operator's; with a path a submitter could bring rules of their own.
        if stem.contains(['/', '\\']) || stem.starts_with('.') {
            let folder = self.workflows.display().to_string();
            return Err(Error::PlaybookPath { name: name.to_owned(), folder });
        }
        // A name that no file can have is not looked up.
        let is_name = stem.len() <= LONGEST_STEM && !stem.contains(char::is_control);
        let path = self.workflows.join(format!("{stem}.yaml"));
        match is_name.then(|| clawback_files::read_policy(&path)) {
            Some(Ok(source)) => Ok((shown(&path), source)),
            Some(Err(error)) if !error.is_missing() => Err(Error::File { path: shown(&path), detail: error.reason() }),
            _ => match self.shipped_workflows.get(stem) {
                Some(source) => Ok((format!("{stem}.yaml"), source.clone())),
                None => Err(Error::UnknownPlaybook {
                    name: visible_line(name, LONGEST_STEM),
                    folder: self.workflows.display().to_string(),
                    known: self.playbook_names().join(", "),
                }),
            },
        }
    }

    /// Names of all playbooks, sorted.
    pub fn playbook_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.shipped_workflows.keys().cloned().collect();
        if let Ok(entries) = std::fs::read_dir(&self.workflows) {
            names.extend(entries.filter_map(Result::ok).filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                name.strip_suffix(".yaml").map(str::to_owned)
            }));
        }
        names.sort();
        names.dedup();
        names
    }

    /// All scripts by file name: the shipped ones, replaced by those of the folder.
    pub fn scripts(&self) -> Result<Scripts, Error> {
        let mut scripts = Scripts { sources: self.shipped_scripts.clone(), unreadable: BTreeMap::new() };
        let entries = match std::fs::read_dir(&self.scripts) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(scripts),
            Err(error) => return Err(unreadable(&self.scripts, &error)),
        };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "rhai")
                && let Some(name) = path.file_name().and_then(|name| name.to_str())
            {
                match clawback_files::read_policy(&path) {
                    Ok(source) => _ = scripts.sources.insert(name.to_owned(), source),
                    Err(error) => {
                        // The operator does not mean the shipped script of that name.
                        scripts.sources.remove(name);
                        scripts.unreadable.insert(name.to_owned(), error.reason());
                    }
                }
            }
        }
        Ok(scripts)
    }

    /// Checks a playbook. Without stores or notifiers, any names are accepted.
    pub fn check(
        &self,
        path: &str,
        source: &str,
        stores: Option<Vec<String>>,
        notifiers: Option<Vec<String>>,
        limits: clawback_model::Limits,
    ) -> Result<Playbook, Error> {
        let env = Env { stores, notifiers, ..self.env(limits)? };
        Ok(Playbook::load(path, source, &env)?)
    }

    /// What a playbook is checked against if any stores and notifiers are accepted.
    pub fn env(&self, limits: clawback_model::Limits) -> Result<Env, Error> {
        let Scripts { sources: scripts, unreadable } = self.scripts()?;
        Ok(Env { scripts, unreadable, limits, lists: self.lists.clone(), ..Env::default() })
    }
}

/// A file's name and folder, as errors show it: a user who may run playbooks need not know the whole path.
fn shown(path: &Path) -> String {
    let mut names: Vec<_> = path.iter().rev().take(2).map(|name| name.to_string_lossy()).collect();
    names.reverse();
    names.join("/")
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::File { path: path.display().to_string(), detail: error.to_string() }
}
