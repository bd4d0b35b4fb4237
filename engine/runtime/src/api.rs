//! The application layer: everything that a face (CLI, HTTP, schedule) may ask for, behind one authorization.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::MailStore as _;
use clawback_model::{
    Action, ActionSource, Alert, AlertId, ApprovalId, ApprovalRule, Event, IllegalTransition, Inputs, Investigation,
    InvestigationId, LONGEST_NAME, LONGEST_TEXT, LocationKind, Origin, Permission, Picked, PlanSummary, Principal,
    PrincipalKind, Remediation, RemediationId, Request, SelectionMode, Severity, Status, StopReason, Target, Timestamp,
    TooLong, check_inputs, check_length, check_picked,
};
use clawback_playbooks::{Bound, Playbook};
use clawback_store::{Filing, Refusal, RequestKey};
use tokio::sync::mpsc;

use crate::approval::{admission, approval_for, root};
use crate::error::Error;
use crate::identity::token_digest;
use crate::planner::{self, Order, Planned};
use crate::progress::Observer;
use crate::site::Site;

/// What a face asks to remediate.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Name of the playbook.
    pub playbook: String,
    /// Its inputs, as they were given.
    pub inputs: Inputs,
    /// Name of the remediation; the playbook's if none is given.
    pub name: Option<String>,
    /// The playbook's if none is given.
    pub severity: Option<Severity>,
    /// The playbook's if none is given.
    pub description: Option<String>,
    /// Where it comes from.
    pub source: ActionSource,
    /// How the messages are selected.
    pub mode: SelectionMode,
    /// Handpicked messages, or exclusions.
    pub picked: Vec<Picked>,
}

/// A plan that was made and not kept.
#[derive(Debug)]
pub struct DryRun {
    /// The digest that the plan would have, or why there would be none.
    pub plan: Result<PlanSummary, StopReason>,
    /// The selection in words.
    pub in_words: String,
    /// Mailboxes that were searched.
    pub searched: u64,
    /// Messages of the selection that lie in folders which "any folder" leaves out. None: none are left out, or they could not
    /// be counted in a moment.
    pub left_out: Option<BTreeMap<LocationKind, u64>>,
    /// What is known, in the first mailboxes of the plan, against doing the action: a sentence for each.
    pub obstacles: Vec<String>,
    /// What would be asked of approvers.
    pub approval: Option<ApprovalRule>,
    /// The first targets.
    pub sample: Vec<Target>,
    /// All targets by where they lie now.
    pub by_location: BTreeMap<LocationKind, u64>,
    /// All targets by the hour in which they arrived.
    pub by_hour: BTreeMap<Timestamp, u64>,
    /// All targets by mailbox.
    pub by_mailbox: BTreeMap<Arc<str>, u64>,
}

/// The messages of a dry run are counted by it.
const HOUR: Duration = Duration::from_hours(1);
/// Mailboxes of a dry run whose stores are asked what stands against the action.
const MAILBOXES_CHECKED: usize = 5;

tokio::task_local! {
    /// The key of the request that this task carries out.
    static KEY: RequestKey;
}

/// Carries out a request under its idempotency key: what it files is noted beside the key, in the transaction that files it.
pub async fn under_key<F: Future>(key: RequestKey, request: F) -> F::Output {
    KEY.scope(key, request).await
}

/// Carries out requests of authenticated principals.
#[derive(Clone)]
pub struct Api {
    site: Arc<Site>,
}

impl Api {
    /// The layer over one site.
    pub fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// What lies beneath, for reading.
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Whose token this is.
    pub async fn authenticate(&self, secret: &str) -> Result<Principal, Error> {
        let found = self.site.history.principal_by_token(&token_digest(secret), self.site.now()).await?;
        found.ok_or(Error::Unauthenticated)
    }

    /// Checks a playbook, all of it.
    pub fn check(&self, name: &str) -> Result<Playbook, Error> {
        let (path, source) = self.site.library.playbook_source(name)?;
        load(&self.site, &path, &source)
    }

    /// Checks the text of a playbook that the site may not have.
    pub fn check_source(&self, who: &Principal, name: &str, source: &str) -> Result<Playbook, Error> {
        allow(who, Permission::Submit)?;
        load(&self.site, name, source)
    }

