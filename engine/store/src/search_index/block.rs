//! One block of the index: for each word the bitmap of the remediations that it applies to.

use std::collections::BTreeMap;

use clawback_model::{Remediation, Timestamp};

use super::bitmap::{BLOCK, Bitmap};
use super::words::{lasting, passing};
use crate::error::StoreError;

/// The words of one block.
pub(crate) struct Block {
    pub(crate) number: i64,
    pub(crate) words: BTreeMap<String, Bitmap>,
    /// When each of them was submitted, by its number.
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
            self.words.entry(word).or_insert(Bitmap::NONE).insert(place(number));
        }
        self.times.insert(number, remediation.created_at);
        self.first = self.first.min(remediation.created_at);
        self.last = self.last.max(remediation.created_at);
    }
}

/// Returns the block of a remediation.
pub(crate) const fn block(number: i64) -> i64 {
    number / BLOCK
}

/// Returns the place of a remediation in its block.
pub(crate) fn place(number: i64) -> u16 {
    u16::try_from(number % BLOCK).expect("numbers count from one, and a block is small")
}

/// Reads a bitmap.
pub(crate) fn bitmap(text: &str, block: i64) -> Result<Bitmap, StoreError> {
    Bitmap::decode(text).ok_or_else(|| StoreError::corrupt("history_words", "members", block))
}
