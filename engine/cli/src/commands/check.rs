//! `clawback check`: every mistake at once.

use clawback_runtime::{Error, Site};

use crate::args::{CheckArgs, Format, Global};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, site};
use crate::output;

pub(crate) async fn run(global: &Global, args: CheckArgs) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let stores = config.stores.keys().cloned().collect::<Vec<_>>();
    let notifiers = config.notifiers.keys().cloned().collect::<Vec<_>>();
    let site = site(&config, Stores::None).await?;
    let names = if args.playbooks.is_empty() { site.library.playbook_names() } else { args.playbooks };
    let mut wrong = 0;
    let mut found = Vec::new();
    for name in &names {
        let (path, source) = source(&site, name)?;
        match site.library.check(&path, &source, Some(stores.clone()), Some(notifiers.clone()), site.limits) {
            Ok(_) if global.format == Format::Table => output::line(&format!("ok     {name}"))?,
            Ok(_) => {}
            Err(Error::Playbook(diagnostics)) => {
                wrong += 1;
                if global.format == Format::Table {
                    output::line(&format!("WRONG  {name}"))?;
                    output::note(&output::diagnostics(&diagnostics));
                }
                if let serde_json::Value::Array(items) = diagnostics.to_json() {
                    found.extend(items);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    if global.format != Format::Table {
        output::json(&serde_json::json!({ "checked": names, "diagnostics": found }))?;
    }
    Ok(if wrong == 0 { Exit::Done } else { Exit::Misuse })
}

/// A name in the folder of playbooks, or a file anywhere: checking one runs nothing.
fn source(site: &Site, name: &str) -> Result<(String, String), Failure> {
    if !name.contains('/') {
        return Ok(site.library.playbook_source(name)?);
    }
    let read = std::fs::read_to_string(name);
    let source = read.map_err(|error| Failure::misuse(format!("{name} cannot be read: {error}")))?;
    Ok((name.to_owned(), source))
}
