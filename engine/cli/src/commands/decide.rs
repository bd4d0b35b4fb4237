//! `clawback approve` and `clawback reject`.

use clawback_model::{Decision, Status};

use crate::args::{DecideArgs, Global};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};

pub(crate) async fn run(global: &Global, args: DecideArgs, decision: Decision) -> Result<Exit, Failure> {
    let runs = decision == Decision::Approve && !args.no_run;
    let session = Session::open(global, if runs { Stores::All } else { Stores::None }).await?;
    let remediation = session.find(&args.id).await?;
    let voted = session.api.decide(&session.who, &remediation.id, decision, args.digest, args.comment).await?;
    if runs && voted.status == Status::Approved {
        return super::work::carry_on(global, &session, &voted.id).await;
    }
    super::work::tell(global, &voted)
}
