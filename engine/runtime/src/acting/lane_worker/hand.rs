//! The lanes that a lane worker has in hand, by store.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use clawback_store::LaneClaim;

/// The lanes in hand.
#[derive(Debug, Default)]
pub(super) struct Hand(HashMap<LaneClaim, Arc<str>>);

impl Hand {
    /// Adds a lane of a store.
    pub(super) fn take(&mut self, claim: LaneClaim, store: &Arc<str>) {
        self.0.insert(claim, Arc::clone(store));
    }

    /// Removes lanes.
    pub(super) fn leave(&mut self, claims: &[LaneClaim]) {
        for claim in claims {
            self.0.remove(claim);
        }
    }

    /// The number of lanes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The number of lanes of each store.
    pub(super) fn by_store(&self) -> HashMap<Arc<str>, u32> {
        let mut counts = HashMap::new();
        for store in self.0.values() {
            *counts.entry(Arc::clone(store)).or_default() += 1;
        }
        counts
    }

    /// The claims of all lanes.
    pub(super) fn claims(&self) -> HashSet<LaneClaim> {
        self.0.keys().copied().collect()
    }
}