    /// Writes down a remediation, with its alert and investigation. Nothing is searched yet.
    pub async fn submit(&self, who: &Principal, submission: Submission) -> Result<Remediation, Error> {
        allow(who, Permission::Submit)?;
        self.file_new(who, submission).await
    }

    /// The same for what a detector found: the right to suggest is enough. Whether the playbook takes the suggestion is for the
    /// caller to see.
    pub async fn suggest(&self, who: &Principal, submission: Submission) -> Result<Remediation, Error> {
        allow(who, Permission::Suggest)?;
        self.file_new(who, Submission { source: ActionSource::Air, ..submission }).await
    }

    async fn file_new(&self, who: &Principal, submission: Submission) -> Result<Remediation, Error> {
        let request = self.request(who, submission, None)?;
        allow_action(who, request.action)?;
        self.file(request, who).await
    }

    /// Makes a plan and forgets it; the first `sample` targets are kept to show.
    pub async fn dry_run(
        &self,
        who: &Principal,
        submission: Submission,
        sample: usize,
        observer: &Observer,
    ) -> Result<DryRun, Error> {
        allow(who, Permission::Submit)?;
        crate::hold::refuse_if_halted(&self.site).await?;
        let request = self.request(who, submission, None)?;
        let bound = Arc::new(bind(&self.site, &request)?);
        let header = planner::header(&self.site, &request, &bound)?;
        let order = Order { request: &request, bound: Arc::clone(&bound), header: &header, outage_pauses: 0 };
        let (sender, mut pages) = mpsc::channel::<Vec<Target>>(2);
        let mut shown = Vec::new();
        let (mut by_location, mut by_hour) = (BTreeMap::new(), BTreeMap::new());
        let mut by_mailbox = BTreeMap::new();
        let mut some_mailboxes = BTreeSet::new();
        let looking = async {
            while let Some(page) = pages.recv().await {
                for target in &page {
                    if some_mailboxes.len() < MAILBOXES_CHECKED {
                        some_mailboxes.insert((Arc::clone(&target.store), Arc::clone(&target.mailbox)));
                    }
                    *by_location.entry(target.location.kind).or_default() += 1;
                    *by_hour.entry(target.received_at.in_whole(HOUR)).or_default() += 1;
                    *by_mailbox.entry(Arc::clone(&target.mailbox)).or_default() += 1;
                }
                let room = sample.saturating_sub(shown.len());
                shown.extend(page.into_iter().take(room));
            }
        };
        let ((), planned) = tokio::join!(looking, planner::search(&self.site, &order, sender, observer));
        let left_out = if matches!(planned, Ok(Planned::Plan(..))) {
            crate::left_out::count(&self.site, &order).await
        } else {
            None
        };
        let (plan, approval) = match planned? {
            Planned::Plan(plan, _) => {
                let decided = approval_for(&self.site, &request, &bound, &plan).await?;
                (Ok(plan), decided.rule)
            }
            Planned::Refused(reason) => (Err(reason), None),
        };
        let searched = plan.as_ref().ok().and_then(|plan| plan.facts.searched).unwrap_or_default();
        let obstacles = obstacles(&self.site, request.action, &some_mailboxes).await;
        Ok(DryRun {
            plan,
            in_words: request.in_words,
            searched,
            left_out,
            obstacles,
            approval,
            sample: shown,
            by_location,
            by_hour,
            by_mailbox,
        })
    }

    /// Asks a running remediation to stop for now.
    pub async fn pause(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        self.control(who, id, &Event::PauseRequested { by: who.name.clone() }).await
    }

    /// Lets a paused remediation go on, if there is room for it; while the site is halted, once it is no more. What a guard paused
    /// is let go on by an approver who did not ask for it.
    pub async fn resume(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        allow(who, Permission::Control)?;
        // Whoever lets it go on asks for it as much as whoever submitted it.
        allow_action(who, self.site.history.load(id).await?.request.action)?;
        let header = self.site.history.plan_header(id).await?;
        let admission = admission(&self.site, header.as_ref().and_then(|header| header.terms.as_ref()));
        let may_go_on = |paused: &Remediation| lifts(who, paused);
        let resumed = self.site.history.resume(id, &admission, who, self.site.now(), may_go_on).await;
        resumed.map_err(|error| advised(id, error))
    }

