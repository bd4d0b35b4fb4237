//! How many messages of a remediation share a mailbox, a sender or a subject, largest first.

use crate::boxed::boxed;
use clawback_model::RemediationId;

use crate::database::dialect::Row;
use crate::error::StoreError;
use crate::rows::number_of;
use crate::store::Store;

/// What messages share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedBy {
    /// The mailbox that they are in.
    Mailbox,
    /// The From address.
    Sender,
    /// The subject.
    Subject,
}

impl SharedBy {
    const fn column(self) -> &'static str {
        match self {
            Self::Mailbox => "l.mailbox",
            Self::Sender => "t.from_address",
            Self::Subject => "t.subject",
        }
    }
}

/// The messages of a remediation that share a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The value; from mail, so untrusted.
    pub value: String,
    /// How many messages have it.
    pub messages: u64,
    /// Those that were acted on.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those without an outcome.
    pub open: u64,
    /// How many mailboxes they are in.
    pub mailboxes: u64,
}

/// The largest shares, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shares {
    /// The largest, in this order.
    pub largest: Vec<Share>,
    /// All, with those that are not listed.
    pub all: u64,
}

impl Store {
    /// Returns how the messages of a remediation are shared out, at most `most` shares.
    #[tracing::instrument(name = "store.messages.shares", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn shares(&self, id: &RemediationId, by: SharedBy, most: u32) -> Result<Shares, StoreError> {
        let mut tx = self.read().await?;
        let number = number_of(&mut tx, id).await?;
        let value = by.column();
        let from = "FROM targets t LEFT JOIN lanes l ON l.remediation = t.remediation AND l.lane = t.lane";
        let sql = format!(
            "SELECT {value}, COUNT(*), COUNT(CASE WHEN o.kind = 'succeeded' THEN 1 END), \
             COUNT(CASE WHEN o.kind = 'failed' THEN 1 END), COUNT(CASE WHEN o.kind IS NULL THEN 1 END), \
             COUNT(DISTINCT l.mailbox) {from} \
             LEFT JOIN outcomes o ON o.remediation = t.remediation AND o.seq = t.seq \
             WHERE t.remediation = $1 GROUP BY {value} ORDER BY COUNT(*) DESC, {value} LIMIT $2"
        );
        let rows = tx.rows(sql, &[number.into(), most.into()]).await?;
        let largest: Vec<Share> = rows.iter().map(read).collect::<Result<_, _>>()?;
        let all = format!("SELECT COUNT(DISTINCT {value}) {from} WHERE t.remediation = $1");
        let all = tx.row(all, &[number.into()]).await?.map_or(Ok(0), |row| row.int(0))?.unsigned_abs();
        Ok(Shares { largest, all })
    }
}

fn read(row: &Row) -> Result<Share, StoreError> {
    let count = |column| Ok::<_, StoreError>(row.int(column)?.unsigned_abs());
    Ok(Share {
        value: row.opt_text(0)?.unwrap_or_default().into_owned(),
        messages: count(1)?,
        succeeded: count(2)?,
        failed: count(3)?,
        open: count(4)?,
        mailboxes: count(5)?,
    })
}
