//! Controls of remediations: pause, resume, cancel, replan.

use crate::boxed::boxed;
use clawback_model::{Event, IllegalTransition, Permission, Principal, Remediation, RemediationId, Status};
use clawback_runtime::{Error, planning};

use crate::api::Api;
use crate::authorization::{allow, allow_action};

impl Api {
    /// Asks a running remediation to pause.
    #[boxed]
    pub async fn pause(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        self.control(who, id, &Event::PauseRequested { by: who.name.clone() }).await
    }

    /// Resumes a paused remediation, if there is capacity for it; while the site is halted, once the halt ends. If a
    /// guard paused it, an approver who did not ask for it must resume it.
    #[boxed]
    pub async fn resume(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        allow(who, Permission::Control)?;
        // Resuming needs the same permission as submitting.
        allow_action(who, self.site().history.load(id).await?.request.action)?;
        let header = self.site().history.plan_header(id).await?;
        let admission = planning::admission(self.site(), header.as_ref().and_then(|header| header.terms.as_ref()));
        let may_go_on = |paused: &Remediation| lifts(who, paused);
        let resumed = self.site().history.resume(id, &admission, who, self.site().now(), may_go_on).await;
        resumed.map_err(|error| advised(id, error))
    }

    /// Cancels a remediation; what is open becomes `cancelled`.
    #[boxed]
    pub async fn cancel(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        self.control(who, id, &Event::CancelRequested { by: who.name.clone(), reason: None }).await
    }

    /// Makes the plan of a pending remediation again; votes so far are void.
    #[boxed]
    pub async fn replan(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        self.control(who, id, &Event::ReplanRequested).await
    }

    async fn control(&self, who: &Principal, id: &RemediationId, event: &Event) -> Result<Remediation, Error> {
        allow(who, Permission::Control)?;
        let recorded = self.site().history.record(id, None, who, event, self.site().now()).await;
        recorded.map_err(|error| advised(id, error.into()))
    }
}

/// Adds what a person can do if the request does not fit the remediation's status.
fn advised(id: &RemediationId, error: Error) -> Error {
    let Error::Transition(IllegalTransition { status, event }) = error else { return error };
    let advice = match (status, event) {
        (Status::Queued | Status::Planning | Status::Approved | Status::InProgress, "resumed") => {
            "only a paused remediation can be resumed; a `clawback worker` continues it, or `clawback run` and its ID"
        }
        (Status::PendingApproval, "resumed" | "pause-requested") => {
            "it waits for votes: `clawback approve` or `clawback reject`, or `clawback cancel`"
        }
        (Status::Queued | Status::Planning, "pause-requested") => {
            "there is no plan to pause yet; `clawback cancel` cancels it"
        }
        (Status::Paused, "pause-requested") => {
            "it is resumed with `clawback resume`, or cancelled with `clawback cancel`"
        }
        (Status::Paused, "resumed") => "its cancel is under way",
        (Status::Failed, "resumed") => {
            "a plan that was refused is not resumed; change what its stop reason names, and submit it again"
        }
        (_, "replan-requested") => "only a plan that waits for votes can be made again",
        (status, _) if status.is_final() => "it has ended, and its history shows how",
        _ => return Error::Transition(IllegalTransition { status, event }),
    };
    Error::WrongStatus { id: id.clone(), status, advice }
}

/// A guard's stop must be lifted by a second person: one who may decide on plans, and not the requester.
fn lifts(who: &Principal, paused: &Remediation) -> Result<(), Error> {
    match paused.stop.as_ref().filter(|_| !paused.may_be_resumed_by(who)) {
        Some(reason) => {
            Err(Error::GuardNotLifted { id: paused.id.clone(), name: who.name.clone(), rule: reason.rule() })
        }
        None => Ok(()),
    }
}
