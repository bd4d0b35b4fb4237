//! `clawback doctor`: tests the deployment and says what to do.

use crate::args::Global;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores, site};
use crate::output;

pub(crate) async fn run(global: &Global) -> Result<Exit, Failure> {
    let mut all_well = true;
    let mut report = |name: &str, result: Result<String, Failure>| -> Result<(), Failure> {
        match result {
            Ok(said) => output::line(&format!("ok     {name}: {said}")),
            Err(failure) => {
                all_well = false;
                output::line(&format!("WRONG  {name}\n{}", failure.render()))
            }
        }
    };
    let config = Config::find(global.config.as_deref())?;
    report("configuration", Ok(config.folder.join("clawback.toml").display().to_string()))?;
    match site(&config, Stores::None).await {
        Err(failure) => report("database", Err(failure))?,
        Ok(site) => {
            report("database", Ok(config.database_shown()))?;
            let verified = site.history.verify(None, |_| {}).await;
            let said = verified.map(|verified| format!("{} events, unbroken", verified.events));
            report("history", said.map_err(|broken| Failure::failed(crate::failure::chain(&broken))))?;
            let halt = site.history.halted().await?;
            let halted = halt.map_or(Ok("not thrown".to_owned()), |halt| {
                let said = format!("the site is {}", clawback_model::visible(&halt.to_string()));
                Err(Failure::failed(said).hint("`clawback unhalt` lets it go on"))
            });
            report("kill switch", halted)?;
            let names = site.library.playbook_names();
            for name in &names {
                let checked = site.library.playbook_source(name).and_then(|(path, source)| {
                    let stores = Some(config.stores.keys().cloned().collect());
                    let notifiers = Some(config.notifiers.keys().cloned().collect());
                    site.library.check(&path, &source, stores, notifiers, site.limits)
                });
                if let Err(error) = checked {
                    report(&format!("playbook {name}"), Err(error.into()))?;
                }
            }
            report("playbooks", Ok(names.join(", ")))?;
        }
    }
    let identity = Session::open(global, Stores::None).await;
    let known = identity.is_ok();
    report("token", identity.map(|session| format!("you are {}", session.who.name)))?;
    if config.stores.is_empty() {
        report(
            "stores",
            Err(Failure::misuse("none is configured").hint("describe one under [stores.NAME] in clawback.toml")),
        )?;
    }
    // Without a token nobody logs in to anything with the site's credentials.
    for name in config.stores.keys().filter(|_| known) {
        report(&format!("store {name}"), super::connectors::probe(&config, name).await)?;
    }
    Ok(if all_well { Exit::Done } else { Exit::Failed })
}
