//! The fold of the events of one remediation.

use clawback_model::{Approval, Digest, Event, Link, Remediation, ReplayError, Timestamp};

use super::found::{Found, VerifyError};
use crate::chain;
use crate::database::dialect::Tx;
use crate::history::batches::Batch;
use crate::history::budgets;
use crate::rows::word;

/// The fold of the events of one remediation.
#[derive(Default)]
pub(super) struct ExpectedRows {
    pub(super) fold: Option<Remediation>,
    /// The submitter, and the numbers of the submission and of all events.
    pub(super) actor: String,
    pub(super) submitted: i64,
    pub(super) events: i64,
    /// The last request for votes, with its time.
    pub(super) asked: Option<(Approval, Timestamp)>,
    /// The number of the event, and the row that it must have written.
    pub(super) votes: Vec<(i64, [Option<String>; 4], i64)>,
    pub(super) batches: Vec<Batch>,
    pub(super) planned_at: Timestamp,
    /// The rows that its starts without a vote must have written.
    pub(super) counted: Vec<(String, String, i64, i64, i64)>,
    pub(super) cancelled: Option<Digest>,
}

pub(super) async fn read_story(tx: &mut Tx, id: &str) -> Result<ExpectedRows, VerifyError> {
    let mut story = ExpectedRows::default();
    let entries = chain::of_remediation(tx, id).await?;
    let Some(first) = entries.first().map(|entry| &entry.link) else { return Ok(story) };
    (story.actor, story.submitted) = (first.actor.clone(), first.seq);
    let unreadable = |seq, detail| Found::EventUnreadable { seq, detail };
    let parsed = id.parse().map_err(|_| unreadable(first.seq, format!("`{id}` is not a remediation ID")))?;
    let mut replay = Remediation::replay(parsed);
    for Link { seq, at, body, .. } in entries.iter().map(|entry| &entry.link) {
        let (seq, at) = (*seq, *at);
        let event: Event = serde_json::from_str(body).map_err(|error| unreadable(seq, error.to_string()))?;
        let fold = replay.add(&event, at).map_err(|error| match error {
            ReplayError::NotSubmitted { .. } => Found::RemediationAdded { remediation: id.to_owned() },
            ReplayError::Illegal(error) => {
                Found::EventImpossible { seq, remediation: id.to_owned(), detail: error.to_string() }
            }
        })?;
        story.events += 1;
        story.add(fold, seq, at, event);
    }
    story.fold = replay.end();
    Ok(story)
}

impl ExpectedRows {
    fn add(&mut self, fold: &Remediation, seq: i64, at: Timestamp, event: Event) {
        match event {
            Event::Planned { .. } | Event::VoteRequired { .. } => {
                if matches!(event, Event::Planned { .. }) {
                    self.planned_at = at;
                }
                self.asked = fold.approval.clone().map(|asked| (asked, at)).or_else(|| self.asked.take());
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

    /// Returns the batch that a target belongs to.
    pub(super) fn batch_of(&self, seq: u32) -> Option<&Batch> {
        self.batches.iter().find(|batch| seq >= batch.first && seq - batch.first < batch.targets)
    }
}
