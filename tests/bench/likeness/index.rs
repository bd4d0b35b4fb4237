//! Every mail that a root takes for a copy, without a comparison of all pairs.

use std::collections::HashMap;

use clawback_model::{Band, CONTAINED, Features, LEAST_PAIRS, Root};

/// The fewest hashes that a copy shares with its root: it has the share [`CONTAINED`] of at least [`LEAST_PAIRS`].
const FEWEST_SHARED: u32 = LEAST_PAIRS / 2;
const _: () = assert!(CONTAINED >= 0.5, "a copy has at least half of the compared pairs");

/// Mails, by the hashes of their sketches.
pub(crate) struct Index<'a> {
    mails: Vec<&'a Features>,
    by_hash: HashMap<u64, Vec<usize>>,
}

impl<'a> Index<'a> {
    pub(crate) fn new(mails: Vec<&'a Features>) -> Self {
        let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, mail) in mails.iter().enumerate() {
            for hash in mail.sketch.hashes() {
                by_hash.entry(*hash).or_default().push(at);
            }
        }
        Self { mails, by_hash }
    }

    /// Returns the mails that are copies of the root ([`Band::Copy`]). A mail that shares too few hashes with it is none.
    pub(crate) fn copies(&self, root: &Root) -> Vec<usize> {
        let mut shared = vec![0_u32; self.mails.len()];
        for at in root.sketch().hashes().iter().filter_map(|hash| self.by_hash.get(hash)).flatten() {
            shared[*at] += 1;
        }
        let candidates = (0..self.mails.len()).filter(|at| shared[*at] >= FEWEST_SHARED);
        candidates.filter(|at| root.likeness(self.mails[*at]).band == Band::Copy).collect()
    }
}
