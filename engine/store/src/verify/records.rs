//! Checks each remediation against its events: state, votes, counts, batches, and the digests of outcomes and of the
//! parts of the plan.

use std::borrow::Cow;
use std::collections::BTreeSet;

use clawback_model::{PlanHeader, Remediation, Status, Timestamp};

use super::expected_rows::{ExpectedRows, read_story};
use super::found::{Found, VerifyError};
use super::plan_proof::read_parts;
use super::related_rows::{RelatedRows, Tally};
use super::site::Facts;
use super::targets::check_targets;
use super::verified::Verified;
use crate::database::dialect::Tx;
use crate::history::batches::{Batch, read_batch};
use crate::history::budgets;
use crate::history::transitions::due;
use crate::replay::is_fold;
use crate::rows::{number as small, parse};
use crate::search_index::bitmap::BLOCK;
use crate::search_index::block::{Block, block};
use crate::search_index::index::stored;
use crate::work::outcomes::{Span, sum};

/// Checks every remediation.
pub(super) async fn check_all(
    tx: &mut Tx,
    facts: &Facts,
    now: Option<Timestamp>,
    seen: &mut Verified,
    progress: &mut impl FnMut(&Verified),
) -> Result<(), VerifyError> {
    let orphan = "SELECT e.remediation_id FROM events e LEFT JOIN remediations r ON r.id = e.remediation_id \
                  WHERE e.remediation_id IS NOT NULL AND r.id IS NULL ORDER BY e.seq LIMIT 1";
    if let Some(row) = tx.row(orphan, &[]).await? {
        return Err(Found::RemediationMissing { remediation: row.string(0)? }.into());
    }
    let mut number = 0;
    let mut tally = Tally::default();
    let mut words = Block::new(0);
    let sql = "SELECT id, number FROM remediations WHERE number > $1 ORDER BY number LIMIT 1";
    while let Some(row) = tx.row(sql, &[number.into()]).await? {
        let id = row.string(0)?;
        // Numbers are assigned consecutively.
        if row.int(1)? != number + 1 {
            return Err(Found::Rows { table: "remediations" }.into());
        }
        number = row.int(1)?;
        let story = read_story(tx, &id).await?;
        let Some(fold) = &story.fold else { return Err(Found::RemediationAdded { remediation: id }.into()) };
        check_state(tx, fold, &story, number, facts.older).await?;
        if block(number) != words.number {
            check_words(tx, &words).await?;
            words = Block::new(block(number));
        }
        words.add(number, fold);
        check_votes(tx, fold, &story).await?;
        check_counted(tx, fold, &story, number).await?;
        let beside = RelatedRows {
            fold,
            number,
            actor: &story.actor,
            submitted: story.submitted,
            asked: story.asked.as_ref(),
            now,
        };
        beside.check(tx, facts, &mut tally).await?;
        tally.add("votes", story.votes.len());
        tally.add("counted", story.counted.len());
        tally.add("batches", story.batches.len());
        let removed = facts.removed.contains_key(&id);
        tally.add("removals", usize::from(removed));
        check_batches(tx, fold, &story, number, removed).await?;
        if fold.plan.is_some() && !removed {
            check_targets(tx, fold, &story, number, seen, progress).await?;
        }
        if fold.plan.is_some() {
            check_parts(tx, fold, number).await?;
        }
        seen.remediations += 1;
        progress(seen);
    }
    check_words(tx, &words).await?;
    tally.check(tx, number).await
}

/// Checks the index, because a remediation that the filters cannot find is hidden.
async fn check_words(tx: &mut Tx, folded: &Block) -> Result<(), VerifyError> {
    if folded.words.is_empty() {
        return Ok(());
    }
    let stored = stored(tx, folded.number).await?.unwrap_or_else(|| Block::new(folded.number));
    let words: BTreeSet<_> = folded.words.keys().chain(stored.words.keys()).collect();
    let differs = words.into_iter().find(|word| folded.words.get(*word) != stored.words.get(*word));
    let times = (folded.first, folded.last, &folded.times) != (stored.first, stored.last, &stored.times);
    let word = differs.cloned().or_else(|| times.then(|| "since and until".to_owned()));
    let first = folded.number * BLOCK;
    word.map_or(Ok(()), |word| Err(Found::Words { word, first, last: first + BLOCK - 1 }.into()))
}

