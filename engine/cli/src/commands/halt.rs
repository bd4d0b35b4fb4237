//! `clawback halt` and `clawback unhalt`: the kill switch of the site, and the notes on it that other commands print.

use clawback_action_center::json::{HaltJson, HaltedJson, MeJson};
use clawback_model::{Halt, Status, visible};
use clawback_runtime::Site;

use crate::args::{Format, Global, HaltArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;
use crate::output;

pub(crate) async fn halt(global: &Global, args: HaltArgs) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::None).await?;
    let MeJson { name: who, .. } = client.get(&["me"], &[]).await?;
    let halted: HaltedJson = client.post(&["halt"], &[], &HaltJson { reason: args.reason.clone() }).await?;
    let standing = halted.halt().ok_or_else(|| Failure::failed("the server does not say who halted it"))?;
    print(global, Some(&standing), &format!("the site is {}", visible(&standing.to_string())))?;
    if standing.by != who || standing.reason != args.reason {
        output::note("the site was halted before; that halt remains");
    }
    output::note("running remediations end the call they are in, and keep what they did");
    output::note("next: clawback unhalt; held remediations then continue");
    Ok(Exit::Done)
}

pub(crate) async fn unhalt(global: &Global) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::None).await?;
    let stood = client.delete::<HaltedJson>(&["halt"]).await?.halt();
    let said = match stood {
        Some(halt) => format!("the site goes on; it was {}", visible(&halt.to_string())),
        None => "the site was not halted".to_owned(),
    };
    print(global, None, &said)?;
    Ok(Exit::Done)
}

/// Notes that the site is halted, or that the halt is lifted, unless that is `known`. Returns the halt.
pub(crate) async fn report(site: &Site, known: Option<Halt>) -> Result<Option<Halt>, Failure> {
    let standing = site.history.halted().await?;
    say(standing.as_ref(), known.as_ref());
    Ok(standing)
}

/// The same of a halt that the caller has read.
pub(crate) fn say(standing: Option<&Halt>, known: Option<&Halt>) {
    match (standing, known) {
        (Some(halt), known) if known != Some(halt) => {
            output::note(&format!("THE SITE IS HALTED: {}", visible(&halt.to_string())));
            output::note("nothing is planned, started or acted on; an administrator lifts the halt: clawback unhalt");
        }
        (None, Some(_)) => output::note("the halt is lifted"),
        _ => {}
    }
}

/// Why a remediation does not continue now, and when it will.
pub(crate) fn holds(halt: &Halt, id: &str, status: Status) -> String {
    let (halt, id) = (visible(&halt.to_string()), visible(id));
    format!(
        "the site is {halt}\n{id} is {status}, and goes on by itself once an administrator lifts the halt: clawback unhalt"
    )
}

fn print(global: &Global, standing: Option<&Halt>, said: &str) -> Result<(), Failure> {
    if global.format != Format::Json {
        return output::line(said);
    }
    let halt = standing
        .map(|halt| serde_json::json!({ "by": halt.by, "reason": halt.reason, "since": halt.since.to_string() }));
    output::json(&serde_json::json!({ "halted": halt }))
}