    /// Calls a remediation off; what is open becomes `cancelled`.
    pub async fn cancel(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        self.control(who, id, &Event::CancelRequested { by: who.name.clone() }).await
    }

    /// Makes the plan of a pending remediation anew; votes so far are void.
    pub async fn replan(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        self.control(who, id, &Event::ReplanRequested).await
    }

    async fn control(&self, who: &Principal, id: &RemediationId, event: &Event) -> Result<Remediation, Error> {
        allow(who, Permission::Control)?;
        let recorded = self.site.history.record(id, None, who, event, self.site.now()).await;
        recorded.map_err(|error| advised(id, error.into()))
    }

    /// A new remediation that puts back what `id` moved.
    pub async fn undo(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        allow(who, Permission::Submit)?;
        let old = self.site.history.load(id).await?;
        let action = old.request.action;
        if !action.is_reversible() {
            return Err(Error::Irreversible { id: id.clone(), action });
        }
        if !(old.status.is_final() || old.status == Status::Paused) {
            let advice = "wait until it has ended, or pause or cancel it first";
            return Err(Error::WrongStatus { id: id.clone(), status: old.status, advice });
        }
        self.has_messages(id).await?;
        if old.counts.succeeded == 0 {
            return Err(Error::NothingTo { id: id.clone(), what: "succeeded message", verb: "undo" });
        }
        let undos = self.site.history.undos(id).await?;
        if old.left_to_undo(&undos) == 0
            && let Some(last) = undos.iter().rfind(|undo| undo.counts.succeeded > 0)
        {
            return Err(Error::Undone { id: id.clone(), by: last.id.clone() });
        }
        let name = format!("Undo {}", old.request.name);
        let request = self.follow_up(who, &old, name, Action::Restore, Origin::Undo { of: id.clone() });
        self.file(request, who).await
    }

    async fn has_messages(&self, id: &RemediationId) -> Result<(), Error> {
        if self.site.history.messages_removed(id).await? {
            return Err(Error::MessagesRemoved { id: id.clone() });
        }
        Ok(())
    }

    /// A new remediation with what failed in `id`, under the same approval while that is valid.
    pub async fn retry(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        allow(who, Permission::Submit)?;
        let old = self.site.history.load(id).await?;
        allow_action(who, old.request.action)?;
        if !matches!(old.status, Status::PartiallyCompleted | Status::Failed | Status::Cancelled) {
            let advice = match old.status {
                Status::Completed | Status::NothingToDo => {
                    "no message of it failed; what was moved meanwhile is taken where it lies by running the playbook again"
                }
                Status::Rejected | Status::Expired => "nothing of it was tried; submit it again",
                _ => "only what has ended can be retried",
            };
            return Err(Error::WrongStatus { id: id.clone(), status: old.status, advice });
        }
        self.has_messages(id).await?;
        if old.counts.failed == 0 {
            return Err(Error::NothingTo { id: id.clone(), what: "failed message", verb: "retry" });
        }
        // However often it is retried: the approval is that of the first.
        let root = root(&self.site, old.clone()).await?;
        let valid = root.approval.as_ref().map_or(ApprovalRule::default().expires, |approval| approval.rule.expires);
        if self.site.now().since(root.created_at) > valid {
            return Err(Error::ApprovalTooOld { id: id.clone(), days: days(valid) });
        }
        let name = format!("Retry {}", old.request.name);
        let request = self.follow_up(who, &old, name, old.request.action, Origin::Retry { of: id.clone() });
        self.file(request, who).await
    }

    /// What was refused to whom, the newest first: for administrators.
    pub async fn refusals(&self, who: &Principal, most: u32) -> Result<Vec<Refusal>, Error> {
        allow(who, Permission::Administer)?;
        Ok(self.site.history.refusals(most).await?)
    }

    /// Refuses whoever may not carry remediations on.
    pub fn may_work(&self, who: &Principal) -> Result<(), Error> {
        allow(who, Permission::Control)
    }

