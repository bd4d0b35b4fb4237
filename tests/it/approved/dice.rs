//! Draws a random change of one column of one row.

use clawback_model::Remediation;

use crate::store::harness::Database;

/// `SplitMix64` (<https://prng.di.unimi.it/splitmix64.c>): the same seed gives the same numbers.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A change that was made.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    #[expect(dead_code, reason = "for the reader of a failure")]
    sql: String,
    /// The SQL that reverts it.
    pub(super) back: String,
}

/// Tables with the columns of their key, a condition for the rows of a remediation, and columns.
const TABLES: [(&str, &[&str], &str, &[&str]); 11] = [
    (
        "targets",
        &["remediation", "seq"],
        "remediation = {number}",
        &[
            "seq",
            "lane",
            "locator",
            "message_id",
            "fingerprint",
            "location",
            "original_location",
            "subject",
            "from_address",
            "received_at",
            "former",
            "not_remediable",
            "script_reason",
            "script_tag",
        ],
    ),
    (
        "lanes",
        &["remediation", "lane"],
        "remediation = {number}",
        &["lane", "store", "mailbox", "first_seq", "targets"],
    ),
    ("plans", &["remediation"], "remediation = {number}", &["header", "digest", "targets", "parts"]),
    (
        "remediations",
        &["number"],
        "number = {number}",
        &[
            "name",
            "status",
            "action",
            "requested_by",
            "decided_by",
            "created_at",
            "updated_at",
            "due_at",
            "fence",
            "version",
            "state",
            "state",
            "state",
            "approved_at",
            "selection",
        ],
    ),
    ("approvals", &["id"], "id = '{approval}'", &["digest", "requester", "votes_required", "rule", "deadline"]),
    ("votes", &["event"], "approval_id = '{approval}'", &["voter", "decision", "digest", "comment", "cast_at"]),
    (
        "batches",
        &["remediation", "number"],
        "remediation = {number}",
        &["number", "first_seq", "targets", "started_at"],
    ),
    (
        "work",
        &["remediation", "lane"],
        "remediation = {number}",
        &["lane", "batch", "store", "mailbox", "first_seq", "targets", "claims"],
    ),
    (
        "events",
        &["seq"],
        "remediation_id = '{id}'",
        &["recorded_at", "actor", "kind", "body", "body", "previous", "hash"],
    ),
    (
        "outcomes",
        &["remediation", "seq"],
        "remediation = {number}",
        &["seq", "kind", "reason", "detail", "receipt", "batch"],
    ),
    ("principals", &["name"], "name IN ('ann', 'ben')", &["kind", "roles"]),
];

/// Draws until the database accepts a change.
pub(super) async fn change(database: &Database, dice: &mut Dice, of: &Remediation) -> Change {
    let number = database.lines(&format!("SELECT CAST(number AS TEXT) FROM remediations WHERE id = '{}'", of.id)).await;
    let fill = |text: &str| {
        let text = text.replace("{id}", of.id.as_str()).replace("{approval}", of.request.approval_id.as_str());
        text.replace("{number}", &number[0])
    };
    loop {
        let (table, key, rows, columns) = dice.one_of(&TABLES);
        let rows = fill(rows);
        let column = dice.one_of(columns);
        let names = key.iter().map(|name| format!("COALESCE(CAST({name} AS TEXT), '')")).collect::<Vec<_>>();
        let keys = database.lines(&format!("SELECT {} FROM {table} WHERE {rows}", names.join(" || '\t' || "))).await;
        if keys.is_empty() {
            continue;
        }
        let chosen = dice.below(keys.len());
        let place = |values: &str| {
            let pairs = key.iter().zip(values.split('\t'));
            pairs.map(|(name, value)| format!("{name} = {}", literal(name, value))).collect::<Vec<_>>().join(" AND ")
        };
        let here = place(&keys[chosen]);
        let old = database
            .lines(&format!("SELECT COALESCE(CAST({column} AS TEXT), '\u{1}') FROM {table} WHERE {here}"))
            .await
            .remove(0);
        let is_number = old.parse::<i64>().is_ok();
        let new = match old.as_str() {
            "\u{1}" => format!("'{}'", if is_number { "1" } else { "x" }),
            old if is_number => {
                let old: i64 = old.parse().unwrap();
                dice.one_of(&[old + 1, old - 1, 0, old + 1_000_000, -old - 1]).to_string()
            }
            old => quoted(&altered(dice, old)),
        };
        let now = if old == "\u{1}" { "NULL".to_owned() } else { value(&old, is_number) };
        let sql = format!("UPDATE {table} SET {column} = {new} WHERE {here}");
        // The changed column may be part of the key.
        let there = if key.contains(&column) {
            let at = key.iter().position(|name| *name == column).unwrap();
            let mut values: Vec<&str> = keys[chosen].split('\t').collect();
            values[at] = &new;
            place(&values.join("\t"))
        } else {
            here.clone()
        };
        // A value that the program has overwritten meanwhile stays.
        let back = format!("UPDATE {table} SET {column} = {now} WHERE {there} AND {column} = {new}");
        if new != now && database.force(&sql).await {
            return Change { table, column, sql, back };
        }
    }
}

/// A text that is nearly the same.
fn altered(dice: &mut Dice, old: &str) -> String {
    let chars: Vec<char> = old.chars().collect();
    let at = dice.below(chars.len().max(1));
    match dice.below(5) {
        0 => chars[..at].iter().collect(),
        1 => old.replace("user0", "user1"),
        2 => old.replace("soft-delete", "hard-delete").replace("approve\"", "reject\""),
        3 => {
            let digits: Vec<usize> = (0..chars.len()).filter(|at| chars[*at].is_ascii_digit()).collect();
            let Some(digit) = digits.get(dice.below(digits.len().max(1))) else { return format!("{old}x") };
            let mut chars = chars;
            chars[*digit] = if chars[*digit] == '7' { '8' } else { '7' };
            chars.into_iter().collect()
        }
        _ => {
            let mut chars = chars;
            if let Some(letter) = chars.get_mut(at) {
                *letter = if *letter == 'a' { 'b' } else { 'a' };
            }
            chars.into_iter().collect()
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn value(text: &str, is_number: bool) -> String {
    if is_number { text.to_owned() } else { quoted(text) }
}

fn literal(column: &str, text: &str) -> String {
    if matches!(column, "id" | "name") { quoted(text.trim_matches('\'')) } else { text.trim_matches('\'').to_owned() }
}
