//! Where the chain ends, and what of it was noted elsewhere.

use std::fmt;
use std::str::FromStr;

use clawback_model::{Digest, Timestamp};

use crate::error::StoreError;
use crate::rows::digest;
use crate::store::Store;

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

impl Store {
    /// Where the chain ends now.
    #[tracing::instrument(name = "store.head", skip_all)]
    pub async fn head(&self) -> Result<Head, StoreError> {
        let row = self.read().await?.row("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", &[]).await?;
        let Some(row) = row else { return Ok(Head::default()) };
        Ok(Head { seq: row.int(0)?, hash: digest(&row, 1, "events", "hash")? })
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