    /// Checks a submission. In its playbook `now` means `as_of`, if given.
    pub(crate) fn request(
        &self,
        who: &Principal,
        submission: Submission,
        as_of: Option<Timestamp>,
    ) -> Result<Request, Error> {
        // History says `automation` of these; a person must not be able to.
        let automatic = matches!(submission.source, ActionSource::Schedule | ActionSource::Air);
        if automatic && who.kind != PrincipalKind::Service {
            return Err(Error::NotAService { name: who.name.clone(), source_given: submission.source });
        }
        check_lengths(&submission)?;
        let (path, source) = self.site.library.playbook_source(&submission.playbook)?;
        let playbook = load(&self.site, &path, &source)?;
        let bound = playbook.bind(&submission.inputs, as_of.unwrap_or(self.site.now()))?;
        crate::evidence::check(&self.site, &bound)?;
        clawback_model::check_picks(submission.mode, &submission.picked)?;
        let picked = u64::try_from(submission.picked.len()).unwrap_or(u64::MAX);
        match submission.mode {
            SelectionMode::Handpicked => self.site.limits.check_messages(submission.mode, picked)?,
            SelectionMode::QueryWithExclusions => self.site.limits.check_exclusions(picked)?,
            SelectionMode::Query => {}
        }
        Ok(Request {
            name: submission.name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| playbook.name().to_owned()),
            severity: submission.severity.unwrap_or_else(|| playbook.severity()),
            description: submission.description.unwrap_or_else(|| playbook.description().to_owned()),
            action: bound.action(),
            delete_senders_copy: bound.delete_senders_copy(),
            source: submission.source,
            mode: submission.mode,
            playbook: playbook.name().to_owned(),
            playbook_source: source,
            inputs: playbook.stored_inputs(&submission.inputs),
            in_words: bound.in_words(submission.mode, submission.picked.len()),
            picked: submission.picked,
            requested_by: who.name.clone(),
            owner: who.owner.clone(),
            origin: Origin::Fresh,
            as_of,
            approval_id: ApprovalId::from_random((self.site.random)()),
            investigation_id: InvestigationId::from_random((self.site.random)()),
            alert_id: AlertId::from_random((self.site.random)()),
        })
    }

    /// The request of a remediation that follows another.
    pub(crate) fn follow_up(
        &self,
        who: &Principal,
        old: &Remediation,
        name: String,
        action: Action,
        origin: Origin,
    ) -> Request {
        Request {
            name,
            action,
            origin,
            delete_senders_copy: false,
            source: ActionSource::Manual,
            requested_by: who.name.clone(),
            owner: who.owner.clone(),
            approval_id: ApprovalId::from_random((self.site.random)()),
            investigation_id: InvestigationId::from_random((self.site.random)()),
            alert_id: AlertId::from_random((self.site.random)()),
            ..old.request.clone()
        }
    }

    async fn file(&self, request: Request, who: &Principal) -> Result<Remediation, Error> {
        let filing = self.filing(request, who)?;
        self.site.history.file(&filing).await?;
        Ok(filing.remediation)
    }

    /// A new remediation with everything that is written with it.
    pub(crate) fn filing(&self, request: Request, who: &Principal) -> Result<Filing, Error> {
        let now = self.site.now();
        let id = RemediationId::from_random((self.site.random)());
        // Picked messages are known by name: there are no others like them to wait for.
        let searches = request.origin == Origin::Fresh && request.mode != SelectionMode::Handpicked;
        let sweep = if searches { bind(&self.site, &request)?.sweep().cloned() } else { None };
        let alert = Alert::of(&request, &id, &who.name, now);
        let investigation = Investigation::of(&request, &id, now);
        let remediation = Remediation::submitted(id, request, now);
        let key = KEY.try_with(RequestKey::clone).ok();
        let (actor, credential) = (who.name.clone(), who.credential.clone());
        Ok(Filing { remediation, alert, investigation, actor, credential, sweep, key })
    }
}

