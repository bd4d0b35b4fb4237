//! The Merkle tree over the events of the history: RFC 6962, section 2.1 (the same as RFC 9162, section 2.1). The leaf
//! of event `n` is the hash of its link, at index `n - 1`. A tree of a given size has one root, so a recorded root
//! fixes every event up to its size, and a proof of some 24 hashes shows that an event is one of ten million.
//!
//! The tree is stored as the tiles of C2SP's tlog-tiles: tile `n` of level `l` holds the hashes of up to 256
//! neighbouring subtrees of `256^l` leaves each. Hashes between two levels are computed from a tile. An append writes
//! one tile, and every 256th append a second one; a proof of one event in ten million reads six tiles at most.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::sha256::Digest;

/// The number of hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;
/// The logarithm of [`TILE_WIDTH`].
const TILE_HEIGHT: u32 = 8;

/// Returns the hash of a leaf (RFC 6962, section 2.1: prefixed with a zero byte).
pub fn leaf_hash(event: &Digest) -> Digest {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(event.0);
    Digest(hash.finalize().into())
}

/// Returns the hash of a node over its two halves (prefixed with a one byte).
fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left.0);
    hash.update(right.0);
    Digest(hash.finalize().into())
}

/// A complete subtree: `2^height` leaves, the first of them at `index * 2^height`. It never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Perfect {
    height: u32,
    index: u64,
}

/// The position of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileAt {
    /// Level 0 holds leaves; each level above holds subtrees 256 times as large.
    pub level: u32,
    /// The position among the tiles of its level.
    pub number: u64,
}

impl TileAt {
    /// Returns the path at which mirrors serve the tile when it holds `width` hashes: `tile/LEVEL/NUMBER`, followed by
    /// `.p/WIDTH` unless it is full (C2SP tlog-tiles, "Merkle Tree").
    pub fn path(&self, width: usize) -> String {
        format!("tile/{}/{}", self.level, number_path(self.number, width))
    }

    /// Returns the path of the entries below a tile of the lowest level (C2SP tlog-tiles, "Log Entries").
    pub fn entries_path(&self, width: usize) -> String {
        format!("tile/entries/{}", number_path(self.number, width))
    }

    /// Returns every tile of a tree of this size, level by level, with the number of hashes in each.
    pub fn all(size: u64) -> impl Iterator<Item = (Self, usize)> {
        LogEdge::tiles(size).into_iter().flat_map(|(edge, width)| {
            let full = (0..edge.number).map(move |number| (Self { level: edge.level, number }, small(TILE_WIDTH)));
            full.chain((width > 0).then_some((edge, width)))
        })
    }
}

/// Formats a number as groups of three digits, with an `x` before all but the last: 1234067 is `x001/x234/067`.
fn number_path(number: u64, width: usize) -> String {
    let mut path = format!("{:03}", number % 1_000);
    let mut rest = number / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    if width < small(TILE_WIDTH) { format!("{path}.p/{width}") } else { path }
}

impl Perfect {
    /// Returns the tile that it is computed from, with the first entry and the number of entries.
    fn place(self) -> (TileAt, usize, usize) {
        let (level, height) = (self.height / TILE_HEIGHT, self.height % TILE_HEIGHT);
        let first = self.index << height;
        let at = TileAt { level, number: first >> TILE_HEIGHT };
        (at, small(first % TILE_WIDTH), 1 << height)
    }
}

/// Returns the complete subtrees that a range of leaves consists of, from left to right. `from` must be a multiple of
/// the largest power of two that is not above the length, which holds for every range of a proof.
fn perfect(from: u64, to: u64) -> Vec<Perfect> {
    let (mut found, mut at) = (Vec::new(), from);
    while at < to {
        let fits = (to - at).ilog2();
        let height = if at == 0 { fits } else { fits.min(at.trailing_zeros()) };
        found.push(Perfect { height, index: at >> height });
        at += 1 << height;
    }
    found
}

/// A range of leaves whose hash is one step of a proof.
type Range = (u64, u64);

