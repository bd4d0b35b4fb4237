//! Remediations under way: paused, resumed, cancelled, planned anew.

use clawback_model::{Event, IllegalTransition, Permission, Principal, Remediation, RemediationId, Status};
use clawback_runtime::{Error, planning};

use crate::api::Api;
use crate::authorization::{allow, allow_action};

impl Api {
    /// Asks a running remediation to stop for now.
    pub async fn pause(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        self.control(who, id, &Event::PauseRequested { by: who.name.clone() }).await
    }

    /// Lets a paused remediation go on, if there is room for it; while the site is halted, once it is no more. What a guard paused
    /// is let go on by an approver who did not ask for it.
    pub async fn resume(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        allow(who, Permission::Control)?;
        // Whoever lets it go on asks for it as much as whoever submitted it.
        allow_action(who, self.site().history.load(id).await?.request.action)?;
        let header = self.site().history.plan_header(id).await?;
        let admission = planning::admission(self.site(), header.as_ref().and_then(|header| header.terms.as_ref()));
        let may_go_on = |paused: &Remediation| lifts(who, paused);
        let resumed = self.site().history.resume(id, &admission, who, self.site().now(), may_go_on).await;
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
        let recorded = self.site().history.record(id, None, who, event, self.site().now()).await;
        recorded.map_err(|error| advised(id, error.into()))
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

/// What a guard stopped is weighed by a second person: somebody who decides on plans, and never whoever asked for it.
fn lifts(who: &Principal, paused: &Remediation) -> Result<(), Error> {
    match paused.stop.as_ref().filter(|_| !paused.may_be_resumed_by(who)) {
        Some(reason) => Err(Error::GuardStands { id: paused.id.clone(), name: who.name.clone(), rule: reason.rule() }),
        None => Ok(()),
    }
}
