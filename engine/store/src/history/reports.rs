//! Reports of suspicious messages, and their groups. The remediation of a group is filed in the transaction of the
//! report that makes them enough, so it is filed once, however many reports come in at once.

use crate::boxed::boxed;
use clawback_model::{
    GROUP_IDLE, NotCounted, OpenGroup, OpenGroups, Placed, REPORTS_KEPT, Report, ReportGroup, Status, Timestamp,
};

use super::transitions::{Filing, file};
use crate::database::dialect::{Row, Tx};
use crate::error::StoreError;
use crate::notifying::reports::join;
use crate::rows::{number, remediation_id, state};
use crate::store::Store;

/// The most open groups that a report is compared with, the last reported first.
const MOST_OPEN: u32 = 1_000;
const COLUMNS: &str = "g.number, g.first_at, g.last_at, g.reports, g.people, g.message_id, g.sender, g.subject, g.root, g.remediation_id, g.simulation";

/// A report with what is recorded beside it.
#[derive(Debug, Clone, Copy)]
pub struct NewReport<'a> {
    /// The report.
    pub report: &'a Report,
    /// The principal that brought it.
    pub brought_by: &'a str,
    /// The fingerprint of the mail, if it was read from a mailbox.
    pub fingerprint: Option<&'a str>,
    /// Where it belongs; `None` if it is not counted.
    pub placed: Option<&'a Placed>,
    /// The remediation that is filed with it.
    pub filing: Option<&'a Filing>,
}

/// Whether a report was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was; the number of its group.
    Yes(Option<i64>),
    /// Another report was recorded meanwhile: place it again.
    Changed,
    /// The mail with this fingerprint was reported before.
    Before,
}

impl Store {
    /// Returns the groups that take a report of this person now, the last reported first, and the largest number. A group
    /// whose remediation ended without a decision takes none, so that further reports search again.
    #[tracing::instrument(name = "store.reports.open", skip_all)]
    #[boxed]
    pub async fn open_groups(&self, reporter: &str, now: Timestamp) -> Result<OpenGroups, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, (SELECT COUNT(*) FROM reporters x WHERE x.report_group = g.number AND x.reporter = $1) \
             FROM report_groups g LEFT JOIN remediations r ON r.id = g.remediation_id WHERE g.last_at > $2 \
             AND (r.status IS NULL OR r.status NOT IN ('failed', 'expired', 'cancelled', 'nothing-to-do')) ORDER BY g.last_at DESC, g.number DESC LIMIT $3"
        );
        let values = [reporter.into(), now.minus(GROUP_IDLE).into(), MOST_OPEN.into()];
        let mut tx = self.read().await?;
        let last = tx.row("SELECT COALESCE(MAX(number), 0) FROM report_groups", &[]).await?;
        let last = last.map_or(Ok(0), |row| row.int(0))?;
        let rows = tx.rows(sql, &values).await?;
        let open = |row: &Row| Ok(OpenGroup { group: read(row)?, has_reporter: row.int(11)? > 0 });
        Ok(OpenGroups { groups: rows.iter().map(open).collect::<Result<_, StoreError>>()?, last })
    }

    /// Returns groups with the status of their remediation, the last reported first.
    #[tracing::instrument(name = "store.reports.groups", skip_all)]
    #[boxed]
    pub async fn report_groups(&self, most: u32) -> Result<Vec<(ReportGroup, Option<Status>)>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, r.state FROM report_groups g LEFT JOIN remediations r ON r.id = g.remediation_id \
             ORDER BY g.last_at DESC, g.number DESC LIMIT $1"
        );
        let rows = self.rows(sql, &[most.into()]).await?;
        let group = |row: &Row| {
            let group = read(row)?;
            let status = if group.remediation.is_some() { Some(state(row, 11)?.status) } else { None };
            Ok((group, status))
        };
        rows.iter().map(group).collect()
    }

    /// Records a report in its place, and files the remediation of its group. Writes nothing if the group has changed
    /// since it was read.
    #[tracing::instrument(name = "store.reports.record", skip_all)]
    #[boxed]
    pub async fn record_report(&self, new: &NewReport<'_>) -> Result<Recorded, StoreError> {
        let mut tx = self.write().await?;
        let recorded = record(&mut tx, new).await?;
        match recorded {
            Recorded::Yes(_) => tx.commit().await?,
            Recorded::Changed | Recorded::Before => tx.roll_back().await?,
        }
        Ok(recorded)
    }

    /// Removes reports that are too old. Groups that are still answered stay.
    #[tracing::instrument(name = "store.reports.forget", skip_all)]
    #[boxed]
    pub async fn forget_reports(&self, now: Timestamp) -> Result<(), StoreError> {
        let before = now.minus(REPORTS_KEPT);
        let old = "SELECT number FROM report_groups WHERE last_at < $1 AND number NOT IN \
                   (SELECT report_group FROM reporters WHERE next_at IS NOT NULL)";
        let mut tx = self.write().await?;
        for sql in [
            format!("DELETE FROM reports WHERE report_group IN ({old})"),
            "DELETE FROM reports WHERE report_group IS NULL AND reported_at < $1".to_owned(),
            format!("DELETE FROM reporters WHERE report_group IN ({old})"),
            format!("DELETE FROM report_groups WHERE number IN ({old})"),
        ] {
            tx.execute(sql, &[before.into()]).await?;
        }
        tx.commit().await
    }
}

