//! `clawback export`: all that is known of one remediation, with the hashes that prove it, or the same in the words of a schema
//! that other products read.

use std::io::Write;

use clawback_model::{
    AirRecord, Investigation, OcsfEvent, Outcome, Remediation, Target, air_changes, ascii_where_deceptive, is_deceptive,
};
use serde::Serialize;
use serde_json::json;

use crate::args::{ExportArgs, Format, Global};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use clawback_action_center::json::{MessageJson, RemediationJson};

/// Rows read at once.
const PAGE: u32 = 5_000;
/// Messages in one record of the Office 365 schema: some 200 KB.
const OF_A_RECORD: usize = 500;

pub(crate) async fn run(global: &Global, args: ExportArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::None).await?;
    let remediation = session.find(&args.id).await?;
    let Some(path) = &args.output else {
        let mut out = std::io::BufWriter::new(std::io::stdout());
        write(global, &session, &remediation, &mut out).await?;
        out.flush()?;
        return Ok(Exit::Done);
    };
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    write(global, &session, &remediation, &mut file).await?;
    file.flush()?;
    output::line(&format!("wrote {}", path.display()))?;
    Ok(Exit::Done)
}

/// JSON lines, streamed, so that two million messages need no memory.
async fn write(
    global: &Global,
    session: &Session,
    remediation: &Remediation,
    out: &mut (impl Write + Send),
) -> Result<(), Failure> {
    match global.format {
        Format::Ocsf => ocsf(session, remediation, out).await,
        Format::O365Air => o365_air(global, session, remediation, out).await,
        Format::Table | Format::Json | Format::Csv => everything(session, remediation, out).await,
    }
}

/// Our own format: each line has a `record` field.
async fn everything(
    session: &Session,
    remediation: &Remediation,
    out: &mut (impl Write + Send),
) -> Result<(), Failure> {
    let history = &session.site().history;
    let request = &remediation.request;
    put(out, &json!({ "record": "remediation", "remediation": RemediationJson::from(remediation) }))?;
    put(out, &json!({ "record": "alert", "alert": history.alert(&request.alert_id).await? }))?;
    put(out, &json!({ "record": "investigation", "investigation": investigation(session, remediation).await? }))?;
    put(out, &json!({ "record": "approval", "approval": remediation.approval }))?;
    put(
        out,
        &json!({ "record": "playbook", "name": request.playbook, "inputs": request.inputs, "source": request.playbook_source }),
    )?;
    for stored in history.events(&remediation.id).await? {
        let link = &stored.link;
        put(
            out,
            &json!({
                "record": "event", "seq": link.seq, "at": link.at, "actor": link.actor, "kind": link.kind, "body": link.body,
                "previous": link.previous, "hash": stored.hash,
            }),
        )?;
    }
    pages(session, remediation, |page| {
        page.iter().try_for_each(|(target, outcome)| {
            let message = MessageJson::new(remediation, target, outcome.as_ref());
            put(out, &json!({ "record": "message", "message": message }))
        })
    })
    .await
}

/// One event for each message that has its outcome, then one for the whole, once it has ended.
async fn ocsf(session: &Session, remediation: &Remediation, out: &mut (impl Write + Send)) -> Result<(), Failure> {
    pages(session, remediation, |page| {
        page.iter()
            .filter_map(|(target, outcome)| Some(OcsfEvent::of_message(remediation, target, outcome.as_ref()?)))
            .try_for_each(|event| put(out, &event))
    })
    .await?;
    OcsfEvent::of_end(remediation).map_or(Ok(()), |end| put(out, &end))
}

/// One record for each change of the investigation, then its messages, some hundred in each record.
async fn o365_air(
    global: &Global,
    session: &Session,
    remediation: &Remediation,
    out: &mut (impl Write + Send),
) -> Result<(), Failure> {
    let url = Config::find(global.config.as_deref())?.public_url;
    let investigation = investigation(session, remediation).await?;
    let mut events = Vec::new();
    for entry in session.site().history.events(&remediation.id).await? {
        let at = entry.link.at;
        events.extend(entry.event()?.map(|event| (event, at)));
    }
    let changes = air_changes(&remediation.id, events).map_err(|error| Failure::failed(error.to_string()))?;
    for then in &changes {
        put(out, &AirRecord::of_change(then, &investigation, url.as_ref()))?;
    }
    pages(session, remediation, |page| {
        page.chunks(OF_A_RECORD).try_for_each(|messages| {
            put(out, &AirRecord::of_messages(remediation, &investigation, url.as_ref(), messages))
        })
    })
    .await
}

async fn investigation(session: &Session, remediation: &Remediation) -> Result<Investigation, Failure> {
    Ok(session.site().history.investigation(&remediation.request.investigation_id).await?)
}

/// Gives the messages of a remediation to `each`, page by page.
async fn pages(
    session: &Session,
    remediation: &Remediation,
    mut each: impl FnMut(&[(Target, Option<Outcome>)]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = session.site().history.messages(&remediation.id, after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.seq);
        each(&page)?;
    }
}

fn put(out: &mut impl Write, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::failed(error.to_string()))?;
    let safe = if text.chars().any(is_deceptive) { ascii_where_deceptive(&text) } else { text };
    Ok(writeln!(out, "{safe}")?)
}
