//! Cases of playbooks and scripts: `NAME.cases/*.toml` in the folder of `NAME.yaml` or `NAME.rhai`.

use std::path::{Path, PathBuf};

use clawback_model::Limits;
use clawback_playbooks::{CaseError, Env, PlaybookCase, ScriptCase};
use clawback_scripting::Lists;

use crate::error::Error;
use crate::library::{Library, unreadable};

/// A case that was run.
#[derive(Debug)]
pub struct CaseRun {
    /// Its file.
    pub path: PathBuf,
    /// The file name of the playbook or script.
    pub of: String,
    /// Whether it passed, and why not.
    pub result: Result<(), CaseError>,
}

/// What a case tests: the name of the file, and its text.
enum Subject {
    Playbook(String, String),
    Script(String, String),
}

impl Library {
    /// Runs the cases at these places: a case, a folder of cases, a playbook or script that has a folder of cases, or a
    /// folder of any of these. Without places: the folders of playbooks and of scripts.
    pub fn run_cases(&self, places: &[PathBuf], limits: Limits) -> Result<Vec<CaseRun>, Error> {
        let own = [&self.workflows, &self.scripts].map(Clone::clone);
        let mut files = Vec::new();
        for place in if places.is_empty() { &own[..] } else { places } {
            // A site need not have both folders.
            if !places.is_empty() || place.exists() {
                files.extend(found(place)?);
            }
        }
        files.sort();
        files.dedup();
        // A case has lists of its own.
        let env = Env { lists: Lists::default(), ..self.env(limits)? };
        files.into_iter().map(|path| self.run_case(path, &env)).collect()
    }

    fn run_case(&self, path: PathBuf, env: &Env) -> Result<CaseRun, Error> {
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        let stem = folder.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (of, result) = match self.subject(&folder.with_file_name(&stem), &stem)? {
            Some(Subject::Playbook(name, source)) => {
                let result = PlaybookCase::parse(&text).and_then(|case| case.run(&name, &source, env));
                (name, result)
            }
            Some(Subject::Script(name, source)) => {
                let result = ScriptCase::parse(&text).and_then(|case| case.run(&name, &source));
                (name, result)
            }
            None => {
                let why = format!("neither {stem}.yaml nor {stem}.rhai is in the folder of {}", folder.display());
                (stem, Err(CaseError::Broken(why)))
            }
        };
        Ok(CaseRun { path, of, result })
    }

    /// The playbook or script in the folder that holds the folder of cases; else the shipped one of that name.
    fn subject(&self, beside: &Path, stem: &str) -> Result<Option<Subject>, Error> {
        let (playbook, script) = (format!("{stem}.yaml"), format!("{stem}.rhai"));
        if let Some(source) = read(&beside.with_file_name(&playbook))? {
            return Ok(Some(Subject::Playbook(playbook, source)));
        }
        if let Some(source) = read(&beside.with_file_name(&script))? {
            return Ok(Some(Subject::Script(script, source)));
        }
        let shipped = self.shipped_workflows.get(stem).map(|source| Subject::Playbook(playbook, source.clone()));
        Ok(shipped.or_else(|| Some(Subject::Script(script.clone(), self.shipped_scripts.get(&script)?.clone()))))
    }
}

/// The text of a file; `None` if there is no such file.
fn read(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// The files of cases at one place.
fn found(place: &Path) -> Result<Vec<PathBuf>, Error> {
    let ends = |path: &Path, ending: &str| path.extension().is_some_and(|known| known == ending);
    if ends(place, "yaml") || ends(place, "rhai") {
        let cases = place.with_extension("cases");
        return if cases.is_dir() { found(&cases) } else { Ok(Vec::new()) };
    }
    if !place.is_dir() {
        // Returned whatever its name is: reading it reports whether it exists.
        return Ok(vec![place.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(place).map_err(|error| unreadable(place, &error))? {
        let path = entry.map_err(|error| unreadable(place, &error))?.path();
        if ends(place, "cases") {
            files.extend(Some(path).filter(|path| ends(path, "toml")));
        } else if ends(&path, "cases") && path.is_dir() {
            files.extend(found(&path)?);
        }
    }
    Ok(files)
}
