//! Undo and retry: new remediations that follow an old one.

use crate::boxed::boxed;
use std::time::Duration;

use clawback_model::{Action, ApprovalRule, Origin, Permission, Principal, Remediation, RemediationId, Status};
use clawback_runtime::{Error, intake, planning};

use crate::api::Api;
use crate::authorization::{allow, allow_action};

impl Api {
    /// Submits a remediation that puts back what `id` moved.
    #[boxed]
    pub async fn undo(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        allow(who, Permission::Submit)?;
        let old = self.site().history.load(id).await?;
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
        let undos = self.site().history.undos(id).await?;
        if old.left_to_undo(&undos) == 0
            && let Some(last) = undos.iter().rfind(|undo| undo.counts.succeeded > 0)
        {
            return Err(Error::Undone { id: id.clone(), by: last.id.clone() });
        }
        let name = format!("Undo {}", old.request.name);
        let request = intake::follow_up(self.site(), who, &old, name, Action::Restore, Origin::Undo { of: id.clone() });
        self.file(request, who).await
    }

    async fn has_messages(&self, id: &RemediationId) -> Result<(), Error> {
        if self.site().history.messages_removed(id).await? {
            return Err(Error::MessagesRemoved { id: id.clone() });
        }
        Ok(())
    }

    /// Submits a remediation with what failed in `id`, under the same approval while that is valid.
    #[boxed]
    pub async fn retry(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        allow(who, Permission::Submit)?;
        let old = self.site().history.load(id).await?;
        allow_action(who, old.request.action)?;
        if !matches!(old.status, Status::PartiallyCompleted | Status::Failed | Status::Cancelled) {
            let advice = match old.status {
                Status::Completed | Status::NothingToDo => {
                    "no message of it failed; to act on messages that were moved meanwhile, run the playbook again"
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
        // A message that an earlier retry moved would count once more.
        let retries = self.site().history.followers(id).await?.retries;
        if let Some(last) = retries.iter().rfind(|retry| retry.may_act_or_has_acted()) {
            return Err(Error::Retried { id: id.clone(), by: last.id.clone() });
        }
        // The approval is that of the first, however many retries there were.
        let root = planning::root(self.site(), old.clone()).await?;
        let valid = root.approval.as_ref().map_or(ApprovalRule::default().expires, |approval| approval.rule.expires);
        if self.site().now().since(root.created_at) > valid {
            return Err(Error::ApprovalTooOld { id: id.clone(), days: days(valid) });
        }
        let name = format!("Retry {}", old.request.name);
        let request =
            intake::follow_up(self.site(), who, &old, name, old.request.action, Origin::Retry { of: id.clone() });
        self.file(request, who).await
    }
}

fn days(duration: Duration) -> u64 {
    duration.as_secs() / 86_400
}
