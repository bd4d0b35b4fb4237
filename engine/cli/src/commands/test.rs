//! `clawback test`: runs the cases of playbooks and scripts.

use clawback_playbooks::CaseError;
use clawback_runtime::CaseRun;
use serde::Serialize;

use crate::args::{Format, Global, TestArgs};
use crate::config::Config;
use crate::failure::{Exit, Failure, clean};
use crate::open::library;
use crate::output;

#[derive(Serialize)]
struct CaseJson {
    path: String,
    of: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<String>,
}

impl From<CaseRun> for CaseJson {
    fn from(run: CaseRun) -> Self {
        let (ok, error, difference) = match run.result {
            Ok(()) => (true, None, None),
            Err(CaseError::Broken(why)) => (false, Some(why), None),
            Err(other) => (false, None, Some(other.to_string())),
        };
        Self { path: run.path.display().to_string(), of: run.of, ok, error, difference }
    }
}

pub(crate) fn run(global: &Global, args: &TestArgs) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let library = library(&config)?;
    let runs = library.run_cases(&args.paths, config.limits)?;
    if runs.is_empty() {
        let folders = [&library.workflows, &library.scripts].map(|folder| folder.display().to_string());
        let places: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
        let places = if places.is_empty() { folders.join(" and ") } else { places.join(" and ") };
        return Err(Failure::failed(format!("there is no case in {places}")).hint(
            "a case is a file NAME.cases/CASE.toml in the folder of NAME.yaml or NAME.rhai; `clawback record NAME` makes one",
        ));
    }
    let cases: Vec<CaseJson> = runs.into_iter().map(CaseJson::from).collect();
    let failed = cases.iter().filter(|case| !case.ok).count();
    let passed = cases.len() - failed;
    match global.format {
        Format::Json => {
            output::json(&serde_json::json!({ "cases": cases, "passed": passed, "failed": failed }))?;
        }
        Format::Csv => {
            let row = |case: &CaseJson| [case.path.clone(), case.of.clone(), case.ok.to_string()];
            output::csv(["case", "of", "ok"], cases.iter().map(row))?;
        }
        _ => {
            for case in &cases {
                output::line(&format!("{} {}", if case.ok { "ok    " } else { "FAILED" }, clean(&case.path)))?;
                for text in case.error.iter().chain(&case.difference) {
                    for line in clean(text).lines() {
                        output::line(&format!("       {line}"))?;
                    }
                }
            }
            output::line(&format!("{passed} passed, {failed} failed"))?;
        }
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}
