//! Arguments that filter remediations.

use clap::Args;
use clawback_model::{Action, ActionSource, Status, Timestamp};

/// Which remediations are listed, and how many of them.
#[derive(Debug, Args)]
pub(crate) struct HistoryFilterArgs {
    /// Part of the name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Approval ID
    #[arg(long)]
    pub(crate) approval_id: Option<String>,
    /// Investigation ID
    #[arg(long)]
    pub(crate) investigation_id: Option<String>,
    /// Status, e.g. completed; may be repeated or a list between commas, for any of them
    #[arg(long, value_delimiter = ',')]
    pub(crate) status: Vec<Status>,
    /// manual, explorer, script, schedule, air or api
    #[arg(long)]
    pub(crate) action_source: Option<ActionSource>,
    /// soft-delete, …
    #[arg(long)]
    pub(crate) action_type: Option<Action>,
    /// A principal's name, or automation
    #[arg(long)]
    pub(crate) decided_by: Option<String>,
    /// The requester: a principal's name
    #[arg(long, value_name = "NAME")]
    pub(crate) requested_by: Option<String>,
    /// Name of the playbook
    #[arg(long, value_name = "NAME")]
    pub(crate) playbook: Option<String>,
    /// A mailbox with a message of its plan: who touched this user's mail?
    #[arg(long, value_name = "MAILBOX")]
    pub(crate) mailbox: Option<String>,
    /// Message-ID of a message of its plan, with its angle brackets
    #[arg(long, value_name = "ID")]
    pub(crate) message_id: Option<String>,
    /// Submitted at or after: 2d (that long ago), 2026-11-23, 2026-11-23T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Moment>,
    /// Submitted before, written likewise
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<Moment>,
    /// Also remediations of schedules that found nothing
    #[arg(long)]
    pub(crate) empty: bool,
    /// Rows to print
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: u32,
    /// Continue at the `next` of an earlier answer
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
}

/// A moment: a time, or how long ago.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    At(Timestamp),
    Ago(std::time::Duration),
}

impl Moment {
    /// The time that is meant, seen from `now`.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(long) => now.minus(long),
        }
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    let ago = clawback_scripting::parse_duration(text).map(Moment::Ago);
    ago.or_else(|| Timestamp::parse(text).map(Moment::At)).ok_or_else(|| {
        "expected how long ago (2d, 6h), a date (2026-11-23) or a time (2026-11-23T08:00:00Z)".to_owned()
    })
}
