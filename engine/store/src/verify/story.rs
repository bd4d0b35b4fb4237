//! What the events of one remediation add up to.

use clawback_model::{Approval, Digest, Event, Remediation, Timestamp};

use super::found::{Found, VerifyError};
use crate::chain;
use crate::database::dialect::Tx;
use crate::history::batches::Batch;
use crate::history::budgets;
use crate::rows::word;

/// What the events of one remediation add up to.
#[derive(Default)]
pub(super) struct Story {
    pub(super) fold: Option<Remediation>,
    /// Who submitted it, and the numbers of that event and of all.
    pub(super) actor: String,
    pub(super) submitted: i64,
    pub(super) events: i64,
    /// The last request for votes, and when it was made.
    pub(super) asked: Option<(Approval, Timestamp)>,
    /// Number of the event, and the row it must have left.
    pub(super) votes: Vec<(i64, [Option<String>; 4], i64)>,
    pub(super) batches: Vec<Batch>,
    pub(super) planned_at: Timestamp,
    /// The rows that its starts without a vote must have left.
    pub(super) counted: Vec<(String, String, i64, i64, i64)>,
    pub(super) cancelled: Option<Digest>,
}

pub(super) async fn read_story(tx: &mut Tx, id: &str) -> Result<Story, VerifyError> {
    let mut story = Story::default();
    for entry in chain::of_remediation(tx, id).await? {
        let (seq, at) = (entry.link.seq, entry.link.at);
        let unreadable = |detail: String| Found::EventUnreadable { seq, detail };
        let event: Event = serde_json::from_str(&entry.link.body).map_err(|error| unreadable(error.to_string()))?;
        story.fold = Some(match (story.fold.take(), &event) {
            (None, Event::Submitted { request }) => {
                let parsed = id.parse().map_err(|_| unreadable(format!("`{id}` is no remediation ID")))?;
                Remediation::submitted(parsed, request.clone(), at)
            }
            (Some(known), event) => known.apply(event, at).map_err(|error| Found::EventImpossible {
                seq,
                remediation: id.to_owned(),
                detail: error.to_string(),
            })?,
            (None, _) => return Err(Found::RemediationAdded { remediation: id.to_owned() }.into()),
        });
        if story.events == 0 {
            (story.actor, story.submitted) = (entry.link.actor.clone(), seq);
        }
        story.events += 1;
        story.add(seq, at, event);
    }
    Ok(story)
}

impl Story {
    fn add(&mut self, seq: i64, at: Timestamp, event: Event) {
        match event {
            Event::Planned { .. } | Event::VoteRequired { .. } => {
                if matches!(event, Event::Planned { .. }) {
                    self.planned_at = at;
                }
                let asked = self.fold.as_ref().and_then(|fold| fold.approval.clone());
                self.asked = asked.map(|asked| (asked, at)).or_else(|| self.asked.take());
            }
            Event::Counted { counted } => self.counted.extend(counted.iter().map(|one| budgets::row(one, at))),
            Event::Voted { vote } => {
                let texts = [Some(vote.by), Some(word(&vote.decision)), Some(vote.digest.to_string()), vote.comment];
                self.votes.push((seq, texts, vote.at.0));
            }
            Event::BatchStarted { number, first, targets } => {
                self.batches.push(Batch { number, first, targets, started_at: at, finished: None });
            }
            Event::BatchFinished { number, report, outcomes } => {
                if let Some(batch) = self.batches.iter_mut().find(|batch| batch.number == number) {
                    batch.finished = Some((at, report, outcomes));
                }
            }
            Event::Cancelled { outcomes, .. } => self.cancelled = Some(outcomes),
            _ => {}
        }
    }

    /// The batch that a target belongs to.
    pub(super) fn batch_of(&self, seq: u32) -> Option<&Batch> {
        self.batches.iter().find(|batch| seq >= batch.first && seq - batch.first < batch.targets)
    }
}
