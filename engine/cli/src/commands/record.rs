//! `clawback record`: records what a playbook finds now as a case, with other names.

use std::io::Write as _;
use std::path::PathBuf;

use clawback_model::{ActionSource, SelectionMode};
use clawback_playbooks::Recording;
use clawback_runtime::Submission;

use crate::args::{Format, Global, RecordArgs};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores, random};
use crate::{output, progress};

pub(crate) async fn run(global: &Global, args: RecordArgs) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let path = place(&config, &args)?;
    let session = Session::open(global, Stores::All).await?;
    let submission = Submission {
        playbook: args.playbook.clone(),
        inputs: args.inputs.into_iter().collect(),
        name: None,
        severity: None,
        description: None,
        source: ActionSource::Manual,
        agent: None,
        mode: SelectionMode::Query,
        picked: Vec::new(),
    };
    let inputs = submission.inputs.clone();
    let found = {
        let (observer, _cleared) = progress::bar(global.quiet || global.format != Format::Table);
        session.api.look(&session.who, submission, args.most, &observer).await?
    };
    let site = session.site();
    let env = site.library.env(site.limits)?;
    let mut key = [0; 32];
    for part in key.chunks_mut(8) {
        part.copy_from_slice(&random().to_be_bytes());
    }
    let recording = Recording {
        bound: &found.bound,
        inputs: &inputs,
        messages: &found.messages,
        lists: &config.lists,
        key,
        with_subjects: args.with_subjects,
    };
    let recorded = recording.write(&env).map_err(|error| Failure::failed(crate::failure::chain(&error)))?;
    if let Some(folder) = path.parent() {
        clawback_files::create_folder(folder)?;
    }
    clawback_files::create(&path)?.write_all(recorded.text.as_bytes())?;
    for gap in found.facts.not_looked_at() {
        output::note(&format!("not looked at: {}", clawback_model::visible(&gap)));
    }
    if found.stopped {
        output::note(&format!("the search stopped at {} messages; --most takes more", found.messages.len()));
    }
    if recorded.judged_otherwise > 0 {
        output::note(&format!(
            "{} of {} messages are judged otherwise in the case: conditions on what was left out or replaced do not hold there{}",
            recorded.judged_otherwise,
            found.messages.len(),
            if args.with_subjects { "" } else { "; --with-subjects keeps subjects, names and values" }
        ));
    }
    let shown = path.display().to_string();
    if global.format == Format::Table {
        output::line(&format!("{shown}: {} messages", found.messages.len()))?;
        output::note(&format!("`clawback test {shown}` runs it"));
    } else {
        output::json(&serde_json::json!({
            "path": shown, "messages": found.messages.len(), "judged_otherwise": recorded.judged_otherwise,
            "stopped": found.stopped,
        }))?;
    }
    Ok(Exit::Done)
}

/// The file of the case. Fails if it exists, or if its name is a path.
fn place(config: &Config, args: &RecordArgs) -> Result<PathBuf, Failure> {
    let is_plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
    let stem = args.playbook.strip_suffix(".yaml").unwrap_or(&args.playbook);
    if !is_plain(stem) || !is_plain(&args.case) {
        return Err(Failure::misuse("the names of a playbook and of a case are names of files, not paths")
            .hint("`clawback playbooks list` shows the playbooks; --case names the case"));
    }
    let path = config.resolve(&config.workflows).join(format!("{stem}.cases")).join(format!("{}.toml", args.case));
    if path.exists() {
        return Err(Failure::misuse(format!("{} exists", path.display())).hint("--case gives the case another name"));
    }
    Ok(path)
}
