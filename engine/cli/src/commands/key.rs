//! `clawback key`: the key that checkpoints of the history are signed with.

use clawback_runtime::SiteKey;

use crate::args::{Global, KeyCommand};
use crate::config::Config;
use crate::failure::{Exit, Failure, chain};
use crate::open::{random, site_key, write_secret};
use crate::output;

pub(crate) fn run(global: &Global, command: KeyCommand) -> Result<Exit, Failure> {
    let config = Config::find(global.config.as_deref())?;
    let key = match command {
        KeyCommand::Show => site_key(&config)?,
        KeyCommand::Make { name } => make(&config, name)?,
    };
    output::line(&key.public().to_string())?;
    output::note("give this key to those who keep checkpoints, over another channel than the checkpoints");
    Ok(Exit::Done)
}

/// Makes the key. Refuses to replace one: its checkpoints could no longer be checked.
pub(crate) fn make(config: &Config, name: Option<String>) -> Result<SiteKey, Failure> {
    let name = name.unwrap_or_else(|| format!("clawback-{:016x}", random()));
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Failure::failed(format!("no random numbers: {error}")))?;
    let (key, kept) = SiteKey::generate(&name, &seed).map_err(|error| Failure::misuse(chain(&error)))?;
    write_secret(&config.resolve(&config.key_file), &kept)?;
    Ok(key)
}