/// Returns the largest power of two below `size`; `size` is 2 or more.
const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Returns the sibling subtrees on the path from a leaf to the root, lowest first (RFC 6962, section 2.1.1).
fn inclusion(index: u64, size: u64) -> Vec<Range> {
    let (mut from, mut to, mut beside) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            beside.push((middle, to));
            to = middle;
        } else {
            beside.push((from, middle));
            from = middle;
        }
    }
    beside.reverse();
    beside
}

/// Returns the subtrees that show that the tree of `size` continues the one of `old` (RFC 6962, section 2.1.2).
fn consistency(old: u64, size: u64) -> Vec<Range> {
    if old == 0 || old == size {
        return Vec::new();
    }
    let (mut from, mut to, mut whole, mut beside) = (0, size, true, Vec::new());
    while old != to {
        let middle = from + split(to - from);
        if old <= middle {
            beside.push((middle, to));
            to = middle;
        } else {
            beside.push((from, middle));
            (from, whole) = (middle, false);
        }
    }
    if !whole {
        beside.push((from, to));
    }
    beside.reverse();
    beside
}

/// A query to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogQuestion {
    /// The root of the tree of this size.
    Root(u64),
    /// A proof that the leaf is in the tree.
    Inclusion {
        /// The index of the leaf, from 0.
        index: u64,
        /// The size of the tree; larger than `index`.
        size: u64,
    },
    /// A proof that the larger tree continues the smaller.
    Consistency {
        /// The size of the smaller tree.
        old: u64,
        /// The size of the larger tree.
        size: u64,
    },
}

impl LogQuestion {
    fn ranges(self) -> Vec<Range> {
        match self {
            Self::Root(size) => vec![(0, size)],
            Self::Inclusion { index, size } => inclusion(index, size),
            Self::Consistency { old, size } => consistency(old, size),
        }
    }

    /// Returns the tiles that the answer needs.
    pub fn tiles(self) -> BTreeSet<TileAt> {
        self.ranges().into_iter().flat_map(|(from, to)| perfect(from, to)).map(|one| one.place().0).collect()
    }

    /// Returns the hashes of the answer: one for a root, otherwise those of the proof in order. `None` if a tile is
    /// missing or too short.
    pub fn answer(self, tiles: &BTreeMap<TileAt, Vec<Digest>>) -> Option<Vec<Digest>> {
        self.ranges().into_iter().map(|(from, to)| range_hash(from, to, tiles)).collect()
    }
}

/// Returns the hash of a range: its complete subtrees, joined from the right.
fn range_hash(from: u64, to: u64, tiles: &BTreeMap<TileAt, Vec<Digest>>) -> Option<Digest> {
    let hashes: Option<Vec<Digest>> = perfect(from, to)
        .into_iter()
        .map(|one| {
            let (at, first, entries) = one.place();
            Some(fold_perfect(tiles.get(&at)?.get(first..first + entries)?))
        })
        .collect();
    Some(join(&hashes?))
}

/// Returns the hash over hashes whose number is a power of two.
fn fold_perfect(hashes: &[Digest]) -> Digest {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    level[0]
}

/// Returns the hash over complete subtrees of decreasing size; sha256 of the empty string for none (RFC 6962, section
/// 2.1).
fn join(hashes: &[Digest]) -> Digest {
    let Some((last, left)) = hashes.split_last() else { return Digest::of(b"") };
    left.iter().rev().fold(*last, |right, left| node_hash(left, &right))
}

/// The growing edge of the tiles: the last tile of each level, if it is not full.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogEdge {
    size: u64,
    edge: Vec<Vec<Digest>>,
}

impl LogEdge {
    /// Returns the tiles that form the edge of a tree of this size, with the number of hashes in each.
    pub fn tiles(size: u64) -> Vec<(TileAt, usize)> {
        let levels = (0..u64::BITS / TILE_HEIGHT).map(|level| (level, size >> (TILE_HEIGHT * level)));
        levels
            .take_while(|(_, entries)| *entries > 0)
            .map(|(level, entries)| (TileAt { level, number: entries / TILE_WIDTH }, small(entries % TILE_WIDTH)))
            .collect()
    }

