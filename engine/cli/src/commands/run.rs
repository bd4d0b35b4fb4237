//! `clawback run`: a playbook from start to wherever it must wait, or an existing remediation from where it stands.

use clawback_model::RemediationId;

use crate::args::{Global, RunArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};

pub(crate) async fn run(global: &Global, args: RunArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::unless(args.leave)).await?;
    if let Ok(id) = args.playbook.parse::<RemediationId>() {
        session.api.may_work(&session.who)?;
        return super::work::carry_on(global, &session, &id, args.leave).await;
    }
    let leave = args.leave;
    let submission = super::plan::submission(&args.playbook, args.with)?;
    let remediation = session.api.submit(&session.who, submission).await?;
    super::work::carry_on(global, &session, &remediation.id, leave).await
}
