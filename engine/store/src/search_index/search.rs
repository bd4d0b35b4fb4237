//! Finds a page of the history in the blocks that match the filter's words, newest first, until the page is full.

use crate::boxed::boxed;
use std::collections::BTreeMap;

use clawback_model::Remediation;

use super::bitmap::{BLOCK, Bitmap};
use super::block::{bitmap, block, place};
use super::filter::{Cursor, HistoryFilter, Page};
use super::words::{asked, empty};
use crate::database::dialect::{Tx, Value};
use crate::error::StoreError;
use crate::rows::{places, state};
use crate::store::Store;

/// The most blocks that are read at once. The first read is of one block: most pages are full after it.
const BLOCKS: usize = 256;
/// The remediations that are read at once.
const ROWS: usize = 64;

/// A block that may contain matches.
struct Candidates {
    block: i64,
    /// Whether the block may extend beyond the requested times.
    on_the_edge: bool,
}

/// The matches so far.
struct Found {
    remediations: Vec<(i64, Remediation)>,
    /// One more than requested, to know whether there is another page.
    enough: usize,
}

impl Store {
    /// Returns the newest remediations that the filter accepts, at most `most`, after `cursor`.
    #[tracing::instrument(name = "store.history", skip_all)]
    #[boxed]
    pub async fn history(&self, filter: &HistoryFilter, cursor: Option<Cursor>, most: u32) -> Result<Page, StoreError> {
        page(&mut self.read().await?, filter, cursor, most).await
    }

    /// Returns how many remediations wait for a person, at most `most`.
    #[tracing::instrument(name = "store.history.pending", skip_all)]
    #[boxed]
    pub async fn pending(&self, most: usize) -> Result<usize, StoreError> {
        pending(&mut self.read().await?, most).await
    }
}

/// Returns the newest remediations that the filter accepts, after `cursor`.
async fn page(tx: &mut Tx, filter: &HistoryFilter, cursor: Option<Cursor>, most: u32) -> Result<Page, StoreError> {
    let enough = most as usize + 1;
    let mut found = Found { remediations: Vec::new(), enough };
    let below = cursor.map_or(i64::MAX, |cursor| cursor.number);
    if filter.approval_id.is_some() || filter.investigation_id.is_some() {
        let mut number = by_id(tx, filter).await?.filter(|number| *number < below);
        if let Some(known) = number {
            let mut members = Bitmap::NONE;
            members.insert(place(known));
            let touching = touching(tx, filter, block(known), &members).await?;
            number = number.filter(|_| touching.is_none_or(|touching| !touching.is_empty()));
        }
        found.read(tx, filter, number.into_iter()).await?;
    } else {
        by_words(tx, filter, below, &mut found).await?;
    }
    let more = found.remediations.len() > most as usize;
    found.remediations.truncate(most as usize);
    let next = found.remediations.last().filter(|_| more).map(|(number, _)| Cursor { number: *number });
    Ok(Page { remediations: found.remediations.into_iter().map(|(_, remediation)| remediation).collect(), next })
}

/// Counts the remediations that wait for a person, up to `most`. Uses only the index: no remediation is read.
async fn pending(tx: &mut Tx, most: usize) -> Result<usize, StoreError> {
    let filter = HistoryFilter { pending_only: true, ..HistoryFilter::default() };
    let groups = asked(&filter);
    let mut count = 0;
    for chunk in blocks(tx, &filter, i64::MAX).await?.chunks(BLOCKS) {
        count += intersect(tx, &groups, chunk).await?.values().map(Bitmap::count).sum::<usize>();
        if count >= most {
            return Ok(most);
        }
    }
    Ok(count)
}

/// Finds the only remediation that can match a filter on an ID, because both IDs are unique.
async fn by_id(tx: &mut Tx, filter: &HistoryFilter) -> Result<Option<i64>, StoreError> {
    let (sql, id) = match (&filter.approval_id, &filter.investigation_id) {
        (Some(id), _) => ("SELECT number FROM remediations WHERE approval_id = $1", id.as_str()),
        (None, Some(id)) => ("SELECT number FROM remediations WHERE investigation_id = $1", id.as_str()),
        (None, None) => return Ok(None),
    };
    tx.row(sql, &[id.into()]).await?.map(|row| row.int(0)).transpose()
}

