//! The proof that the history is what was written: every link of the chain, and then everything that the chain vouches for.
//! The cached state of a remediation must be the fold of its events, its plan must have the digest that was approved, every
//! batch must have the outcomes that its event counted. The first thing that does not fit is named.
//!
//! What the chain alone cannot show is a tail that was cut off, or a history that was written anew from its beginning: whoever
//! noted the head or a checkpoint elsewhere passes it in.

mod beside;
mod columns;
mod found;
mod log;
pub(crate) mod plan_proof;
mod records;
mod schedules;
mod schema;
mod site;
mod waiting;

pub use columns::{UNTIL_CLOSED, WITHOUT_EFFECT};
pub use found::{Found, VerifyError};

use std::fmt;
use std::str::FromStr;

use clawback_model::{Digest, Timestamp, link_hash};

use crate::chain;
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::history::texts;
use crate::rows::digest;
use crate::store::Store;

/// Events and rows read at once; nothing else is kept of them.
pub(crate) const PAGE: u32 = 2_000;

/// Where the chain ends. Noted elsewhere, it shows later whether the end was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Number of the last event; 0 if there is none.
    pub seq: i64,
    /// Its hash.
    pub hash: Digest,
}

/// As it is noted down: `SEQ:HASH`.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// Not a head.
#[derive(Debug, thiserror::Error)]
#[error("a head is SEQ:HASH, as `clawback verify` prints it")]
pub struct InvalidHead;

impl FromStr for Head {
    type Err = InvalidHead;
    fn from_str(text: &str) -> Result<Self, InvalidHead> {
        text.split_once(':')
            .and_then(|(seq, hash)| Some(Self { seq: seq.parse().ok()?, hash: hash.parse().ok()? }))
            .ok_or(InvalidHead)
    }
}

/// What was noted elsewhere, and when the history is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Noted {
    /// Where the chain ended.
    pub head: Option<Head>,
    /// Size and root of the Merkle tree, from a checkpoint whose signature was checked.
    pub log: Option<(u64, Digest)>,
    /// Now: nothing may be put off further than this program ever puts it off. None: that is not looked at.
    pub now: Option<Timestamp>,
}

impl From<Option<Head>> for Noted {
    fn from(head: Option<Head>) -> Self {
        Self { head, ..Self::default() }
    }
}

/// What was checked, all of it sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Verified {
    pub head: Head,
    pub events: u64,
    pub remediations: u64,
    pub targets: u64,
    pub outcomes: u64,
}

impl Store {
    /// Where the chain ends now.
    #[tracing::instrument(name = "store.head", skip_all)]
    pub async fn head(&self) -> Result<Head, StoreError> {
        let row = self.read().await?.row("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", &[]).await?;
        let Some(row) = row else { return Ok(Head::default()) };
        Ok(Head { seq: row.int(0)?, hash: digest(&row, 1, "events", "hash")? })
    }

    /// Checks everything, in one moment of the database and in flat memory. `noted` is what was noted before; `progress` is
    /// told after each page how far it is.
    #[tracing::instrument(name = "store.verify", skip_all)]
    pub async fn verify(
        &self,
        noted: impl Into<Noted>,
        mut progress: impl FnMut(&Verified),
    ) -> Result<Verified, VerifyError> {
        let noted = noted.into();
        let mut tx = self.read().await?;
        let mut seen = Verified::default();
        let site = walk(&mut tx, &noted, &mut seen, &mut progress).await?;
        let facts = site.compare(&mut tx).await?;
        records::check_all(&mut tx, &facts, noted.now, &mut seen, &mut progress).await?;
        if let Some(now) = noted.now {
            waiting::check(&mut tx, now).await?;
        }
        if let Some(digest) = texts::first_altered(&mut tx).await? {
            return Err(Found::Text { digest }.into());
        }
        drop(tx);
        self.check_schema().await?;
        Ok(seen)
    }
}

/// Walks the chain from its first event to its last.
async fn walk(
    tx: &mut Tx,
    noted: &Noted,
    seen: &mut Verified,
    progress: &mut impl FnMut(&Verified),
) -> Result<site::Site, VerifyError> {
    let known = noted.head;
    let mut site = site::Site::begin(tx).await?;
    let mut log = log::Log::begin(tx, noted.log).await?;
    loop {
        let page = chain::page(tx, seen.head.seq, PAGE).await?;
        for entry in &page {
            let link = &entry.link;
            let expected = seen.head.seq + 1;
            if link.seq != expected {
                return Err(Found::EventMissing { seq: expected }.into());
            }
            if link_hash(link) != entry.hash {
                let (seq, kind) = (link.seq, link.kind.clone());
                return Err(Found::EventChanged { seq, kind, of: of(link.remediation.as_deref()) }.into());
            }
            if link.previous != seen.head.hash {
                return Err(Found::EventUnlinked { seq: link.seq, of: of(link.remediation.as_deref()) }.into());
            }
            if known.is_some_and(|known| known.seq == link.seq && known.hash != entry.hash) {
                return Err(Found::Rewritten { seq: link.seq }.into());
            }
            seen.head = Head { seq: link.seq, hash: entry.hash };
            seen.events += 1;
            log.add(tx, &entry.hash).await?;
            site.add(link)?;
        }
        progress(seen);
        if page.len() < PAGE as usize {
            break;
        }
    }
    if let Some(known) = known.filter(|known| known.seq > seen.head.seq) {
        return Err(Found::Cut { known: known.seq, last: seen.head.seq }.into());
    }
    log.end(tx).await?;
    Ok(site)
}

fn of(remediation: Option<&str>) -> String {
    remediation.map_or_else(|| "the site".to_owned(), str::to_owned)
}
