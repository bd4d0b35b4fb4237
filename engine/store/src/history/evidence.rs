//! The messages that were kept before they were deleted permanently. A row is written before the deletion, so that a
//! crash between the two loses nothing; its digest enters the receipt in the transaction that records the outcome, on
//! every code path.

use crate::boxed::boxed;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use clawback_model::{Actor, Digest, Outcome, Receipt, RemediationId, Timestamp};

use crate::database::bulk;
use crate::database::dialect::{Row, Tx, Value};
use crate::error::StoreError;
use crate::rows::{digest, number as small, number_of, remediation_id};
use crate::site_events::{ReadFrom, SiteEvent, append};
use crate::store::Store;

const EVIDENCE: bulk::Into =
    bulk::Into { table: "evidence", columns: &["remediation", "seq", "digest", "bytes", "kept_at"] };
/// A row joined with what is known of its message. Fields that retention removed are NULL.
const COLUMNS: &str = "r.id, e.seq, e.digest, e.bytes, e.kept_at, l.store, l.mailbox, t.message_id, t.fingerprint, \
    t.subject, o.kind, o.receipt, e.remediation FROM evidence e JOIN remediations r ON r.number = e.remediation \
    LEFT JOIN targets t ON t.remediation = e.remediation AND t.seq = e.seq \
    LEFT JOIN lanes l ON l.remediation = t.remediation AND l.lane = t.lane \
    LEFT JOIN outcomes o ON o.remediation = e.remediation AND o.seq = e.seq";

/// A message that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The number of its target.
    pub seq: u32,
    /// The sha256 of the raw message.
    pub digest: Digest,
    /// Its size, in bytes.
    pub bytes: u64,
    /// When it was kept.
    pub at: Timestamp,
}

/// A message that was kept, with what the history knows of it. Its texts are from mail and untrusted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct KeptMessage {
    pub remediation: RemediationId,
    pub kept: Kept,
    pub store: Option<String>,
    pub mailbox: Option<String>,
    pub message_id: Option<String>,
    pub fingerprint: Option<String>,
    pub subject: Option<String>,
    /// The kind of its outcome, if there is one.
    pub outcome: Option<String>,
    /// The digest in its receipt, if there is one.
    pub receipt: Option<Digest>,
    place: KeptCursor,
}

/// The end of a page of kept messages; the next page begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptCursor {
    remediation: i64,
    seq: u32,
}

/// Formats the cursor for a link or a flag.
impl fmt::Display for KeptCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.remediation, self.seq)
    }
}

impl FromStr for KeptCursor {
    type Err = StoreError;
    fn from_str(given: &str) -> Result<Self, StoreError> {
        let parts = given.split_once('-').and_then(|(remediation, seq)| {
            Some(Self { remediation: remediation.parse().ok()?, seq: seq.parse().ok()? })
        });
        parts.ok_or_else(|| StoreError::not_found("page", given))
    }
}

