//! `clawback export`: all that is known of one remediation, with the hashes that prove it.

use std::io::Write;

use clawback_model::{Remediation, is_deceptive};
use serde_json::json;

use crate::args::{ExportArgs, Global};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use clawback_action_center::json::{MessageJson, RemediationJson};

/// Rows read at once.
const PAGE: u32 = 5_000;

pub(crate) async fn run(global: &Global, args: ExportArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::None).await?;
    let remediation = session.find(&args.id).await?;
    let Some(path) = &args.output else {
        write(&session, &remediation, &mut std::io::stdout()).await?;
        return Ok(Exit::Done);
    };
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    write(&session, &remediation, &mut file).await?;
    file.flush()?;
    output::line(&format!("wrote {}", path.display()))?;
    Ok(Exit::Done)
}

/// JSON lines, each with a `record` field: streamed, so that two million messages need no memory.
async fn write(session: &Session, remediation: &Remediation, out: &mut (impl Write + Send)) -> Result<(), Failure> {
    let history = &session.site().history;
    let request = &remediation.request;
    put(out, &json!({ "record": "remediation", "remediation": RemediationJson::from(remediation) }))?;
    put(out, &json!({ "record": "alert", "alert": history.alert(&request.alert_id).await? }))?;
    put(
        out,
        &json!({ "record": "investigation", "investigation": history.investigation(&request.investigation_id).await? }),
    )?;
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
    let mut after = None;
    loop {
        let page = history.messages(&remediation.id, after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.seq);
        for (target, outcome) in &page {
            let message = MessageJson::new(remediation, target, outcome.as_ref());
            put(out, &json!({ "record": "message", "message": message }))?;
        }
    }
}

fn put(out: &mut impl Write, value: &serde_json::Value) -> Result<(), Failure> {
    let text = value.to_string();
    let safe = if text.chars().any(is_deceptive) { output::ascii_where_deceptive(&text) } else { text };
    Ok(writeln!(out, "{safe}")?)
}