async fn by_words(tx: &mut Tx, filter: &HistoryFilter, below: i64, found: &mut Found) -> Result<(), StoreError> {
    let groups = asked(filter);
    let blocks = blocks(tx, filter, below).await?;
    let (mut rest, mut size) = (blocks.as_slice(), 1);
    while let Some((chunk, after)) = rest.split_at_checked(size.min(rest.len())).filter(|(chunk, _)| !chunk.is_empty())
    {
        let mut sets = intersect(tx, &groups, chunk).await?;
        if filter.leaves_out_empty() {
            for (block, empty) in intersect(tx, &empty(), chunk).await? {
                sets.entry(block).and_modify(|members| members.leave_out(&empty));
            }
        }
        for candidates in chunk {
            let Some(mut members) = sets.remove(&candidates.block) else { continue };
            if candidates.on_the_edge && !members.is_empty() {
                members.keep(&in_time(tx, filter, candidates.block).await?);
            }
            if !members.is_empty()
                && let Some(touching) = touching(tx, filter, candidates.block, &members).await?
            {
                members.keep(&touching);
            }
            let first = candidates.block * BLOCK;
            let numbers = members.descending().map(|place| first + i64::from(place)).filter(|number| *number < below);
            found.read(tx, filter, numbers).await?;
            if found.is_enough() {
                return Ok(());
            }
        }
        (rest, size) = (after, (size * 4).min(BLOCKS));
    }
    Ok(())
}

/// Returns the blocks that contain any of the requested times, newest first. Blocks are numbered without gaps, so
/// without requested times the newest block determines all of them.
async fn blocks(tx: &mut Tx, filter: &HistoryFilter, below: i64) -> Result<Vec<Candidates>, StoreError> {
    if filter.since.is_none() && filter.until.is_none() {
        let sql = "SELECT block FROM history_blocks WHERE block <= $1 ORDER BY block DESC LIMIT 1";
        let Some(newest) = tx.row(sql, &[block(below).into()]).await? else { return Ok(Vec::new()) };
        return Ok((0..=newest.int(0)?).rev().map(|block| Candidates { block, on_the_edge: false }).collect());
    }
    let (since, until) = times(filter);
    let sql = "SELECT block, first_at, last_at FROM history_blocks WHERE block <= $1 AND last_at >= $2 AND first_at < $3 \
               ORDER BY block DESC";
    let rows = tx.rows(sql, &[block(below).into(), since.into(), until.into()]).await?;
    rows.iter()
        .map(|row| Ok(Candidates { block: row.int(0)?, on_the_edge: row.int(1)? < since || row.int(2)? >= until }))
        .collect()
}

fn times(filter: &HistoryFilter) -> (i64, i64) {
    (filter.since.map_or(i64::MIN, |time| time.0), filter.until.map_or(i64::MAX, |time| time.0))
}

/// Returns which remediations of these blocks have a word of every group.
async fn intersect(
    tx: &mut Tx,
    groups: &[Vec<String>],
    blocks: &[Candidates],
) -> Result<BTreeMap<i64, Bitmap>, StoreError> {
    let words: Vec<&String> = groups.iter().flatten().collect();
    // A CROSS JOIN, whose order SQLite keeps: so both databases look up each block and word by the key.
    let sql = format!(
        "SELECT w.block, w.word, w.members FROM history_blocks b CROSS JOIN history_words w \
         WHERE w.block = b.block AND w.word IN {} AND b.block >= $1 AND b.block <= $2",
        places(3, words.len())
    );
    let bounds = [blocks.last(), blocks.first()].map(|block| Value::from(block.map_or(0, |block| block.block)));
    let values: Vec<Value<'_>> = bounds.into_iter().chain(words.iter().map(|word| (*word).into())).collect();
    let mut sets: BTreeMap<i64, Vec<Bitmap>> = BTreeMap::new();
    for row in tx.rows(sql, &values).await? {
        let of_block = sets.entry(row.int(0)?).or_insert_with(|| vec![Bitmap::NONE; groups.len()]);
        let (word, set) = (row.text(1)?, bitmap(&row.text(2)?, row.int(0)?)?);
        for (group, joined) in groups.iter().zip(of_block) {
            if group.iter().any(|one| *one == word) {
                joined.add(&set);
            }
        }
    }
    let meet = |sets: Vec<Bitmap>| {
        sets.into_iter().reduce(|mut all, set| {
            all.keep(&set);
            all
        })
    };
    Ok(sets.into_iter().filter_map(|(block, sets)| Some((block, meet(sets)?))).collect())
}