impl Store {
    /// Records that messages of a remediation are kept. A message may be kept again; the last record counts.
    #[tracing::instrument(name = "store.evidence.record", skip_all, fields(remediation.id = %id, messages = kept.len()))]
    #[boxed]
    pub async fn record_evidence(&self, id: &RemediationId, kept: &[Kept]) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (kept.iter().map(|one| one.seq).min(), kept.iter().map(|one| one.seq).max())
        else {
            return Ok(());
        };
        let mut tx = self.write().await?;
        let number = number_of(&mut tx, id).await?;
        let known = between(&mut tx, number, first, last).await?;
        for again in kept.iter().filter(|one| known.contains_key(&one.seq)) {
            let values = [
                number.into(),
                again.seq.into(),
                again.digest.to_string().into(),
                size(again.bytes).into(),
                again.at.into(),
            ];
            let sql = "UPDATE evidence SET digest = $3, bytes = $4, kept_at = $5 WHERE remediation = $1 AND seq = $2";
            tx.execute(sql, &values).await?;
        }
        let values: Vec<Value<'_>> = kept
            .iter()
            .filter(|one| !known.contains_key(&one.seq))
            .flat_map(|one| {
                let digest = one.digest.to_string().into();
                [Value::Int(number), one.seq.into(), digest, size(one.bytes).into(), one.at.into()]
            })
            .collect();
        bulk::insert(&mut tx, EVIDENCE, &values).await?;
        tx.commit().await
    }

    /// Returns kept messages of one remediation or of all, in order, after `after`, and the cursor of the next page, if
    /// there is one.
    #[tracing::instrument(name = "store.evidence", skip_all)]
    #[boxed]
    pub async fn evidence(
        &self,
        of: Option<&RemediationId>,
        after: Option<KeptCursor>,
        most: u32,
    ) -> Result<(Vec<KeptMessage>, Option<KeptCursor>), StoreError> {
        let mut tx = self.read().await?;
        let (number, seq) = after.map_or((-1, 0), |after| (after.remediation, after.seq));
        let (low, high) = match of {
            Some(id) => (number_of(&mut tx, id).await?, number_of(&mut tx, id).await?),
            None => (number, i64::MAX),
        };
        let sql = format!(
            "SELECT {COLUMNS} WHERE e.remediation >= $1 AND e.remediation <= $2 \
             AND (e.remediation > $3 OR (e.remediation = $3 AND e.seq > $4)) ORDER BY e.remediation, e.seq LIMIT $5"
        );
        let values = [low.into(), high.into(), number.into(), seq.into(), most.saturating_add(1).into()];
        let mut found: Vec<KeptMessage> = tx.rows(sql, &values).await?.iter().map(read).collect::<Result<_, _>>()?;
        let more = found.len() > most as usize;
        found.truncate(most as usize);
        let next = found.last().filter(|_| more).map(|last| last.place);
        Ok((found, next))
    }

    /// Returns a message that was kept under this digest.
    #[tracing::instrument(name = "store.evidence.load", skip_all)]
    #[boxed]
    pub async fn evidence_by_digest(&self, digest: &Digest) -> Result<KeptMessage, StoreError> {
        let sql = format!("SELECT {COLUMNS} WHERE e.digest = $1 ORDER BY e.remediation, e.seq LIMIT 1");
        let row = self.row(sql, &[digest.to_string().into()]).await?;
        read(&row.ok_or_else(|| StoreError::not_found("kept message", digest))?)
    }

    /// Returns the record of a kept message, by its number in the plan of its remediation.
    #[tracing::instrument(name = "store.evidence.of_message", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn evidence_of(&self, id: &RemediationId, seq: u32) -> Result<KeptMessage, StoreError> {
        let sql = format!("SELECT {COLUMNS} WHERE r.id = $1 AND e.seq = $2");
        let row = self.row(sql, &[id.as_str().into(), seq.into()]).await?;
        read(&row.ok_or_else(|| StoreError::not_found("kept message", format!("{seq} of {id}")))?)
    }

    /// Returns a receipt that names a kept message without a row: its remediation and number.
    #[tracing::instrument(name = "store.evidence.lost", skip_all)]
    #[boxed]
    pub async fn lost_evidence(&self) -> Result<Option<(RemediationId, u32)>, StoreError> {
        let sql = "SELECT r.id, o.seq FROM remediations r JOIN outcomes o ON o.remediation = r.number \
                   LEFT JOIN evidence e ON e.remediation = o.remediation AND e.seq = o.seq \
                   WHERE r.action = 'hard-delete' AND o.receipt LIKE '%\"evidence\":%' AND e.seq IS NULL \
                   ORDER BY r.number, o.seq LIMIT 1";
        let Some(row) = self.row(sql, &[]).await? else { return Ok(None) };
        Ok(Some((remediation_id(&row, 0)?, small(&row, 1, "outcomes", "seq")?)))
    }

    /// Records in the chain that a person reads a kept message; called before the message is returned.
    #[tracing::instrument(name = "store.evidence.read", skip_all)]
    pub async fn record_evidence_read(
        &self,
        kept: &KeptMessage,
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let (remediation, seq) = (kept.remediation.to_string(), kept.kept.seq);
        append(&mut tx, &SiteEvent::EvidenceRead { digest: kept.kept.digest, remediation, seq }, actor, at).await?;
        tx.commit().await
    }

    /// Records in the chain that a person reads a message in its mailbox; called before the message is returned.
    #[tracing::instrument(name = "store.messages.read", skip_all, fields(remediation.id = %id))]
    pub async fn record_message_read(
        &self,
        id: &RemediationId,
        seq: u32,
        digest: Digest,
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.record_read(ReadFrom::Plan { remediation: id.to_string(), seq }, digest, actor.into(), at).await
    }

    /// The same of a message that belongs to no remediation.
    #[tracing::instrument(name = "store.messages.read_in_mailbox", skip_all)]
    pub async fn record_mailbox_read(
        &self,
        (store, mailbox): (&str, &str),
        digest: Digest,
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let of = ReadFrom::Mailbox { store: store.to_owned(), mailbox: mailbox.to_owned() };
        self.record_read(of, digest, actor.into(), at).await
    }

    async fn record_read(
        &self,
        of: ReadFrom,
        digest: Digest,
        actor: Actor<'_>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        append(&mut tx, &SiteEvent::MessageRead { digest, of }, actor, at).await?;
        tx.commit().await
    }
}

