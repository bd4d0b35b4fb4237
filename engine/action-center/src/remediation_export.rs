//! Exports of one remediation: all records with the hashes that prove them, the same in a schema that other products
//! read, or the text of its plan. Lines are streamed, so that memory use does not depend on the number of messages.

use clawback_model::{
    AirRecord, Investigation, OcsfEvent, Outcome, PlanDigest, PlanHasher, PlanHeader, PublicUrl, Remediation, Target,
    air_changes, ascii_where_deceptive, header_line, is_deceptive, target_line,
};
use clawback_runtime::Error;
use clawback_store::{Store, StoreError};
use futures::Stream;
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc::{Sender, channel};

use crate::export_format::ExportFormat;
use crate::json::{AlertJson, ApprovalJson, CredentialJson, InvestigationJson, MessageJson, RemediationJson};

/// Rows read at once, and held in memory for a slow receiver.
const PAGE: u32 = 1_000;
/// Messages in one record of the Office 365 schema: some 200 KB.
const OF_A_RECORD: usize = 500;
/// Pieces that are prepared while the receiver still takes an earlier one.
const AHEAD: usize = 1;

/// The lines, in pieces of whole lines.
pub(crate) fn export(
    history: &Store,
    remediation: Remediation,
    format: ExportFormat,
    url: Option<PublicUrl>,
) -> impl Stream<Item = Result<Vec<u8>, StoreError>> + Send + use<> {
    stream(history, remediation, url, What::Records(format))
}

/// The text of a plan, over which its digest is computed, as `clawback_model`'s plan digest describes it. The stream
/// ends with an error if the stored text has another digest than the one that was planned.
pub async fn export_plan(
    history: &Store,
    remediation: Remediation,
) -> Result<impl Stream<Item = Result<Vec<u8>, StoreError>> + Send + use<>, Error> {
    let (id, status) = (remediation.id.clone(), remediation.status);
    let Some(plan) = &remediation.plan else {
        return Err(Error::WrongStatus { id, status, advice: "it has no plan to write" });
    };
    if history.messages_removed(&id).await? {
        return Err(Error::MessagesRemoved { id });
    }
    let header = history.prove_header(&id).await?;
    if header.terms.is_none() {
        let advice = "its plan is of version 1, whose digest is not that of a text; `clawback export` without --plan gives its messages";
        return Err(Error::WrongStatus { id, status, advice });
    }
    let digest = plan.digest;
    Ok(stream(history, remediation, None, What::Plan(Box::new(header), digest)))
}

/// What is exported.
enum What {
    Records(ExportFormat),
    Plan(Box<PlanHeader>, PlanDigest),
}

fn stream(
    history: &Store,
    remediation: Remediation,
    url: Option<PublicUrl>,
    what: What,
) -> impl Stream<Item = Result<Vec<u8>, StoreError>> + Send + use<> {
    let (send, mut receive) = channel(AHEAD);
    let source = Source { history: history.clone(), remediation, url, send };
    tokio::spawn(async move {
        let written = match what {
            What::Records(ExportFormat::Clawback) => source.everything().await,
            What::Records(ExportFormat::Ocsf) => source.ocsf().await,
            What::Records(ExportFormat::O365Air) => source.o365_air().await,
            What::Plan(header, digest) => source.plan(&header, digest).await,
        };
        if let Err(error) = written {
            let _ = source.send.send(Err(error)).await;
        }
    });
    futures::stream::poll_fn(move |context| receive.poll_recv(context))
}

struct Source {
    history: Store,
    remediation: Remediation,
    url: Option<PublicUrl>,
    send: Sender<Result<Vec<u8>, StoreError>>,
}

impl Source {
    async fn everything(&self) -> Result<(), StoreError> {
        let request = &self.remediation.request;
        let mut lines = Vec::new();
        let alert = self.history.alert(&request.alert_id).await?;
        let (investigation, url) = (self.investigation().await?, self.url.as_ref());
        for record in [
            json!({ "record": "remediation", "remediation": RemediationJson::from(&self.remediation).linked(url) }),
            json!({ "record": "alert", "alert": AlertJson::new(&alert, &self.remediation, url) }),
            json!({ "record": "investigation", "investigation": InvestigationJson::new(&investigation, &self.remediation, url) }),
            json!({ "record": "approval", "approval": self.remediation.approval.as_ref().map(ApprovalJson::from) }),
            json!({ "record": "playbook", "name": request.playbook, "inputs": request.inputs, "source": request.playbook_source }),
        ] {
            put(&mut lines, &record);
        }
        for record in self.terms().await? {
            put(&mut lines, &record);
        }
        for stored in self.history.events(&self.remediation.id).await? {
            let link = &stored.link;
            // With the microseconds, which the hash covers.
            let record = json!({
                "record": "event", "seq": link.seq, "at": link.at.to_string(), "at_microseconds": link.at, "actor": link.actor,
                "credential": stored.credential().map(CredentialJson::from),
                "kind": link.kind, "body": link.body, "previous": link.previous, "hash": stored.hash,
            });
            put(&mut lines, &record);
        }
        self.give(lines).await;
        self.pages(|lines, page| {
            for (target, outcome) in page {
                let message = MessageJson::new(&self.remediation, target, outcome.as_ref());
                put(lines, &json!({ "record": "message", "message": message }));
            }
        })
        .await
    }

