//! Carries a remediation on in the foreground, and says where it stands.

use std::sync::Arc;
use std::time::Duration;

use clawback_action_center::json::{ApprovalJson, DetailJson, RemediationJson, VerificationJson};
use clawback_model::{Counts, Next, PlanFacts, Remediation, RemediationId, Status, visible};
use clawback_runtime::{Observer, Outbox, Seen, Worker};

use crate::args::{Format, Global, Leave};
use crate::failure::{Exit, Failure};
use crate::open::Session;
use crate::{output, progress};

/// How often a watcher looks.
const LOOK: Duration = Duration::from_millis(500);

/// Works until it waits for a person or has ended, or leaves that to a worker; prints where it stands then.
pub(crate) async fn carry_on(
    global: &Global,
    session: &Session,
    id: &RemediationId,
    leave: Leave,
) -> Result<Exit, Failure> {
    let carried = if leave.no_run {
        session.site().history.load(id).await.map_err(Failure::from)
    } else {
        let (observer, _cleared) = progress::bar(global.quiet || global.format != Format::Table);
        if leave.watch {
            watch(session, id, &observer).await
        } else {
            Worker::new(Arc::clone(session.site()), observer).run(id).await.map_err(Failure::from)
        }
    };
    give_notice(session, id).await;
    tell(global, Standing::at(session, &carried?))
}

/// Tells whoever wants to know of what has changed, once each: what fails is a worker's to try again.
pub(crate) async fn give_notice(session: &Session, id: &RemediationId) {
    Outbox::new(Arc::clone(session.site())).tell_of(id).await;
}

/// Looks on while a worker works, until it waits for a person or has ended.
async fn watch(session: &Session, id: &RemediationId, observer: &Observer) -> Result<Remediation, Failure> {
    let site = session.site();
    let alive = site.history.nodes().await?.iter().any(|(_, until)| *until > site.now());
    if !alive {
        return Err(Failure::failed(format!("no worker runs, so {id} waits"))
            .hint(format!("start `clawback worker`, or work on it here: clawback run {id}")));
    }
    let mut watch = site.history.watch().await?;
    loop {
        let remediation = site.history.load(id).await?;
        observer(Seen::Status(remediation.status));
        if matches!(remediation.next(site.now()), Next::AwaitApproval { .. } | Next::AwaitPerson | Next::Nothing) {
            return Ok(remediation);
        }
        let counts = &remediation.counts;
        if let Some((number, ..)) = remediation.progress.open_batch {
            let done = counts.acted() + counts.not_remediable;
            observer(Seen::BatchStarted { number, done, submitted: counts.submitted });
        }
        watch.changed(LOOK).await;
    }
}

/// Makes the plan and no more.
pub(crate) async fn plan_only(global: &Global, session: &Session, id: &RemediationId) -> Result<Exit, Failure> {
    let planned = {
        let (observer, _cleared) = progress::bar(global.quiet || global.format != Format::Table);
        Worker::new(Arc::clone(session.site()), observer).plan_only(id).await
    };
    give_notice(session, id).await;
    tell(global, Standing::at(session, &planned?))
}

/// Where a remediation stands, whether it was read here or at a server.
pub(crate) struct Standing {
    pub(crate) remediation: RemediationJson,
    pub(crate) approval: Option<ApprovalJson>,
}

impl From<&Remediation> for Standing {
    fn from(remediation: &Remediation) -> Self {
        Self { remediation: remediation.into(), approval: remediation.approval.as_ref().map(ApprovalJson::from) }
    }
}

impl Standing {
    /// With the address of its page.
    pub(crate) fn at(session: &Session, remediation: &Remediation) -> Self {
        let standing = Self::from(remediation);
        Self { remediation: standing.remediation.linked(session.site().public_url.as_ref()), ..standing }
    }
}

impl From<DetailJson> for Standing {
    fn from(detail: DetailJson) -> Self {
        Self { remediation: detail.remediation, approval: detail.approval }
    }
}

/// Prints a remediation and gives the exit code that its status stands for.
pub(crate) fn tell(global: &Global, standing: impl Into<Standing>) -> Result<Exit, Failure> {
    let Standing { remediation, approval } = standing.into();
    match global.format {
        Format::Table => summary(&remediation, approval.as_ref())?,
        Format::Json | Format::Ocsf | Format::O365Air => output::json(&remediation)?,
        Format::Csv => super::history::print(global, &remediation)?,
    }
    Ok(exit_of(remediation.status, remediation.facts.as_ref()))
}

