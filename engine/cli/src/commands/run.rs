//! `clawback run`: a playbook from start to wherever it must wait, or an existing remediation from where it stands.

use clawback_model::RemediationId;

use crate::args::{Global, RunArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::remote::Remote;

pub(crate) async fn run(global: &Global, args: RunArgs) -> Result<Exit, Failure> {
    let leave = args.leave;
    let existing = args.playbook.parse::<RemediationId>().ok();
    if let Some(remote) = Remote::of(global)? {
        if let Some(id) = existing {
            return super::follow::follow(global, &remote, &id.to_string(), leave).await;
        }
        let submission = super::plan::submission(&args.playbook, args.with)?;
        return super::submit::there(global, &remote, submission, leave).await;
    }
    let session = Session::open(global, Stores::unless(leave)).await?;
    if let Some(id) = existing {
        session.api.may_work(&session.who)?;
        return super::foreground::carry_on(global, &session, &id, leave).await;
    }
    let submission = super::plan::submission(&args.playbook, args.with)?;
    let remediation = session.api.submit(&session.who, submission).await?;
    super::foreground::carry_on(global, &session, &remediation.id, leave).await
}