async fn record(tx: &mut Tx, new: &NewReport<'_>) -> Result<Recorded, StoreError> {
    let NewReport { report, brought_by, fingerprint, placed, filing } = new;
    // The remediation is locked first, then the chain, then the group: an event of the remediation does it in this order.
    let has_ended = match placed.and_then(|placed| placed.group.remediation.as_ref()) {
        Some(id) => {
            let sql = tx.for_update("SELECT id, state FROM remediations WHERE id = $1");
            let row = tx.row(sql, &[id.as_str().into()]).await?;
            row.map(|row| state(&row, 1)).transpose()?.is_some_and(|remediation| remediation.status.is_final())
        }
        None => false,
    };
    if let Some(filing) = filing {
        file(tx, filing).await?;
    }
    let group = match placed {
        Some(placed) => match place(tx, placed, filing.map(|filing| filing.remediation.id.as_str())).await? {
            Some(group) => Some(group),
            None => return Ok(Recorded::Changed),
        },
        None => None,
    };
    let sql = "INSERT INTO reports (id, report_group, reporter, reported_at, source, kind, message_id, sender, subject, \
               brought_by, fingerprint, not_counted) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
               ON CONFLICT (fingerprint) DO NOTHING";
    let values = [
        report.id.as_str().into(),
        group.into(),
        (&report.reporter).into(),
        report.reported_at.into(),
        report.source.as_str().into(),
        report.kind.as_str().into(),
        (&report.message_id).into(),
        (&report.sender).into(),
        (&report.subject).into(),
        (*brought_by).into(),
        (*fingerprint).into(),
        report.not_counted.map(NotCounted::as_str).into(),
    ];
    if tx.execute(sql, &values).await? == 0 {
        return Ok(Recorded::Before);
    }
    if let Some(group) = group {
        // Nothing is looked into for a simulation, so its reporters are answered at once.
        let is_settled = has_ended || report.simulation.is_some();
        join(tx, group, &report.reporter, report.reported_at, is_settled).await?;
    }
    Ok(Recorded::Yes(group))
}

/// Writes the group with the report, and returns its number; `None` if it has changed since it was read.
async fn place(tx: &mut Tx, placed: &Placed, remediation: Option<&str>) -> Result<Option<i64>, StoreError> {
    let Placed { group, before, .. } = placed;
    if *before > 0 {
        let sql = "UPDATE report_groups SET last_at = $1, reports = $2, people = $3, \
                   remediation_id = COALESCE(remediation_id, $4) \
                   WHERE number = $5 AND reports = $6 AND ($4 IS NULL OR remediation_id IS NULL)";
        let values = [
            group.last_at.into(),
            group.reports.into(),
            group.people.into(),
            remediation.into(),
            group.number.into(),
            (*before).into(),
        ];
        return Ok((tx.execute(sql, &values).await? == 1).then_some(group.number));
    }
    // A group that another transaction begins at once may be that of this report.
    let sql = "INSERT INTO report_groups (number, first_at, last_at, reports, people, message_id, sender, subject, root, \
               remediation_id, simulation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (number) DO NOTHING";
    let values = [
        group.number.into(),
        group.first_at.into(),
        group.last_at.into(),
        group.reports.into(),
        group.people.into(),
        (&group.message_id).into(),
        (&group.sender).into(),
        (&group.subject).into(),
        group.root.to_string().into(),
        remediation.into(),
        group.simulation.as_deref().into(),
    ];
    Ok((tx.execute(sql, &values).await? == 1).then_some(group.number))
}

fn read(row: &Row) -> Result<ReportGroup, StoreError> {
    let count = |column, name| number(row, column, "report_groups", name);
    Ok(ReportGroup {
        number: row.int(0)?,
        first_at: row.time(1)?,
        last_at: row.time(2)?,
        reports: count(3, "reports")?,
        people: count(4, "people")?,
        message_id: row.string(5)?,
        sender: row.string(6)?,
        subject: row.string(7)?,
        root: row
            .text(8)?
            .parse()
            .map_err(|_| StoreError::corrupt("report_groups", "root", row.int(0).unwrap_or(0)))?,
        remediation: row.opt_text(9)?.is_some().then(|| remediation_id(row, 9)).transpose()?,
        simulation: row.opt_text(10)?.map(Into::into),
    })
}
