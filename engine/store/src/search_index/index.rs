//! Maintenance of the index: it is changed in the transaction of the event, and missing blocks are built.

use std::collections::{BTreeMap, BTreeSet};

use clawback_model::Remediation;

use super::bitmap::{BLOCK, Bitmap};
use super::block::{Block, bitmap, block, place};
use super::words::{lasting, passing};
use crate::chain;
use crate::database::bulk;
use crate::database::dialect::{Tx, Value};
use crate::error::StoreError;
use crate::rows::{places, state};
use crate::store::Store;

const WORDS: bulk::Into = bulk::Into { table: "history_words", columns: &["block", "word", "members"] };
const TIMES: bulk::Into = bulk::Into { table: "history_times", columns: &["number", "created_at"] };
/// The words per statement.
const MOST: usize = 200;

/// Indexes a new remediation.
pub(crate) async fn added(tx: &mut Tx, number: i64, remediation: &Remediation) -> Result<(), StoreError> {
    let sql = "UPDATE history_blocks SET first_at = CASE WHEN first_at > $2 THEN $2 ELSE first_at END, \
               last_at = CASE WHEN last_at < $2 THEN $2 ELSE last_at END WHERE block = $1";
    if tx.execute(sql, &[block(number).into(), remediation.created_at.into()]).await? == 0 {
        return build(tx, block(number)).await;
    }
    let sql = "INSERT INTO history_times (number, created_at) VALUES ($1, $2)";
    tx.execute(sql, &[number.into(), remediation.created_at.into()]).await?;
    let words: BTreeSet<_> = lasting(remediation).into_iter().chain(passing(remediation)).collect();
    let mut known = read(tx, block(number), &words).await?;
    for word in words {
        known.entry(word).or_insert(Bitmap::NONE).insert(place(number));
    }
    write(tx, block(number), &known).await
}

/// Updates the index after an event.
pub(crate) async fn changed(
    tx: &mut Tx,
    number: i64,
    before: &Remediation,
    after: &Remediation,
) -> Result<(), StoreError> {
    let (old, new) = (passing(before), passing(after));
    let words: BTreeSet<_> = old.symmetric_difference(&new).cloned().collect();
    if words.is_empty() {
        return Ok(());
    }
    let mut known = read(tx, block(number), &words).await?;
    if old.iter().any(|word| words.contains(word) && !known.contains_key(word)) {
        return build(tx, block(number)).await;
    }
    for word in words {
        let is_new = new.contains(&word);
        let members = known.entry(word).or_insert(Bitmap::NONE);
        if is_new { members.insert(place(number)) } else { members.remove(place(number)) }
    }
    write(tx, block(number), &known).await
}

async fn read(tx: &mut Tx, block: i64, words: &BTreeSet<String>) -> Result<BTreeMap<String, Bitmap>, StoreError> {
    let mut known = BTreeMap::new();
    let words: Vec<_> = words.iter().collect();
    for words in words.chunks(MOST) {
        let sql =
            format!("SELECT word, members FROM history_words WHERE block = $1 AND word IN {}", places(2, words.len()));
        let values: Vec<Value<'_>> =
            [block.into()].into_iter().chain(words.iter().map(|word| (*word).into())).collect();
        for row in tx.rows(sql, &values).await? {
            known.insert(row.string(0)?, bitmap(&row.text(1)?, block)?);
        }
    }
    Ok(known)
}

async fn write(tx: &mut Tx, block: i64, words: &BTreeMap<String, Bitmap>) -> Result<(), StoreError> {
    let rows: Vec<_> = words.iter().collect();
    for rows in rows.chunks(MOST) {
        let tuples: Vec<_> = (0..rows.len()).map(|row| places(row * 3 + 1, 3)).collect();
        let sql = format!(
            "INSERT INTO history_words (block, word, members) VALUES {} \
             ON CONFLICT (block, word) DO UPDATE SET members = excluded.members",
            tuples.join(", ")
        );
        let values: Vec<Value<'_>> = rows
            .iter()
            .flat_map(|(word, members)| [block.into(), (*word).into(), Value::from(members.encode())])
            .collect();
        tx.execute(sql, &values).await?;
    }
    Ok(())
}

/// Builds a block from its remediations.
async fn build(tx: &mut Tx, number: i64) -> Result<(), StoreError> {
    for sql in ["DELETE FROM history_words WHERE block = $1", "DELETE FROM history_blocks WHERE block = $1"] {
        tx.execute(sql, &[number.into()]).await?;
    }
    let [first, end] = [Value::from(number * BLOCK), Value::from(number * BLOCK + BLOCK)];
    tx.execute("DELETE FROM history_times WHERE number >= $1 AND number < $2", &[first.clone(), end.clone()]).await?;
    let sql = "SELECT id, state, number FROM remediations WHERE number >= $1 AND number < $2 ORDER BY number";
    let mut block = Block::new(number);
    for row in tx.rows(sql, &[first, end]).await? {
        block.add(row.int(2)?, &state(&row, 1)?);
    }
    if block.words.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO history_blocks (block, first_at, last_at) VALUES ($1, $2, $3)";
    tx.execute(sql, &[number.into(), block.first.into(), block.last.into()]).await?;
    let values: Vec<Value<'_>> = block
        .words
        .iter()
        .flat_map(|(word, members)| [number.into(), word.into(), Value::from(members.encode())])
        .collect();
    bulk::insert(tx, WORDS, &values).await?;
    let values: Vec<Value<'_>> =
        block.times.iter().flat_map(|(number, at)| [Value::from(*number), Value::from(*at)]).collect();
    bulk::insert(tx, TIMES, &values).await
}

/// Returns the stored words of a block; `None` if it was not built.
pub(crate) async fn stored(tx: &mut Tx, number: i64) -> Result<Option<Block>, StoreError> {
    let sql = "SELECT block, first_at, last_at FROM history_blocks WHERE block = $1";
    let Some(row) = tx.row(sql, &[number.into()]).await? else { return Ok(None) };
    let mut block = Block { first: row.time(1)?, last: row.time(2)?, ..Block::new(number) };
    let sql = "SELECT word, members FROM history_words WHERE block = $1 ORDER BY word";
    for row in tx.rows(sql, &[number.into()]).await? {
        let members = bitmap(&row.text(1)?, number)?;
        if !members.is_empty() {
            block.words.insert(row.string(0)?, members);
        }
    }
    let sql = "SELECT number, created_at FROM history_times WHERE number >= $1 AND number < $2 ORDER BY number";
    for row in tx.rows(sql, &[(number * BLOCK).into(), (number * BLOCK + BLOCK).into()]).await? {
        block.times.insert(row.int(0)?, row.time(1)?);
    }
    Ok(Some(block))
}

impl Store {
    /// Builds the missing blocks, each in its own transaction: needed once, after an upgrade.
    pub(crate) async fn build_words(&self) -> Result<(), StoreError> {
        let mut tx = self.read().await?;
        let last = tx.row("SELECT number FROM remediations ORDER BY number DESC LIMIT 1", &[]).await?;
        let Some(last) = last else { return Ok(()) };
        let last = block(last.int(0)?);
        let known = tx.rows("SELECT block FROM history_blocks ORDER BY block", &[]).await?;
        let known: BTreeSet<_> = known.iter().map(|row| row.int(0)).collect::<Result<_, _>>()?;
        drop(tx);
        for missing in (0..=last).filter(|block| !known.contains(block)) {
            tracing::info!(block = missing, of = last, "building the index of the history");
            let mut tx = self.write().await?;
            chain::lock_chain(&mut tx).await?;
            build(&mut tx, missing).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}