    /// Creates the edge of a tree of this size from the tiles that [`LogEdge::tiles`] names.
    pub fn new(size: u64, edge: Vec<Vec<Digest>>) -> Self {
        Self { size, edge }
    }

    /// Returns the number of leaves in the tree.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds an event. Returns each tile that became full: its position and its hashes.
    pub fn append(&mut self, event: &Digest) -> Vec<(TileAt, Vec<Digest>)> {
        let mut full = Vec::new();
        let mut hash = leaf_hash(event);
        self.size += 1;
        for level in 0.. {
            if self.edge.len() == level as usize {
                self.edge.push(Vec::new());
            }
            let tile = &mut self.edge[level as usize];
            tile.push(hash);
            if tile.len() < small(TILE_WIDTH) {
                break;
            }
            hash = fold_perfect(tile);
            let number = (self.size >> (TILE_HEIGHT * (level + 1))) - 1;
            full.push((TileAt { level, number }, std::mem::take(tile)));
        }
        full
    }

    /// Returns the tiles of the edge that are neither empty nor full.
    pub fn partial(&self) -> Vec<(TileAt, &[Digest])> {
        let tiles = Self::tiles(self.size).into_iter().map(|(at, _)| at).zip(self.edge.iter().map(Vec::as_slice));
        tiles.filter(|(_, hashes)| !hashes.is_empty()).collect()
    }

    /// Returns the current root of the tree.
    pub fn root(&self) -> Digest {
        let mut hashes = Vec::new();
        for tile in self.edge.iter().rev() {
            let mut rest = tile.as_slice();
            while !rest.is_empty() {
                let (perfect, right) = rest.split_at(1 << rest.len().ilog2());
                hashes.push(fold_perfect(perfect));
                rest = right;
            }
        }
        join(&hashes)
    }
}

