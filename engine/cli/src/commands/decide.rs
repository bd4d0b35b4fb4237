//! `clawback approve` and `clawback reject`.

use clawback_model::{Decision, Status};

use crate::args::{DecideArgs, Global};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};

pub(crate) async fn run(global: &Global, args: DecideArgs, decision: Decision) -> Result<Exit, Failure> {
    let approves = decision == Decision::Approve;
    let stores = if approves { Stores::unless(args.leave) } else { Stores::None };
    let session = Session::open(global, stores).await?;
    let remediation = session.find(&args.id).await?;
    let voted = session.api.decide(&session.who, &remediation.id, decision, args.digest, args.comment).await?;
    if approves && voted.status == Status::Approved {
        return super::work::carry_on(global, &session, &voted.id, args.leave).await;
    }
    super::work::tell(global, &voted)
}
