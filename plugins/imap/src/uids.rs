//! Sets of UIDs from servers, which may be arbitrary: ranges stay ranges, so that none exhausts the memory.

use std::fmt::Write as _;

/// UIDs in the order of the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Uids(Vec<(u32, u32)>);

/// The most UIDs in one set of a command: servers limit the length of a line.
const A_SET: usize = 400;

impl Uids {
    /// Parses a sequence set without `*`. `None` if it is invalid.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.split(',')
            .map(|part| {
                let (from, to) = part.split_once(':').unwrap_or((part, part));
                let (from, to): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
                (from > 0 && to > 0).then(|| (from.min(to), from.max(to)))
            })
            .collect::<Option<_>>()
            .map(Self)
    }

    pub(crate) fn push(&mut self, from: u32, to: u32) {
        self.0.push((from.min(to), from.max(to)));
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// Returns them one by one, in the order of the answer, by which `COPYUID` pairs them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|(from, to)| *from..=*to)
    }

    /// Returns their number, with repetitions.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(from, to)| u64::from(to - from) + 1).sum()
    }

    /// Returns those of a sorted set that are above this UID.
    pub(crate) fn above(&self, uid: u32) -> Self {
        let above = self.0.iter().filter(|(_, to)| *to > uid);
        Self(above.map(|(from, to)| ((*from).max(uid.saturating_add(1)), *to)).collect())
    }

    /// Returns every `step`-th UID of a sorted set, at most `most`. The set may be as large as a server
    /// claims.
    pub(crate) fn borders(&self, step: u32, most: usize) -> Vec<u32> {
        let (step, mut borders) = (u64::from(step.max(1)), Vec::new());
        // The number since the last border.
        let mut since: u64 = 0;
        for (from, to) in &self.0 {
            let mut at = u64::from(*from);
            while at + (step - since) - 1 <= u64::from(*to) {
                at += step - since;
                since = 0;
                borders.extend(u32::try_from(at - 1));
                if borders.len() >= most {
                    return borders;
                }
            }
            since += u64::from(*to) + 1 - at;
        }
        borders
    }

    /// Returns each once, in ascending order.
    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(self.0.len());
        for (from, to) in self.0 {
            match merged.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        Self(merged)
    }
}

/// Returns the UIDs as sets for commands, each of limited length and in ascending order.
pub(crate) fn sets(uids: &[u32]) -> Vec<String> {
    let mut uids = uids.to_vec();
    uids.sort_unstable();
    uids.dedup();
    uids.chunks(A_SET)
        .map(|uids| {
            let mut ranges: Vec<(u32, u32)> = Vec::new();
            for uid in uids {
                match ranges.last_mut() {
                    Some(last) if last.1.checked_add(1) == Some(*uid) => last.1 = *uid,
                    _ => ranges.push((*uid, *uid)),
                }
            }
            ranges.iter().fold(String::new(), |mut set, (from, to)| {
                let comma = if set.is_empty() { "" } else { "," };
                let range = if from == to { format!("{from}") } else { format!("{from}:{to}") };
                write!(set, "{comma}{range}").expect("writing to a string cannot fail");
                set
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_commands_are_short_and_rising() {
        assert_eq!(sets(&[5, 1, 2, 3, 2, 9]), ["1:3,5,9"]);
        let many: Vec<u32> = (0..1000).map(|number| number * 2 + 1).collect();
        assert_eq!(sets(&many).len(), 3);
        assert!(sets(&[]).is_empty());
    }

    #[test]
    fn borders_of_large_sets() {
        let set = |text: &str| Uids::parse(text).unwrap().sorted();
        assert_eq!(set("1:10").borders(3, 99), [3, 6, 9]);
        assert_eq!(set("1:2,5,7:9").borders(3, 99), [5, 9]);
        assert_eq!(set("1:2").borders(3, 99), Vec::<u32>::new());
        assert_eq!(set("1:4294967295").borders(1_000, 2), [1_000, 2_000]);
        assert_eq!(set("1:4294967295").count(), 4_294_967_295);
        assert_eq!(set("1:4,9").above(3), set("4,9"));
        assert_eq!(set("4294967295").above(u32::MAX).count(), 0);
    }

    #[test]
    fn told_sets() {
        assert_eq!(Uids::parse("3,5:4").unwrap().iter().collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(Uids::parse("1:4294967295").unwrap().iter().take(2).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(Uids::parse("4:9,1:4,10").unwrap().sorted(), Uids(vec![(1, 10)]));
        for text in ["", "0", "*", "1:*", "a", "1,,2", "99999999999"] {
            assert_eq!(Uids::parse(text), None, "{text}");
        }
    }
}
