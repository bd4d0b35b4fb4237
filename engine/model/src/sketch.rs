//! Sketches of texts, and the share of one text that is in another.
//!
//! A sketch has the smallest hashes of a text's pairs of adjacent words: a sample of them that is the same in every
//! text ("bottom-k"). A connector makes it (`sketch` in `plugins/wit/mail-store.wit`), with hashes under a key of the
//! site, so a sketch does not show the words.

use serde::{Deserialize, Serialize};

/// The most hashes of a sketch, as in the contract with connectors.
pub const LONGEST_SKETCH: usize = 256;

/// The smallest keyed hashes of a text's pairs of adjacent words.
///
/// **Invariant:** `hashes` ascend, each once, at most [`LONGEST_SKETCH`]; `pairs` is not less than their number. If it
/// is more, the text has no other hash that is less than the last one here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, from = "Unchecked")]
pub struct Sketch {
    hashes: Vec<u64>,
    pairs: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Unchecked {
    hashes: Vec<u64>,
    pairs: u32,
}

impl From<Unchecked> for Sketch {
    fn from(given: Unchecked) -> Self {
        Self::new(given.hashes, given.pairs)
    }
}

/// How many of the pairs of one text that were compared are in another text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Containment {
    /// The compared pairs that are in the other text, too.
    pub found: u32,
    /// The pairs that were compared; at least 1.
    pub compared: u32,
}

impl Containment {
    /// Returns the estimated share of the text that is in the other, from 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.found) / f64::from(self.compared.max(1))
    }
}

