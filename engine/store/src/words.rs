//! The index behind the history's filters: for every word that can apply to a remediation (`status:failed`, `decided-by:ben`,
//! three letters of its name) the set of those it applies to, in blocks of 4,096 that were submitted one after the other.
//!
//! A filter is a conjunction of words, so its answer is an intersection of sets, newest block first. What that costs depends on
//! how many blocks there are, never on which filters are combined or how rare their values are: with an index per column,
//! two common values that never meet would have to be walked from end to end.
//!
//! It is written in the transaction of the event that changes it, under the lock of the chain, so two writers of one row
//! never meet. A block that is not there (a database from before this index) is built from its remediations.

mod members;

use std::collections::{BTreeMap, BTreeSet};

use clawback_model::{Action, ActionSource, Remediation, Status, Timestamp};

pub(crate) use members::{BLOCK, Members};

use crate::bulk;
use crate::dialect::{Tx, Value};
use crate::error::StoreError;
use crate::history::HistoryFilter;
use crate::remediations::state;
use crate::store::Store;

const WORDS: bulk::Into = bulk::Into { table: "history_words", columns: &["block", "word", "members"] };
const TIMES: bulk::Into = bulk::Into { table: "history_times", columns: &["number", "created_at"] };
/// Words in one statement.
const MOST: usize = 200;
/// Pieces of a name that are looked up; a longer name is compared letter by letter in what they find.
const PIECES: usize = 8;

/// The words of one block.
pub(crate) struct Block {
    pub(crate) number: i64,
    pub(crate) words: BTreeMap<String, Members>,
    /// When each of them was submitted, by number.
    pub(crate) times: BTreeMap<i64, Timestamp>,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

impl Block {
    pub(crate) fn new(number: i64) -> Self {
        Self {
            number,
            words: BTreeMap::new(),
            times: BTreeMap::new(),
            first: Timestamp(i64::MAX),
            last: Timestamp(i64::MIN),
        }
    }

    /// Adds a remediation of this block.
    pub(crate) fn add(&mut self, number: i64, remediation: &Remediation) {
        for word in lasting(remediation).into_iter().chain(passing(remediation)) {
            self.words.entry(word).or_insert(Members::NONE).insert(place(number));
        }
        self.times.insert(number, remediation.created_at);
        self.first = self.first.min(remediation.created_at);
        self.last = self.last.max(remediation.created_at);
    }
}

/// Words that apply for good.
fn lasting(remediation: &Remediation) -> BTreeSet<String> {
    let request = &remediation.request;
    let mut words = BTreeSet::from([
        all(),
        source(request.source),
        action(request.action),
        requester(&request.requested_by),
        playbook(&request.playbook),
    ]);
    let name: Vec<char> = request.name.to_lowercase().chars().collect();
    for length in 1..=3 {
        words.extend(name.windows(length).map(piece));
    }
    words
}

/// Words that change with the events.
fn passing(remediation: &Remediation) -> BTreeSet<String> {
    let deciders = remediation.decided_by.iter().flat_map(|names| names.split(", ")).map(decider);
    deciders.chain([status(remediation.status)]).collect()
}

fn all() -> String {
    "all".to_owned()
}

fn status(status: Status) -> String {
    format!("status:{status}")
}

fn source(source: ActionSource) -> String {
    format!("source:{source}")
}

fn action(action: Action) -> String {
    format!("action:{action}")
}

fn decider(name: &str) -> String {
    format!("decided-by:{name}")
}

fn requester(name: &str) -> String {
    format!("requested-by:{name}")
}

fn playbook(name: &str) -> String {
    format!("playbook:{name}")
}

fn piece(letters: &[char]) -> String {
    letters.iter().fold("name:".to_owned(), |mut word, letter| {
        word.push(*letter);
        word
    })
}

/// What a filter asks for: of every group one word at least.
pub(crate) fn asked(filter: &HistoryFilter) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    groups.extend((!filter.statuses.is_empty()).then(|| filter.statuses.iter().copied().map(status).collect()));
    groups.extend(filter.action_source.map(|one| vec![source(one)]));
    groups.extend(filter.action_type.map(|one| vec![action(one)]));
    groups.extend(filter.decided_by.as_deref().map(|name| vec![decider(name)]));
    groups.extend(filter.requested_by.as_deref().map(|name| vec![requester(name)]));
    groups.extend(filter.playbook.as_deref().map(|name| vec![playbook(name)]));
    groups.extend(filter.pending_only.then(|| vec![status(Status::PendingApproval), status(Status::Paused)]));
    let name: Vec<char> = filter.name.iter().flat_map(|name| name.to_lowercase().chars().collect::<Vec<_>>()).collect();
    let windows = name.windows(name.len().clamp(1, 3));
    let step = windows.len().div_ceil(PIECES).max(1);
    groups.extend(windows.step_by(step).map(|letters| vec![piece(letters)]));
    if groups.is_empty() {
        // Every other word is of fewer.
        groups.push(vec![all()]);
    }
    groups
}

