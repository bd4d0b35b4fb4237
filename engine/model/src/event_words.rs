//! The text of an event, the same in every front end: what is shown next to its kind.

use crate::counted::Counted;
use crate::counts::Counts;
use crate::event::Event;
use crate::handling::AlertHandling;
use crate::vote::{Decision, Vote};

impl Event {
    /// Describes the event in one line, without its actor and kind; empty if the kind says everything. Comments and
    /// reasons are unescaped; the caller escapes them for its output.
    pub fn in_words(&self) -> String {
        match self {
            Self::Submitted { request } => {
                let by = request.agent.as_ref().map(|_| format!("by {}; ", request.requester_in_words()));
                format!("{}{}: {}", by.unwrap_or_default(), request.action, request.selection_in_words())
            }
            Self::Planned { plan, approval, decided_by, .. } => {
                let asks = match (approval, decided_by) {
                    (Some(rule), _) if rule.votes == 1 => "asks for 1 vote".to_owned(),
                    (Some(rule), _) => format!("asks for {} votes", rule.votes),
                    (None, Some(by)) => format!("needs no vote; decided by {by}"),
                    (None, None) => "needs no vote".to_owned(),
                };
                let counts = &plan.counts;
                let (all, open) = (counts.submitted, counts.remediable);
                format!(
                    "{all} messages, {open} remediable, in {} mailboxes; {asks}; plan {}",
                    plan.facts.mailboxes, plan.digest
                )
            }
            Self::PlanRefused { reason }
            | Self::Paused { reason }
            | Self::Held { reason }
            | Self::VoteRequired { reason, .. } => reason.to_string(),
            Self::Counted { counted } => {
                let of = |one: &Counted| {
                    let Counted { by, name, messages, mailboxes } = one;
                    format!("{} {name}: {messages} messages in {mailboxes} mailboxes", by.as_str())
                };
                format!("starts without a vote; {}", counted.iter().map(of).collect::<Vec<_>>().join("; "))
            }
            Self::Voted { vote } => voted(vote),
            Self::BatchStarted { number, targets, .. } => format!("batch {number}: {targets} messages"),
            Self::BatchFinished { number, report, .. } => {
                let throttled = match report.throttled {
                    0 => String::new(),
                    times => format!(", throttled {times} times"),
                };
                format!("batch {number}: {}{throttled}", counted(&report.counts))
            }
            Self::CancelRequested { by, reason: Some(reason) } => format!("by {by}, {reason}"),
            Self::PauseRequested { by } | Self::Resumed { by } | Self::CancelRequested { by, reason: None } => {
                format!("by {by}")
            }
            Self::Cancelled { by, targets, .. } => format!("{targets} messages were open; by {by}"),
            Self::VotesVoided { voters } => format!("votes that no longer count: {}", voters.join(", ")),
            Self::Verified { confirmed, unconfirmed, .. } => format!("{confirmed} confirmed, {unconfirmed} not"),
            Self::AlertHandled(handling) => handled(handling),
            Self::IncidentLinked { incident: Some(incident) } => incident.to_string(),
            Self::IncidentLinked { incident: None } => "no incident any more".to_owned(),
            Self::PlanningStarted
            | Self::ReplanRequested
            | Self::Expired
            | Self::Started
            | Self::Released
            | Self::Finished => String::new(),
        }
    }
}

fn handled(handling: &AlertHandling) -> String {
    let owner = handling.owner.as_ref().map_or("without an owner".to_owned(), |owner| format!("owner {owner}"));
    let classified = handling.classification.map(|found| match handling.determination {
        Some(exactly) => format!(", {found} ({exactly})"),
        None => format!(", {found}"),
    });
    let comment = handling.comment.as_ref().map(|comment| format!(": {comment}"));
    format!("{}, {owner}{}{}", handling.state, classified.unwrap_or_default(), comment.unwrap_or_default())
}

fn voted(vote: &Vote) -> String {
    let decision = match vote.decision {
        Decision::Approve => "approved",
        Decision::Reject => "rejected",
    };
    let plan = match &vote.signature {
        Some(signature) => format!("plan {}, signed by {}", vote.digest, signature.made),
        None => format!("plan {}", vote.digest),
    };
    // The comment comes first, because a table may cut off what follows a digest.
    match &vote.comment {
        Some(comment) => format!("{decision}: {comment} ({plan})"),
        None => format!("{decision} ({plan})"),
    }
}

/// Returns the counts that are not zero.
fn counted(counts: &Counts) -> String {
    let parts = counts.parts().into_iter().filter(|(_, number)| *number > 0);
    parts.map(|(name, number)| format!("{number} {name}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classification::{Classification, Determination};
    use crate::clock::Timestamp;
    use crate::guard::BatchReport;
    use crate::sha256::Digest;
    use crate::stop_reason::StopReason;

    #[test]
    fn an_event_says_who_decided_what_and_how_much_was_done() {
        let vote = |decision, comment: Option<&str>| {
            let (digest, comment) = (Digest::of(b"plan"), comment.map(str::to_owned));
            Event::Voted {
                vote: Vote { by: "ben".into(), decision, digest, comment, at: Timestamp(0), signature: None },
            }
            .in_words()
        };
        assert!(vote(Decision::Approve, Some("it is the campaign")).starts_with("approved: it is the campaign (plan "));
        assert!(vote(Decision::Reject, None).starts_with("rejected (plan "));
        let mut counts = Counts::planned(5, 0);
        counts.record(crate::outcome::OutcomeKind::Succeeded, 4);
        counts.record(crate::outcome::OutcomeKind::Failed, 1);
        let report = BatchReport { counts, throttled: 2 };
        let ended = Event::BatchFinished { number: 3, report, outcomes: Digest::of(b"") };
        assert_eq!(ended.in_words(), "batch 3: 4 succeeded, 1 failed, throttled 2 times");
        let own = crate::example::request(crate::action::Action::SoftDelete, crate::action::ActionSource::Api);
        let own = crate::event::Request { in_words: "sender is eve".into(), ..own };
        assert_eq!(Event::Submitted { request: own.clone() }.in_words(), "soft-delete: sender is eve");
        let agents = crate::event::Request { agent: Some("desk".into()), ..own };
        assert_eq!(
            Event::Submitted { request: agents.clone() }.in_words(),
            "by agent desk on behalf of ann; soft-delete: sender is eve"
        );
        let service = crate::event::Request { requested_by: "desk-token".into(), owner: Some("ann".into()), ..agents };
        assert_eq!(service.requester_in_words(), "agent desk on behalf of ann, by desk-token");
        let reason = StopReason::Person { by: "ann".into() };
        assert_eq!(Event::Paused { reason: reason.clone() }.in_words(), reason.to_string());
        assert_eq!(Event::Finished.in_words(), "");
        let handling = AlertHandling { owner: Some("ann".to_owned()), ..AlertHandling::default() };
        let plain = Event::AlertHandled(AlertHandling::default());
        assert_eq!(plain.in_words(), "new, without an owner");
        let classified = Event::AlertHandled(AlertHandling {
            classification: Some(Classification::TruePositive),
            determination: Some(Determination::Phishing),
            comment: Some("seen before".to_owned()),
            ..handling
        });
        assert_eq!(classified.in_words(), "new, owner ann, true-positive (phishing): seen before");
    }
}