/// Returns whether a proof shows that the leaf is in the tree with this root (RFC 9162, section 2.1.3.2).
pub fn is_included(leaf: &Digest, index: u64, size: u64, proof: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, *leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(step, &hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, step);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Returns whether a proof shows that the larger tree continues the smaller (RFC 9162, section 2.1.4.2).
pub fn is_continued(old: (u64, &Digest), new: (u64, &Digest), proof: &[Digest]) -> bool {
    let ((first, old_root), (second, new_root)) = (old, new);
    if first == 0 || first == second {
        return proof.is_empty() && (first == 0 || old_root == new_root);
    }
    if first > second {
        return false;
    }
    let whole = first.is_power_of_two().then_some(old_root);
    let mut steps = whole.into_iter().chain(proof);
    let Some(start) = steps.next() else { return false };
    let (mut place, mut last) = (first - 1, second - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let (mut before, mut after) = (*start, *start);
    for step in steps {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            before = node_hash(step, &before);
            after = node_hash(step, &after);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            after = node_hash(&after, step);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && before == *old_root && after == *new_root
}

fn small(number: u64) -> usize {
    usize::try_from(number).expect("no more than the width of a tile")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(number: u64) -> Digest {
        Digest::of(&number.to_be_bytes())
    }

    /// The definition of RFC 6962, section 2.1, written out literally.
    fn naive(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(b""),
            [one] => leaf_hash(one),
            _ => {
                let (left, right) = leaves.split_at(small(split(leaves.len() as u64)));
                node_hash(&naive(left), &naive(right))
            }
        }
    }

    /// Returns all tiles of a tree, both the full ones and those of the edge.
    fn grown(leaves: &[Digest]) -> (LogEdge, BTreeMap<TileAt, Vec<Digest>>) {
        let (mut edge, mut tiles) = (LogEdge::default(), BTreeMap::new());
        for leaf in leaves {
            tiles.extend(edge.append(leaf));
        }
        tiles.extend(edge.partial().into_iter().map(|(at, hashes)| (at, hashes.to_vec())));
        (edge, tiles)
    }

    #[test]
    fn the_hash_of_an_empty_tree_and_of_one_empty_leaf_are_those_of_the_standard() {
        // The empty tree is from certificate-transparency-go, `merkletree_test.go`; a leaf here is always a digest.
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(LogEdge::default().root().to_string(), empty);
        assert_eq!(leaf_hash(&event(1)), Digest::of(&[&[0][..], &event(1).0].concat()));
    }

    #[test]
    fn tiles_lie_where_the_standard_says() {
        let at = |level, number| TileAt { level, number };
        assert_eq!(at(0, 0).path(256), "tile/0/000");
        assert_eq!(at(2, 1_234_067).path(256), "tile/2/x001/x234/067");
        assert_eq!(at(0, 5).path(7), "tile/0/005.p/7");
        assert_eq!(at(0, 1_000).entries_path(1), "tile/entries/x001/000.p/1");
        let all: Vec<_> = TileAt::all(70_000).map(|(at, width)| at.path(width)).collect();
        assert_eq!((all.len(), all.last().unwrap().as_str()), (273 + 1 + 2 + 1, "tile/2/000.p/1"));
        assert_eq!(TileAt::all(0).count(), 0);
    }

    #[test]
    fn a_proof_in_ten_million_reads_few_tiles() {
        for index in [0, 255, 4_999_999, 9_999_999] {
            let tiles = LogQuestion::Inclusion { index, size: 10_000_000 }.tiles();
            assert!(tiles.len() <= 6, "{index}: {tiles:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn roots_and_proofs_are_those_of_the_naive_tree(size in 1_u64..1_400, at in 0_u64..1_400, old in 0_u64..1_400) {
            let (index, old) = (at % size, old % (size + 1));
            let leaves: Vec<Digest> = (0..size).map(event).collect();
            let (edge, tiles) = grown(&leaves);
            let root = naive(&leaves);
            prop_assert_eq!(edge.root(), root);
            prop_assert_eq!(LogQuestion::Root(size).answer(&tiles), Some(vec![root]));
            let old_root = naive(&leaves[..small(old)]);
            prop_assert_eq!(LogQuestion::Root(old).answer(&tiles), Some(vec![old_root]));

            let asked = LogQuestion::Inclusion { index, size };
            let needed: BTreeMap<_, _> = asked.tiles().into_iter().map(|at| (at, tiles[&at].clone())).collect();
            let proof = asked.answer(&needed).unwrap();
            let leaf = leaf_hash(&leaves[small(index)]);
            prop_assert!(is_included(&leaf, index, size, &proof, &root));
            prop_assert!(!is_included(&leaf, index ^ 1, size, &proof, &root) || size == 1);
            prop_assert!(!is_included(&event(9), index, size, &proof, &root));
            prop_assert!(!is_included(&leaf, index, size, &[&proof[..], &[root]].concat(), &root));

            let asked = LogQuestion::Consistency { old, size };
            let proof = asked.answer(&tiles).unwrap();
            prop_assert!(is_continued((old, &old_root), (size, &root), &proof));
            if old > 0 && old < size {
                prop_assert!(!is_continued((old, &event(9)), (size, &root), &proof));
                prop_assert!(!is_continued((old, &old_root), (size, &event(9)), &proof));
                for place in 0..proof.len() {
                    let mut other = proof.clone();
                    other[place] = event(9);
                    prop_assert!(!is_continued((old, &old_root), (size, &root), &other));
                }
            }
        }

        #[test]
        fn an_edge_goes_on_from_its_tiles(size in 0_u64..1_400, more in 1_u64..300) {
            let leaves: Vec<Digest> = (0..size + more).map(event).collect();
            let (_, tiles) = grown(&leaves[..small(size)]);
            let at = LogEdge::tiles(size).into_iter();
            let edge = at.map(|(at, width)| if width == 0 { vec![] } else { tiles[&at].clone() });
            let mut edge = LogEdge::new(size, edge.collect());
            for leaf in &leaves[small(size)..] {
                edge.append(leaf);
            }
            prop_assert_eq!(edge.root(), naive(&leaves));
            prop_assert_eq!(edge.size(), size + more);
        }
    }
}