/// The words that only empty runs of schedules have together.
pub(crate) fn empty() -> [Vec<String>; 2] {
    [vec![source(ActionSource::Schedule)], vec![status(Status::NothingToDo)]]
}

/// The block of a remediation.
pub(crate) const fn block(number: i64) -> i64 {
    number / BLOCK
}

/// Its place in there.
pub(crate) fn place(number: i64) -> u16 {
    u16::try_from(number % BLOCK).expect("numbers count from one, and a block is small")
}

/// A remediation was added.
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
        known.entry(word).or_insert(Members::NONE).insert(place(number));
    }
    write(tx, block(number), &known).await
}

/// An event changed a remediation.
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
        let members = known.entry(word).or_insert(Members::NONE);
        if is_new { members.insert(place(number)) } else { members.remove(place(number)) }
    }
    write(tx, block(number), &known).await
}

async fn read(tx: &mut Tx, block: i64, words: &BTreeSet<String>) -> Result<BTreeMap<String, Members>, StoreError> {
    let mut known = BTreeMap::new();
    let words: Vec<_> = words.iter().collect();
    for words in words.chunks(MOST) {
        let sql =
            format!("SELECT word, members FROM history_words WHERE block = $1 AND word IN {}", places(2, words.len()));
        let values: Vec<Value<'_>> =
            [block.into()].into_iter().chain(words.iter().map(|word| (*word).into())).collect();
        for row in tx.rows(sql, &values).await? {
            known.insert(row.string(0)?, members(&row.text(1)?, block)?);
        }
    }
    Ok(known)
}

async fn write(tx: &mut Tx, block: i64, words: &BTreeMap<String, Members>) -> Result<(), StoreError> {
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

/// `($2, $3, $4)`: so many placeholders from the first on.
pub(crate) fn places(first: usize, count: usize) -> String {
    let places: Vec<_> = (first..first + count).map(|place| format!("${place}")).collect();
    format!("({})", places.join(", "))
}

/// Reads a set.
pub(crate) fn members(text: &str, block: i64) -> Result<Members, StoreError> {
    Members::decode(text).ok_or_else(|| StoreError::corrupt("history_words", "members", block))
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

/// The words of a block as they are stored; none if it was not built.
pub(crate) async fn stored(tx: &mut Tx, number: i64) -> Result<Option<Block>, StoreError> {
    let sql = "SELECT block, first_at, last_at FROM history_blocks WHERE block = $1";
    let Some(row) = tx.row(sql, &[number.into()]).await? else { return Ok(None) };
    let mut block = Block { first: row.time(1)?, last: row.time(2)?, ..Block::new(number) };
    let sql = "SELECT word, members FROM history_words WHERE block = $1 ORDER BY word";
    for row in tx.rows(sql, &[number.into()]).await? {
        let members = members(&row.text(1)?, number)?;
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
    /// Builds the blocks that are missing, each in a transaction of its own: once, after an upgrade.
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
            crate::chain::lock_chain(&mut tx).await?;
            build(&mut tx, missing).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Vec<String> {
        let filter = HistoryFilter { name: Some(name.to_owned()), ..HistoryFilter::default() };
        asked(&filter).into_iter().flatten().collect()
    }

    #[test]
    fn a_name_is_asked_for_in_pieces() {
        assert_eq!(name(""), ["all"], "nothing is asked for");
        assert_eq!(name("Ä"), ["name:ä"]);
        assert_eq!(name("a%"), ["name:a%"]);
        assert_eq!(name("Purge"), ["name:pur", "name:urg", "name:rge"]);
        assert_eq!(name(&"x".repeat(500)).len(), PIECES);
        assert!(name("a campaign of many words").len() <= PIECES);
    }

    #[test]
    fn every_other_filter_is_a_word() {
        let filter = HistoryFilter {
            statuses: vec![Status::PartiallyCompleted, Status::Failed],
            action_source: Some(ActionSource::Air),
            action_type: Some(Action::HardDelete),
            decided_by: Some("ben".into()),
            requested_by: Some("ann".into()),
            playbook: Some("purge".into()),
            pending_only: true,
            ..HistoryFilter::default()
        };
        assert_eq!(
            asked(&filter),
            [
                vec!["status:partially-completed", "status:failed"],
                vec!["source:air"],
                vec!["action:hard-delete"],
                vec!["decided-by:ben"],
                vec!["requested-by:ann"],
                vec!["playbook:purge"],
                vec!["status:pending-approval", "status:paused"]
            ]
        );
    }
}