/// 3 where messages failed or not everything was looked at, 1 where nothing could be done, 0 else.
pub(crate) fn exit_of(status: Status, facts: Option<&PlanFacts>) -> Exit {
    match status {
        Status::Failed if facts.is_none() => Exit::Failed,
        Status::Failed | Status::PartiallyCompleted => Exit::Partial,
        _ => Exit::Done,
    }
}

/// What a person wants to know first, and the next step.
pub(crate) fn summary(remediation: &RemediationJson, approval: Option<&ApprovalJson>) -> Result<(), Failure> {
    let mut pairs = vec![
        ("remediation", format!("{}  {}", remediation.id, remediation.name)),
        ("status", remediation.status.to_string()),
        ("action", remediation.action.to_string()),
        ("selection", remediation.selection.clone()),
        ("severity", remediation.severity.to_string()),
        ("approval ID", remediation.approval_id.clone()),
        ("investigation", remediation.investigation_id.clone()),
        ("page", remediation.url.clone().unwrap_or_default()),
        ("requested by", remediation.requested_by.clone()),
        ("decided by", remediation.decided_by.clone().unwrap_or_default()),
    ];
    if let (Some(digest), Some(facts)) = (&remediation.plan_digest, &remediation.facts) {
        pairs.push(("plan", digest.clone()));
        pairs.push(("mailboxes", facts.mailboxes.to_string()));
        if facts.vips > 0 {
            pairs.push(("in VIP mailboxes", facts.vips.to_string()));
        }
        if let Some(searched) = facts.searched {
            pairs.push(("searched", format!("{searched} mailboxes")));
        }
        pairs.extend(not_looked_at(facts));
        pairs.push(("messages", counts(&remediation.counts)));
    }
    if let Some(VerificationJson { confirmed, unconfirmed }) = remediation.verified {
        pairs.push(("verified", format!("{confirmed} confirmed, {unconfirmed} not")));
    }
    if let Some(reason) = &remediation.stop_reason {
        pairs.push((if remediation.held { "held by" } else { "stopped by" }, reason.clone()));
    }
    output::fields(&pairs)?;
    if let Some(next) = next_step(remediation, approval) {
        output::note(&format!("next: {next}"));
    }
    Ok(())
}

/// A line for each kind of what was not looked at, and for what scripts left out.
pub(crate) fn not_looked_at(facts: &PlanFacts) -> Vec<(&'static str, String)> {
    let gaps = facts.not_looked_at().into_iter().map(|line| ("NOT LOOKED AT", line));
    gaps.chain(facts.left_out.iter().map(|left| ("left out", left.in_words()))).collect()
}

/// What the scripts of a playbook said of a message; none if they said nothing.
pub(crate) fn script_words(reason: Option<&str>, tag: Option<&str>) -> Option<String> {
    let tag = tag.map(|tag| format!("[{tag}]"));
    let words: Vec<&str> = reason.into_iter().chain(tag.as_deref()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Only what is not zero, in the order in which it sums.
pub(crate) fn counts(counts: &Counts) -> String {
    let parts = counts.parts().into_iter().filter(|(_, number)| *number > 0);
    let parts: Vec<String> = parts.map(|(name, number)| format!("{number} {name}")).collect();
    format!("{} submitted = {}", counts.submitted, if parts.is_empty() { "0".to_owned() } else { parts.join(" + ") })
}

fn next_step(remediation: &RemediationJson, approval: Option<&ApprovalJson>) -> Option<String> {
    let id = visible(&remediation.id);
    match remediation.status {
        _ if remediation.held => Some(format!("it goes on by itself with a `clawback worker`, or: clawback run {id}")),
        Status::PendingApproval => {
            let approval = approval?;
            let yes = approval.votes.len();
            let missing = usize::try_from(approval.rule.votes).unwrap_or(usize::MAX).saturating_sub(yes);
            let other = if approval.rule.two_step { " of somebody else" } else { "" };
            Some(format!(
                "{missing} approval{}{other} until {}: clawback approve {} --digest {}",
                if missing == 1 { "" } else { "s" },
                approval.deadline,
                approval.id,
                approval.digest
            ))
        }
        Status::Approved => Some(format!("clawback run {id}")),
        Status::Paused => Some(format!("clawback resume {id}, or clawback cancel {id}")),
        Status::Completed | Status::PartiallyCompleted if remediation.counts.failed > 0 => {
            Some(format!("clawback show {id} --messages, then clawback retry {id}"))
        }
        Status::Completed | Status::PartiallyCompleted if remediation.action.is_reversible() => {
            Some(format!("clawback show {id} --messages; clawback undo {id} puts it back"))
        }
        _ => None,
    }
}