/// Returns the remediations of a block that were submitted in the requested times.
async fn in_time(tx: &mut Tx, filter: &HistoryFilter, block: i64) -> Result<Bitmap, StoreError> {
    let (since, until) = times(filter);
    let sql =
        "SELECT number FROM history_times WHERE number >= $1 AND number < $2 AND created_at >= $3 AND created_at < $4";
    let values = [(block * BLOCK).into(), (block * BLOCK + BLOCK).into(), since.into(), until.into()];
    let mut members = Bitmap::NONE;
    for row in tx.rows(sql, &values).await? {
        members.insert(place(row.int(0)?));
    }
    Ok(members)
}

/// Returns the remediations of a block whose plans have a message with the requested mailbox or Message-ID; `None` if
/// neither is requested. A mailbox is found by an index. A Message-ID alone is searched in the plans between the first
/// and the last candidate: an index of all Message-IDs would cost every plan more than this search costs.
async fn touching(
    tx: &mut Tx,
    filter: &HistoryFilter,
    block: i64,
    candidates: &Bitmap,
) -> Result<Option<Bitmap>, StoreError> {
    let (sql, values): (_, Vec<&String>) = match (&filter.mailbox, &filter.message_id) {
        (None, None) => return Ok(None),
        (Some(mailbox), None) => (
            "SELECT DISTINCT remediation FROM lanes WHERE mailbox = $3 AND remediation >= $1 AND remediation <= $2",
            vec![mailbox],
        ),
        (None, Some(message_id)) => (
            "SELECT DISTINCT remediation FROM targets WHERE message_id = $3 AND remediation >= $1 AND remediation <= $2",
            vec![message_id],
        ),
        // In the same message. Counted, because PostgreSQL would turn an EXISTS into a join and scan all targets of a
        // table that it assumes to be tiny.
        (Some(mailbox), Some(message_id)) => (
            "SELECT l.remediation FROM lanes l WHERE l.mailbox = $3 AND l.remediation >= $1 AND l.remediation <= $2 \
             AND (SELECT COUNT(*) FROM targets t WHERE t.remediation = l.remediation AND t.seq >= l.first_seq \
             AND t.seq < l.first_seq + l.targets AND t.message_id = $4) > 0",
            vec![mailbox, message_id],
        ),
    };
    let number = |place: Option<u16>| Value::from(block * BLOCK + place.map_or(0, i64::from));
    let bounds = [number(candidates.descending().last()), number(candidates.descending().next())];
    let values: Vec<Value<'_>> = bounds.into_iter().chain(values.into_iter().map(Value::from)).collect();
    let mut members = Bitmap::NONE;
    for row in tx.rows(sql, &values).await? {
        members.insert(place(row.int(0)?));
    }
    Ok(Some(members))
}

impl Found {
    fn is_enough(&self) -> bool {
        self.remediations.len() >= self.enough
    }

    /// Reads these remediations, newest first, and keeps those that the filter accepts: the pieces of a name may occur
    /// in it in another order.
    async fn read(
        &mut self,
        tx: &mut Tx,
        filter: &HistoryFilter,
        numbers: impl Iterator<Item = i64>,
    ) -> Result<(), StoreError> {
        let mut numbers = numbers.peekable();
        let sql = format!("SELECT id, state, number FROM remediations WHERE number IN {}", places(1, ROWS));
        while !self.is_enough() && numbers.peek().is_some() {
            let room = (self.enough - self.remediations.len()).min(ROWS);
            let mut values: Vec<Value<'_>> = numbers.by_ref().take(room).map(Value::from).collect();
            // A constant number of values, so that the statement is always the same; nothing has the number -1.
            values.resize(ROWS, Value::Int(-1));
            let mut rows = Vec::with_capacity(room);
            for row in tx.rows(sql.clone(), &values).await? {
                rows.push((row.int(2)?, state(&row, 1)?));
            }
            rows.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
            self.remediations.extend(rows.into_iter().filter(|(_, remediation)| filter.lets_through(remediation)));
        }
        Ok(())
    }
}