/// Returns the records of the kept messages of outcomes that are about to be recorded, for their receipts.
pub(crate) async fn of_outcomes(
    tx: &mut Tx,
    number: i64,
    outcomes: &[&Outcome],
) -> Result<BTreeMap<u32, Digest>, StoreError> {
    // Only a message that was deleted permanently can have been kept.
    let gone = |outcome: &&&Outcome| outcome.receipt.as_ref().is_some_and(|receipt| receipt.now.is_none());
    let seqs = || outcomes.iter().filter(gone).map(|outcome| outcome.seq);
    let (Some(first), Some(last)) = (seqs().min(), seqs().max()) else { return Ok(BTreeMap::new()) };
    between(tx, number, first, last).await
}

async fn between(tx: &mut Tx, number: i64, first: u32, last: u32) -> Result<BTreeMap<u32, Digest>, StoreError> {
    let sql = "SELECT seq, digest FROM evidence WHERE remediation = $1 AND seq >= $2 AND seq <= $3";
    let rows = tx.rows(sql, &[number.into(), first.into(), last.into()]).await?;
    rows.iter().map(|row| Ok((small(row, 0, "evidence", "seq")?, digest(row, 1, "evidence", "digest")?))).collect()
}

fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn read(row: &Row) -> Result<KeptMessage, StoreError> {
    let remediation = remediation_id(row, 0)?;
    let seq = small(row, 1, "evidence", "seq")?;
    let corrupt = |table, column| StoreError::corrupt(table, column, format!("{remediation} {seq}"));
    let text = |column| Ok::<_, StoreError>(row.opt_text(column)?.map(Cow::into_owned));
    let receipt = match row.opt_text(11)? {
        Some(receipt) => {
            let receipt: Receipt = serde_json::from_str(&receipt).map_err(|_| corrupt("outcomes", "receipt"))?;
            receipt.evidence
        }
        None => None,
    };
    let digest = row.text(2)?.parse().map_err(|_| corrupt("evidence", "digest"))?;
    Ok(KeptMessage {
        kept: Kept { seq, digest, bytes: u64::try_from(row.int(3)?).unwrap_or(0), at: row.time(4)? },
        store: text(5)?,
        mailbox: text(6)?,
        message_id: text(7)?,
        fingerprint: text(8)?,
        subject: text(9)?,
        outcome: text(10)?,
        receipt,
        place: KeptCursor { remediation: row.int(12)?, seq },
        remediation,
    })
}
