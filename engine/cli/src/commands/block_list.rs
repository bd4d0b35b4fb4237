//! `clawback block-list`: what mail gateways may refuse.

use clawback_action_center::json::{BlockEntryJson, BlockListJson};
use clawback_model::{BlockListFormat, visible};

use crate::args::{BlockListArgs, Format, Global};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;
use crate::output;
use crate::table::{Column, Shape, Table, if_room, text, time, whole};

/// Prints a list.
pub(crate) async fn run(global: &Global, args: BlockListArgs) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::None).await?;
    let path = ["block-lists", args.kind.as_str()];
    if let Some(format) = args.write_as.filter(|format| *format != BlockListFormat::Json) {
        client.copy(&path, &[("format", format.to_string())], &mut output::Out).await?;
        return Ok(Exit::Done);
    }
    let list: BlockListJson = client.get(&path, &[]).await?;
    if args.write_as.is_some() || global.format == Format::Json {
        output::json(&list)?;
        return Ok(Exit::Done);
    }
    Shape::<Entries>::default().print(global.format, &list.entries, None)?;
    if list.entries.is_empty() {
        output::note("nothing is listed");
    }
    for one in &list.left_off {
        output::note(&format!("{} is not listed: {}", visible(&one.value), visible(&one.reason)));
    }
    if !list.is_complete {
        output::note("not everything is known that was removed or put back, and what is not known is left out");
    }
    Ok(Exit::Done)
}

struct Entries;

impl Table for Entries {
    type Row = BlockEntryJson;
    const COLUMNS: &'static [Column<BlockEntryJson>] = &[
        text("value", |row| row.value.clone()),
        whole("messages", |row| row.messages.to_string()),
        whole("remediation", |row| row.remediation.clone()),
        if_room(time("listed_at", |row| row.listed_at.clone())),
        time("expires_at", |row| row.expires_at.clone()),
    ];
}
