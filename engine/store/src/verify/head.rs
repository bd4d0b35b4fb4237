//! The head of the chain, and heads and checkpoints that were noted elsewhere.

use crate::boxed::boxed;
use std::fmt;
use std::str::FromStr;

use clawback_model::{Digest, Timestamp};

use crate::error::StoreError;
use crate::rows::digest;
use crate::store::Store;

/// The end of the chain. A head that was noted elsewhere later shows whether the end was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The number of the last event; 0 if there is none.
    pub seq: i64,
    /// The hash of the last event.
    pub hash: Digest,
}

/// Formats the head as `SEQ:HASH`.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// A text that is not a head.
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

impl Store {
    /// Returns the current end of the chain.
    #[tracing::instrument(name = "store.head", skip_all)]
    #[boxed]
    pub async fn head(&self) -> Result<Head, StoreError> {
        let row = self.row("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", &[]).await?;
        let Some(row) = row else { return Ok(Head::default()) };
        Ok(Head { seq: row.int(0)?, hash: digest(&row, 1, "events", "hash")? })
    }
}

/// Heads and checkpoints that were noted elsewhere, and the time of the verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrustedHeads {
    /// A head of the chain.
    pub head: Option<Head>,
    /// The size and root of the Merkle tree, from a checkpoint whose signature was checked.
    pub log: Option<(u64, Digest)>,
    /// The current time: no row may be deferred further than this program ever defers it. `None` skips this check.
    pub now: Option<Timestamp>,
}

impl From<Option<Head>> for TrustedHeads {
    fn from(head: Option<Head>) -> Self {
        Self { head, ..Self::default() }
    }
}
