//! `clawback retention`: removes messages as the retention policy allows.

use std::time::Duration;

use crate::args::{Format, Global, RetentionCommand};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;

pub(crate) async fn run(global: &Global, command: RetentionCommand) -> Result<Exit, Failure> {
    let RetentionCommand::Run { dry_run } = command;
    let config = Config::find(global.config.as_deref())?;
    let Some(days) = config.retention.messages else {
        return Err(Failure::misuse("everything is kept for ever: the configuration has no retention").hint(
            "`messages = 730` under [retention] lets the messages of remediations go two years after these ended",
        ));
    };
    let session = Session::open(global, Stores::None).await?;
    let age = Duration::from_hours(u64::from(days) * 24);
    let tell = |one: &clawback_store::Expired| {
        let verb = if dry_run { "would remove" } else { "removing" };
        if !global.quiet {
            output::note(&format!("{verb} {} messages of {}, ended {}", one.messages, one.id, one.ended_at));
        }
    };
    let forgotten = session.api.forget(&session.who, age, dry_run, tell).await?;
    if global.format == Format::Json {
        output::json(&serde_json::json!({
            "dry_run": dry_run, "remediations": forgotten.remediations, "messages": forgotten.messages,
        }))?;
    } else {
        let verb = if dry_run { "would be removed" } else { "removed" };
        output::line(&format!("{} messages of {} remediations {verb}", forgotten.messages, forgotten.remediations))?;
    }
    Ok(Exit::Done)
}