/// What a person can do where what was asked for does not fit where the remediation stands.
fn advised(id: &RemediationId, error: Error) -> Error {
    let Error::Transition(IllegalTransition { status, event }) = error else { return error };
    let advice = match (status, event) {
        (Status::Queued | Status::Planning | Status::Approved | Status::InProgress, "resumed") => {
            "only what is paused can be resumed; it goes on by itself with a `clawback worker`, or with `clawback run` and its ID"
        }
        (Status::PendingApproval, "resumed" | "pause-requested") => {
            "it waits for votes: `clawback approve` or `clawback reject`, or `clawback cancel`"
        }
        (Status::Queued | Status::Planning, "pause-requested") => {
            "there is no plan to pause yet; `clawback cancel` calls it off"
        }
        (Status::Paused, "pause-requested") => {
            "it is resumed with `clawback resume`, or called off with `clawback cancel`"
        }
        (Status::Paused, "resumed") => "its cancel is under way",
        (Status::Failed, "resumed") => {
            "a plan that was refused is not resumed; change what its stop reason names, and submit it again"
        }
        (_, "replan-requested") => "only a plan that waits for votes can be made anew",
        (status, _) if status.is_final() => "it has ended; `clawback show` and its ID tell its story",
        _ => return Error::Transition(IllegalTransition { status, event }),
    };
    Error::WrongStatus { id: id.clone(), status, advice }
}

fn days(duration: Duration) -> u64 {
    duration.as_secs() / 86_400
}

/// Refuses what the roles do not allow.
pub(crate) fn allow(who: &Principal, permission: Permission) -> Result<(), Error> {
    if who.may(permission) { Ok(()) } else { Err(Error::Forbidden { name: who.name.clone(), permission }) }
}

/// What cannot be undone asks for a right of its own, of whoever asks for it and of whoever approves it.
pub(crate) fn allow_action(who: &Principal, action: Action) -> Result<(), Error> {
    if action == Action::HardDelete { allow(who, Permission::Purge) } else { Ok(()) }
}

/// What a guard stopped is weighed by a second person: somebody who decides on plans, and never whoever asked for it.
fn lifts(who: &Principal, paused: &Remediation) -> Result<(), Error> {
    match paused.stop.as_ref().filter(|_| !paused.may_be_resumed_by(who)) {
        Some(reason) => Err(Error::GuardStands { id: paused.id.clone(), name: who.name.clone(), rule: reason.rule() }),
        None => Ok(()),
    }
}

/// Checks a playbook against the stores and notifiers of the site.
pub(crate) fn load(site: &Site, path: &str, source: &str) -> Result<Playbook, Error> {
    let stores = site.stores.keys().map(ToString::to_string).collect();
    let notifiers = site.notifiers.keys().cloned().collect();
    site.library.check(path, source, Some(stores), Some(notifiers), site.limits)
}

/// The playbook of a request, from the text frozen with it, with its inputs.
pub(crate) fn bind(site: &Site, request: &Request) -> Result<Bound, Error> {
    // Checked against stores and notifiers when it was submitted; a session without stores must be able to read it too.
    let path = format!("{}.yaml", request.playbook);
    let playbook = site.library.check(&path, &request.playbook_source, None, None, site.limits)?;
    // Times relative to now mean the time of the submission's plan; they are frozen with the plan's targets.
    Ok(playbook.bind(&playbook.inputs_of(&request.inputs), request.as_of.unwrap_or(site.now()))?)
}

/// What the stores of these mailboxes say against an action, before it is done.
async fn obstacles(site: &Site, action: Action, mailboxes: &BTreeSet<(Arc<str>, Arc<str>)>) -> Vec<String> {
    let mut found = Vec::new();
    for (store, mailbox) in mailboxes {
        let Some(store) = site.stores.get(store) else { continue };
        match store.check(mailbox).await {
            Ok(known) => {
                let obstacle =
                    known.into_iter().filter(|known| known.action == action).find_map(|known| known.obstacle);
                found.extend(obstacle.map(|obstacle| format!("{action} in {mailbox}: {obstacle}")));
            }
            Err(error) => found.push(format!("{action} in {mailbox} could not be checked: {error}")),
        }
    }
    found
}

/// What is kept of a submission is shown in lists.
fn check_lengths(submission: &Submission) -> Result<(), TooLong> {
    check_length("the name", LONGEST_NAME, submission.name.as_deref().unwrap_or_default())?;
    check_length("the description", LONGEST_TEXT, submission.description.as_deref().unwrap_or_default())?;
    check_inputs(&submission.inputs)?;
    check_picked(&submission.picked)
}
