//! Answers to reporters: a row for each person of a group of reports. It becomes due in the transaction in which the
//! remediation of the group ends, or at once if the message is a phishing simulation. A node that takes an answer defers it, sends it, and only then marks the row: so only
//! one node sends, and if it crashes, another one does.

use crate::boxed::boxed;
use clawback_model::{RemediationId, ReportVerdict, Timestamp};

use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::rows::{remediation_id, state};
use crate::store::Store;

/// An answer that was taken by this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueAnswer {
    /// The number of the group.
    pub group: i64,
    /// The address of the person.
    pub reporter: String,
    /// When they reported it first.
    pub reported_at: Timestamp,
    /// The subject of the message; the sender chose it.
    pub subject: String,
    /// The remediation that has ended; `None` if the message is a phishing simulation.
    pub remediation: Option<RemediationId>,
    /// What is said of the message.
    pub verdict: Option<ReportVerdict>,
    /// When it was known.
    pub ended_at: Timestamp,
    /// The number of this attempt, from 1.
    pub tries: i64,
    /// When the attempts began.
    pub since: Timestamp,
}

/// The due answers; of one remediation only, if given.
const DUE: &str = "SELECT x.report_group, x.reporter, x.reported_at, g.subject, g.remediation_id, r.state, x.tries, x.since \
    FROM reporters x JOIN report_groups g ON g.number = x.report_group LEFT JOIN remediations r ON r.id = g.remediation_id \
    WHERE x.next_at <= $1 AND (r.id IS NOT NULL OR g.simulation IS NOT NULL) AND ($2 = '' OR g.remediation_id = $2) ORDER BY x.next_at, x.report_group, x.reporter LIMIT $3";

impl Store {
    /// Takes due answers, oldest first; of one remediation only, if given. Each is due again at `again` unless it is
    /// marked as sent or deferred before.
    #[tracing::instrument(name = "store.answers_to_reports.take", skip_all)]
    #[boxed]
    pub async fn take_answers(
        &self,
        of: Option<&RemediationId>,
        (now, again): (Timestamp, Timestamp),
        most: u32,
    ) -> Result<Vec<DueAnswer>, StoreError> {
        let mut tx = self.write().await?;
        let only = of.map_or("", RemediationId::as_str);
        let due = tx.rows(DUE, &[now.into(), only.into(), most.into()]).await?;
        let mut taken = Vec::with_capacity(due.len());
        for row in &due {
            let (group, reporter, tries) = (row.int(0)?, row.string(1)?, row.int(6)?);
            let sql = "UPDATE reporters SET next_at = $1, tries = tries + 1 \
                       WHERE report_group = $2 AND reporter = $3 AND tries = $4 AND next_at <= $5";
            let values = [again.into(), group.into(), (&reporter).into(), tries.into(), now.into()];
            if tx.execute(sql, &values).await? == 1 {
                let reported_at = row.time(2)?;
                let (remediation, verdict, ended_at) = if row.opt_text(4)?.is_some() {
                    let ended = state(row, 5)?;
                    (Some(remediation_id(row, 4)?), ReportVerdict::of(&ended), ended.updated_at)
                } else {
                    (None, Some(ReportVerdict::Simulation), reported_at)
                };
                taken.push(DueAnswer {
                    group,
                    reporter,
                    reported_at,
                    subject: row.string(3)?,
                    remediation,
                    verdict,
                    ended_at,
                    tries: tries + 1,
                    since: row.opt_int(7)?.map_or(now, Timestamp),
                });
            }
        }
        tx.commit().await?;
        Ok(taken)
    }

    /// Ends an answer: it was sent at this time, or given up.
    #[tracing::instrument(name = "store.answers_to_reports.done", skip_all)]
    #[boxed]
    pub async fn answered(&self, answer: &DueAnswer, sent_at: Option<Timestamp>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE reporters SET next_at = NULL, answered_at = $1 \
                   WHERE report_group = $2 AND reporter = $3 AND tries = $4";
        let values = [sent_at.into(), answer.group.into(), (&answer.reporter).into(), answer.tries.into()];
        tx.execute(sql, &values).await?;
        tx.commit().await
    }

    /// Defers an answer that could not be sent.
    #[tracing::instrument(name = "store.answers_to_reports.defer", skip_all)]
    #[boxed]
    pub async fn defer_answer(&self, answer: &DueAnswer, next: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE reporters SET next_at = $1 WHERE report_group = $2 AND reporter = $3 AND tries = $4";
        tx.execute(sql, &[next.into(), answer.group.into(), (&answer.reporter).into(), answer.tries.into()]).await?;
        tx.commit().await
    }
}

/// Makes the answers of a remediation due that has ended.
pub(crate) async fn ended(tx: &mut Tx, id: &str, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE reporters SET next_at = $1, since = $1 WHERE answered_at IS NULL AND next_at IS NULL AND tries = 0 \
               AND report_group IN (SELECT number FROM report_groups WHERE remediation_id = $2)";
    tx.execute(sql, &[at.into(), id.into()]).await.map(drop)
}

/// Adds a person to a group. If its remediation has ended already, the answer is due at once.
pub(crate) async fn join(
    tx: &mut Tx,
    group: i64,
    reporter: &str,
    at: Timestamp,
    has_ended: bool,
) -> Result<(), StoreError> {
    let due = has_ended.then_some(at);
    let sql = "INSERT INTO reporters (report_group, reporter, reported_at, next_at, since) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (report_group, reporter) DO NOTHING";
    tx.execute(sql, &[group.into(), reporter.into(), at.into(), due.into(), due.into()]).await.map(drop)
}