async fn check_state(
    tx: &mut Tx,
    fold: &Remediation,
    story: &ExpectedRows,
    number: i64,
    older: i64,
) -> Result<(), VerifyError> {
    let sql = "SELECT id, state, name, name_key, severity, status, action, action_source, approval_id, investigation_id, \
               requested_by, decided_by, created_at, updated_at, selection, follows, approved_at, due_at, version \
               FROM remediations WHERE number = $1";
    let Some(row) = tx.row(sql, &[number.into()]).await? else { return Ok(()) };
    let differs = |what| Err(Found::State { remediation: fold.id.to_string(), what }.into());
    let Ok(stored) = parse::<Remediation>(&row, 1, "remediations", "state") else { return differs("its state") };
    if !is_fold(&stored, fold) {
        return differs("its state");
    }
    let request = &fold.request;
    let columns: [(&'static str, &str); 9] = [
        ("name", &request.name),
        ("name_key", &request.name.to_lowercase()),
        ("severity", request.severity.as_str()),
        ("status", fold.status.as_str()),
        ("action", request.action.as_str()),
        ("action_source", request.source.as_str()),
        ("approval_id", request.approval_id.as_str()),
        ("investigation_id", request.investigation_id.as_str()),
        ("requested_by", &request.requested_by),
    ];
    for (place, (name, expected)) in columns.into_iter().enumerate() {
        if row.text(place + 2)? != expected {
            return differs(name);
        }
    }
    if row.opt_text(11)?.as_deref() != fold.decided_by.as_deref() {
        return differs("decided_by");
    }
    if row.time(12)? != fold.created_at || row.time(13)? != fold.updated_at {
        return differs("created_at or updated_at");
    }
    // Rows from before step 4 of the schema have none of these.
    let may_lack = story.submitted < older;
    let selection = request.selection().map(|digest| digest.to_string());
    let follows = request.follows().map(ToString::to_string);
    for (column, name, expected) in [(14, "selection", selection), (15, "follows", follows)] {
        let stored = row.opt_text(column)?;
        if stored.as_deref() != expected.as_deref() && !(stored.is_none() && may_lack) {
            return differs(name);
        }
    }
    if row.opt_int(16)? != stored.approved_at.map(|at| at.0) {
        return differs("approved_at");
    }
    // Whether a worker will check it. The time changes with its leases, except for a deadline.
    let (stored, expected) = (row.opt_int(17)?.map(Timestamp), due(fold, fold.updated_at));
    let deadline = fold.status == Status::PendingApproval;
    if stored.is_some() != expected.is_some() || (deadline && stored != expected) {
        return differs("due_at");
    }
    if row.int(18)? != story.events {
        return differs("version");
    }
    Ok(())
}

async fn check_votes(tx: &mut Tx, fold: &Remediation, story: &ExpectedRows) -> Result<(), VerifyError> {
    let sql =
        "SELECT event, voter, decision, digest, comment, cast_at FROM votes WHERE approval_id = $1 ORDER BY event";
    let rows = tx.rows(sql, &[fold.request.approval_id.as_str().into()]).await?;
    let mut stored = Vec::with_capacity(rows.len());
    for row in &rows {
        let text = |column| Ok::<_, VerifyError>(row.opt_text(column)?.map(Cow::into_owned));
        stored.push((row.int(0)?, [text(1)?, text(2)?, text(3)?, text(4)?], row.int(5)?));
    }
    let differs = |event| Err(Found::Vote { remediation: fold.id.to_string(), event }.into());
    for (place, expected) in story.votes.iter().enumerate() {
        if stored.get(place) != Some(expected) {
            return differs(expected.0);
        }
    }
    match stored.get(story.votes.len()) {
        Some((event, ..)) => differs(*event),
        None => Ok(()),
    }
}

/// Checks the counts towards the limits on what runs without a vote.
async fn check_counted(tx: &mut Tx, fold: &Remediation, story: &ExpectedRows, number: i64) -> Result<(), VerifyError> {
    let mut expected = story.counted.clone();
    expected.sort();
    if budgets::of(tx, number).await? == expected {
        return Ok(());
    }
    Err(Found::Counted { remediation: fold.id.to_string() }.into())
}

async fn check_batches(
    tx: &mut Tx,
    fold: &Remediation,
    story: &ExpectedRows,
    number: i64,
    removed: bool,
) -> Result<(), VerifyError> {
    let sql = "SELECT number, first_seq, targets, started_at, finished_at, report, outcomes FROM batches \
               WHERE remediation = $1 ORDER BY number";
    let rows = tx.rows(sql, &[number.into()]).await?;
    for place in 0..rows.len().max(story.batches.len()) {
        let stored = rows.get(place).map(read_batch).transpose()?;
        if stored.as_ref() != story.batches.get(place) {
            let number = u32::try_from(place).unwrap_or(u32::MAX);
            return Err(Found::Batch { remediation: fold.id.to_string(), number }.into());
        }
    }
    if removed {
        return Ok(());
    }
    for batch in &story.batches {
        let Some((_, _, expected)) = batch.finished else { continue };
        let found = sum(tx, number, Span::batch(batch.number, batch.first, batch.targets)).await?.digest;
        if found != expected {
            // Name the message if one is affected.
            name_missing(tx, fold, batch, number).await?;
            let remediation = fold.id.to_string();
            return Err(Found::Outcomes { remediation, number: batch.number, expected, found }.into());
        }
    }
    if let Some(expected) = story.cancelled {
        let found = sum(tx, number, Span::CANCELLED).await?.digest;
        if found != expected {
            return Err(Found::Cancelled { remediation: fold.id.to_string(), expected, found }.into());
        }
    }
    Ok(())
}

async fn name_missing(tx: &mut Tx, fold: &Remediation, batch: &Batch, number: i64) -> Result<(), VerifyError> {
    let sql = "SELECT t.seq FROM targets t LEFT JOIN outcomes o ON o.remediation = t.remediation AND o.seq = t.seq \
               WHERE t.remediation = $1 AND t.seq >= $2 AND t.seq < $3 AND o.seq IS NULL ORDER BY t.seq LIMIT 1";
    let end = i64::from(batch.first) + i64::from(batch.targets);
    match tx.row(sql, &[number.into(), batch.first.into(), end.into()]).await? {
        Some(row) => {
            let seq = small(&row, 0, "targets", "seq")?;
            Err(Found::OutcomeMissing { remediation: fold.id.to_string(), seq }.into())
        }
        None => Ok(()),
    }
}

/// Checks that the digests of a plan's parts hash to the plan's digest; a plan of version 1 has none.
async fn check_parts(tx: &mut Tx, fold: &Remediation, number: i64) -> Result<(), VerifyError> {
    let sql = "SELECT remediation, header, parts, targets FROM plans WHERE remediation = $1";
    let Some(row) = tx.row(sql, &[number.into()]).await? else { return Ok(()) };
    let header: PlanHeader = parse(&row, 1, "plans", "header")?;
    let is_right = read_parts(&header, row.opt_text(2)?.as_deref(), row.int(3)?).is_some_and(|parts| {
        parts.is_none_or(|parts| fold.plan.as_ref().is_some_and(|plan| parts.digest(&header) == plan.digest))
    });
    let what = "the digests of its plan's parts";
    if is_right { Ok(()) } else { Err(Found::State { remediation: fold.id.to_string(), what }.into()) }
}