impl Sketch {
    /// Makes a sketch of what a connector returns, in any order. `pairs` is the number of different pairs of words in
    /// the text; it is raised to the number of hashes if it is less.
    pub fn new(mut hashes: Vec<u64>, pairs: u32) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        let pairs = pairs.max(count(hashes.len()));
        hashes.truncate(LONGEST_SKETCH);
        Self { hashes, pairs }
    }

    /// The hashes, ascending.
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// The number of different pairs of words in the text.
    pub const fn pairs(&self) -> u32 {
        self.pairs
    }

    /// Returns whether the text has this pair of words; `None` if the hash is above what the sketch knows.
    pub fn contains(&self, hash: u64) -> Option<bool> {
        (hash <= self.cut()?).then(|| self.hashes.binary_search(&hash).is_ok())
    }

    /// Estimates which share of this text is in the other. `None` if nothing can be compared.
    ///
    /// Each sketch has all hashes of its text up to a cut: its last hash, or no cut if it has every hash. The hashes of
    /// this text up to the lower of both cuts are a uniform sample of its pairs without replacement, and of each of
    /// them it is certain whether the other text has it. The share of this sample that the other has is an unbiased
    /// estimate. Its standard error is at most `sqrt(c (1 - c) / n)` for a true share `c` and `n` compared pairs: 0.03
    /// for 256, 0.10 for 20, at `c` = 0.7. It is 0 if neither sketch has a cut. `n` becomes small if the other text is
    /// much longer than this one: about 256 × (pairs here) / (pairs there). A caller that needs certainty requires a
    /// least `compared`.
    pub fn containment(&self, other: &Self) -> Option<Containment> {
        // No hash here is above the own cut.
        let cut = other.cut()?;
        let compared = &self.hashes[..self.hashes.partition_point(|hash| *hash <= cut)];
        let found = compared.iter().filter(|hash| other.hashes.binary_search(hash).is_ok()).count();
        (!compared.is_empty()).then(|| Containment { found: count(found), compared: count(compared.len()) })
    }

    /// Returns the sketch of the text without some of its pairs. The number of pairs that the sketch does not have
    /// shrinks in proportion.
    #[must_use]
    pub fn without(&self, is_dropped: impl Fn(u64) -> bool) -> Self {
        let hashes: Vec<u64> = self.hashes.iter().copied().filter(|hash| !is_dropped(*hash)).collect();
        let (kept, all) = (u64::from(count(hashes.len())), u64::from(count(self.hashes.len())).max(1));
        // No more than `pairs`, because `kept` is no more than `all`. Rounded up, so that a cut remains one.
        let pairs = (u64::from(self.pairs) * kept).div_ceil(all);
        Self { hashes, pairs: u32::try_from(pairs).unwrap_or(self.pairs) }
    }

    /// The highest hash up to which the sketch has all hashes of its text; `None` if it has none although there are
    /// pairs.
    fn cut(&self) -> Option<u64> {
        if self.pairs > count(self.hashes.len()) { self.hashes.last().copied() } else { Some(u64::MAX) }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sketch(hashes: &[u64]) -> Sketch {
        Sketch::new(hashes.to_vec(), 0)
    }

    /// Returns the sketch of a text with all of these hashes.
    fn whole(hashes: &[u64]) -> Sketch {
        Sketch::new(hashes.to_vec(), count(hashes.iter().collect::<std::collections::BTreeSet<_>>().len()))
    }

    fn containment(found: u32, compared: u32) -> Containment {
        Containment { found, compared }
    }

    #[test]
    fn what_a_connector_returns_is_put_in_order() {
        let made = Sketch::new(vec![3, 1, 3, 2], 1);
        assert_eq!((made.hashes(), made.pairs()), (&[1, 2, 3][..], 3));
        let made = Sketch::new((0..300).rev().collect(), 0);
        assert_eq!((made.hashes().len(), made.hashes()[255], made.pairs()), (256, 255, 300));
        let json = r#"{"hashes":[2,1,2],"pairs":9}"#;
        assert_eq!(serde_json::from_str::<Sketch>(json).unwrap(), Sketch::new(vec![1, 2], 9));
    }

    #[test]
    fn only_hashes_that_both_know_are_compared() {
        let all = |share: &[u64], pairs| Sketch::new(share.to_vec(), pairs);
        for (root, other, expected) in [
            (sketch(&[1, 2, 3, 4]), sketch(&[2, 3, 9]), Some(containment(2, 4))),
            (sketch(&[1, 2]), sketch(&[]), Some(containment(0, 2))),
            (sketch(&[]), sketch(&[1]), None),
            // The other ends at 3: of 4 and 5 nobody knows whether it has them.
            (sketch(&[1, 2, 4, 5]), all(&[1, 3], 100), Some(containment(1, 2))),
            // The root ends at 4: its sample is complete up to there.
            (all(&[1, 4], 50), sketch(&[1, 9]), Some(containment(1, 2))),
            (all(&[1, 4], 50), all(&[1, 2], 80), Some(containment(1, 1))),
            (sketch(&[5]), all(&[1, 3], 100), None),
            (all(&[], 7), sketch(&[1]), None),
            (sketch(&[1]), all(&[], 7), None),
        ] {
            assert_eq!(root.containment(&other), expected, "{root:?} {other:?}");
        }
        assert!((Containment { found: 7, compared: 10 }.share() - 0.7).abs() < f64::EPSILON);
    }

    #[test]
    fn without_some_pairs_the_cut_remains() {
        let cut = Sketch::new(vec![1, 2, 3, 4], 40);
        let less = cut.without(|hash| hash % 2 == 0);
        assert_eq!((less.hashes(), less.pairs()), (&[1, 3][..], 20));
        assert_eq!(less.contains(5), None);
        let cut = Sketch::new(vec![1, 2, 3, 4], 5).without(|hash| hash % 2 == 0);
        assert_eq!((cut.pairs(), cut.contains(5)), (3, None), "half a pair more than there are hashes");
        let complete = sketch(&[1, 2, 3]).without(|hash| hash == 3);
        assert_eq!((complete.pairs(), complete.contains(5)), (2, Some(false)));
        assert_eq!(complete.without(|_| true), Sketch::default());
    }

    /// Spreads numbers over all hashes, each to another one (`splitmix64`).
    fn hash(number: u64) -> u64 {
        let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    #[test]
    fn the_estimate_for_long_texts_is_near_the_share() {
        for share in [0, 2, 5, 7, 10] {
            let root: Vec<u64> = (0..2000).map(hash).collect();
            let other: Vec<u64> = (0..200 * share).chain(10_000..11_000).map(hash).collect();
            let seen = whole(&root).containment(&whole(&other)).unwrap();
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let expected = share as f64 / 10.0;
            assert!((seen.share() - expected).abs() < 0.1, "{share}: {seen:?}");
            assert!(seen.compared > 100);
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_part_of_what_is_compared(
            root in prop::collection::vec(0..2000_u64, 0..600), other in prop::collection::vec(0..2000_u64, 0..600),
            more in 0..3000_u32,
        ) {
            let (root, other) = (whole(&root), Sketch::new(other, more));
            if let Some(seen) = root.containment(&other) {
                prop_assert!(seen.found <= seen.compared && seen.compared >= 1);
                prop_assert!(usize::try_from(seen.compared).unwrap() <= root.hashes().len());
            }
        }

        #[test]
        fn a_text_contains_itself_and_longer_texts_contain_it(
            text in prop::collection::vec(any::<u64>(), 1..600), more in prop::collection::vec(any::<u64>(), 0..600),
        ) {
            let longer = whole(&[text.clone(), more].concat());
            let text = whole(&text);
            prop_assert!(text.containment(&text).is_some_and(|seen| seen.found == seen.compared));
            if let Some(seen) = text.containment(&longer) {
                prop_assert_eq!(seen.found, seen.compared);
            }
        }

        #[test]
        fn complete_sketches_are_compared_exactly(
            root in prop::collection::btree_set(0..400_u64, 1..250), other in prop::collection::btree_set(0..400_u64, 0..250),
        ) {
            let both = root.intersection(&other).count();
            let seen = whole(&root.iter().copied().collect::<Vec<_>>())
                .containment(&whole(&other.iter().copied().collect::<Vec<_>>()));
            prop_assert_eq!(seen, Some(containment(count(both), count(root.len()))));
        }
    }
}