    /// The header of the plan as its digest covers it, and the texts that it was made with.
    async fn terms(&self) -> Result<Vec<serde_json::Value>, StoreError> {
        let Some((plan, header)) = self.header().await? else { return Ok(Vec::new()) };
        let mut records = vec![json!({ "record": "plan", "digest": plan, "header": header })];
        for ((kind, name), sha256) in header.texts() {
            let text = self.history.text(&sha256).await?;
            let record =
                json!({ "record": "text", "kind": kind.as_str(), "name": name, "sha256": sha256, "text": text });
            records.push(record);
        }
        Ok(records)
    }

    /// The plan's digest and its header; `None` before there is a plan.
    async fn header(&self) -> Result<Option<(PlanDigest, PlanHeader)>, StoreError> {
        let Some(plan) = &self.remediation.plan else { return Ok(None) };
        Ok(self.history.plan_header(&self.remediation.id).await?.map(|header| (plan.digest, header)))
    }

    /// One event for each message that has its outcome, then one for the whole, once it has ended.
    async fn ocsf(&self) -> Result<(), StoreError> {
        self.pages(|lines, page| {
            for (target, outcome) in page {
                if let Some(outcome) = outcome {
                    put(lines, &OcsfEvent::of_message(&self.remediation, target, outcome));
                }
            }
        })
        .await?;
        let mut lines = Vec::new();
        let header = self.header().await?;
        if let Some(end) = OcsfEvent::of_end(&self.remediation, header.as_ref().map(|(_, header)| header)) {
            put(&mut lines, &end);
        }
        self.give(lines).await;
        Ok(())
    }

    /// One record for each change of the investigation, then its messages, [`OF_A_RECORD`] in each record.
    async fn o365_air(&self) -> Result<(), StoreError> {
        let investigation = self.investigation().await?;
        let mut events = Vec::new();
        for entry in self.history.events(&self.remediation.id).await? {
            let at = entry.link.at;
            events.extend(entry.event()?.map(|event| (event, at)));
        }
        let changes = air_changes(&self.remediation.id, events).map_err(StoreError::Illegal)?;
        let mut lines = Vec::new();
        for then in &changes {
            put(&mut lines, &AirRecord::of_change(then, &investigation, self.url.as_ref()));
        }
        self.give(lines).await;
        self.pages(|lines, page| {
            for messages in page.chunks(OF_A_RECORD) {
                put(lines, &AirRecord::of_messages(&self.remediation, &investigation, self.url.as_ref(), messages));
            }
        })
        .await
    }

    /// The header and the targets, byte for byte as they are hashed.
    async fn plan(&self, header: &PlanHeader, digest: PlanDigest) -> Result<(), StoreError> {
        let mut hash = PlanHasher::new(header);
        self.give(header_line(header).into_bytes()).await;
        self.pages(|lines, page| {
            for (target, _) in page {
                hash.add(target);
                target_line(target, lines);
            }
        })
        .await?;
        let found = hash.finish().digest;
        if found == digest || self.send.is_closed() {
            return Ok(());
        }
        let detail = format!("its plan hashes to {}", found.short());
        Err(StoreError::Altered { remediation: self.remediation.id.clone(), detail })
    }

    async fn investigation(&self) -> Result<Investigation, StoreError> {
        self.history.investigation(&self.remediation.request.investigation_id).await
    }

    /// Sends what `each` makes of the messages, page by page.
    async fn pages(&self, mut each: impl FnMut(&mut Vec<u8>, &[(Target, Option<Outcome>)])) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.history.messages(&self.remediation.id, after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.seq);
            let mut lines = Vec::new();
            each(&mut lines, &page);
            if !self.give(lines).await {
                return Ok(());
            }
        }
    }

    /// Sends a piece. Returns false if the receiver has gone away.
    async fn give(&self, lines: Vec<u8>) -> bool {
        lines.is_empty() || self.send.send(Ok(lines)).await.is_ok()
    }
}

fn put(lines: &mut Vec<u8>, value: &impl Serialize) {
    let text = serde_json::to_string(value).expect("texts and numbers serialize");
    let safe = if text.chars().any(is_deceptive) { ascii_where_deceptive(&text) } else { text };
    lines.extend_from_slice(safe.as_bytes());
    lines.push(b'\n');
}
