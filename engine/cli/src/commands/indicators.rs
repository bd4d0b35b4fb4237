//! `clawback indicators` and `clawback sightings`: what others know of a threat, and where it was seen.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use clawback_action_center::json::{IndicatorFileJson, IndicatorsJson, SightingJson, SightingsJson};
use clawback_model::{
    ActionSource, Indicator, IndicatorFormat, IndicatorSighting, SelectionMode, Timestamp, stix_sightings, visible,
};
use clawback_runtime::Submission;

use super::goal::Goal;
use super::proceed;
use crate::args::{Format, Global, IndicatorsArgs, SightingsArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, any_id};
use crate::table::{Column, Shape, Table, if_room, text, time, whole, word};
use crate::{input, output};

/// Looks for the indicators of a file.
pub(crate) async fn run(global: &Global, args: IndicatorsArgs) -> Result<Exit, Failure> {
    let (dry_run, sample, leave) = (args.proposal.dry_run, args.proposal.sample, args.proposal.leave);
    let client = Client::open(global, if dry_run { Stores::All } else { Stores::unless(leave, None) }).await?;
    let found = read(&client, &args.file, args.read_as, args.allow_common).await?;
    for one in &found.skipped {
        output::note(&format!("{} is not looked for: {}", visible(&one.place), visible(&one.reason)));
    }
    let submission = submission(args, found);
    if dry_run {
        return super::plan::preview(global, &client, submission, sample).await;
    }
    proceed::submit(global, &client, submission, Goal::Settled(leave)).await
}

async fn read(
    client: &Client,
    path: &Path,
    format: Option<IndicatorFormat>,
    allow_common: bool,
) -> Result<IndicatorsJson, Failure> {
    let mut content = String::new();
    let read = input::open(path).and_then(|mut input| input.read_to_string(&mut content));
    read.map_err(|error| Failure::misuse(format!("{} cannot be read: {error}", path.display())))?;
    let file = IndicatorFileJson { content, format: format.map(|format| format.to_string()), allow_common };
    client.post(&["indicators"], &[], &file).await
}

fn submission(args: IndicatorsArgs, found: IndicatorsJson) -> Submission {
    let mut inputs = found.inputs;
    if let Some(since) = args.since {
        inputs.push("since", since);
    }
    Submission {
        playbook: args.playbook,
        inputs,
        name: args.name,
        severity: args.proposal.severity,
        description: args.proposal.description,
        source: ActionSource::Manual,
        mode: SelectionMode::Query,
        picked: Vec::new(),
        agent: None,
    }
}

/// Prints the sightings of the indicators of a remediation.
pub(crate) async fn sightings(global: &Global, args: SightingsArgs) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::None).await?;
    let found: SightingsJson = client.get(&["remediations", &any_id(&args.id)?, "sightings"], &[]).await?;
    if args.stix {
        let mut ids = BTreeMap::new();
        if let Some(file) = &args.of {
            for one in read(&client, file, Some(IndicatorFormat::Stix), true).await?.indicators {
                ids.extend(indicator(&one.kind, &one.value).zip(one.id));
            }
        }
        let made = Timestamp::parse(&found.created_at).unwrap_or_default();
        let all: Vec<_> = found.sightings.iter().filter_map(sighting).collect();
        output::json(&stix_sightings(&all, &ids, found.is_complete, &found.remediation, made))?;
        return Ok(Exit::Done);
    }
    if global.format == Format::Json {
        output::json(&found)?;
        return Ok(Exit::Done);
    }
    Shape::<Sightings>::default().print(global.format, &found.sightings, None)?;
    if !found.is_complete {
        output::note("not everything was searched: an indicator without a message can be in what was not");
    }
    Ok(Exit::Done)
}

fn indicator(kind: &str, value: &str) -> Option<Indicator> {
    Indicator::read(Some(kind.parse().ok()?), value, true).ok()
}

fn sighting(one: &SightingJson) -> Option<IndicatorSighting> {
    let time = |text: &Option<String>| Timestamp::parse(text.as_deref()?);
    Some(IndicatorSighting {
        indicator: indicator(&one.kind, &one.value)?,
        messages: one.messages,
        mailboxes: one.mailboxes,
        seen: time(&one.first_seen).zip(time(&one.last_seen)),
    })
}

struct Sightings;

impl Table for Sightings {
    type Row = SightingJson;
    const COLUMNS: &'static [Column<SightingJson>] = &[
        word("kind", |row| row.kind.to_string()),
        text("value", |row| row.value.clone()),
        whole("messages", |row| row.messages.to_string()),
        whole("mailboxes", |row| row.mailboxes.to_string()),
        if_room(time("first_seen", |row| row.first_seen.clone().unwrap_or_default())),
        time("last_seen", |row| row.last_seen.clone().unwrap_or_default()),
    ];
}
