//! A bitmap of the remediations of one block that a word applies to.

use data_encoding::BASE64_NOPAD;

/// The remediations in a block: as a bitmap it has 512 bytes, and a place fits in two bytes.
pub(crate) const BLOCK: i64 = 4_096;

/// The bytes of the bitmap.
const BYTES: usize = 512;
/// The 64-bit words of the bitmap.
const WORDS: usize = BYTES / 8;

/// A set of places in a block, 0 to 4,095.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bitmap([u64; WORDS]);

impl Bitmap {
    /// The empty set.
    pub(crate) const NONE: Self = Self([0; WORDS]);

    /// Adds a place.
    pub(crate) const fn insert(&mut self, place: u16) {
        self.0[place as usize / 64 % WORDS] |= 1 << (place % 64);
    }

    /// Removes a place.
    pub(crate) const fn remove(&mut self, place: u16) {
        self.0[place as usize / 64 % WORDS] &= !(1 << (place % 64));
    }

    /// Returns whether it is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Returns the number of places.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Adds the places of another set (union).
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    /// Keeps only the places of another set (intersection).
    pub(crate) fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
    }

    /// Removes the places of another set (difference).
    pub(crate) fn leave_out(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= !other);
    }

    /// Returns the places, highest first.
    pub(crate) fn descending(&self) -> impl Iterator<Item = u16> {
        (0..64_u16).rev().zip(self.0.into_iter().rev()).flat_map(|(word, bits)| {
            (0..64).rev().filter(move |bit| bits & (1 << bit) != 0).map(move |bit| word * 64 + bit)
        })
    }

    /// Returns the stored form: two bytes per place, or one bit for every place of the block if that is shorter.
    pub(crate) fn encode(&self) -> String {
        let bytes: Vec<u8> = if self.count() * 2 < BYTES {
            self.descending().flat_map(u16::to_be_bytes).collect()
        } else {
            self.0.iter().flat_map(|word| word.to_be_bytes()).collect()
        };
        BASE64_NOPAD.encode(&bytes)
    }

    /// Reads what [`Bitmap::encode`] wrote.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let bytes = BASE64_NOPAD.decode(text.as_bytes()).ok()?;
        let mut bitmap = Self::NONE;
        if bytes.len() == BYTES {
            for (word, bytes) in bitmap.0.iter_mut().zip(bytes.as_chunks().0) {
                *word = u64::from_be_bytes(*bytes);
            }
            return Some(bitmap);
        }
        let (places, rest) = bytes.as_chunks();
        for place in places {
            let place = u16::from_be_bytes(*place);
            (i64::from(place) < BLOCK).then(|| bitmap.insert(place))?;
        }
        rest.is_empty().then_some(bitmap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(places: impl IntoIterator<Item = u16>) -> Bitmap {
        let mut bitmap = Bitmap::NONE;
        places.into_iter().for_each(|place| bitmap.insert(place));
        bitmap
    }

    #[test]
    fn sets_come_back_whether_few_or_many() {
        for count in [0, 1, 2, 254, 255, 256, 257, 4_096] {
            let bitmap = of((0..count).map(|number| number * 16 % 4_096 + number / 256));
            assert_eq!(Bitmap::decode(&bitmap.encode()), Some(bitmap.clone()), "{count}");
            assert_eq!(bitmap.descending().count(), usize::from(count));
            assert!(bitmap.encode().len() <= 683, "{count}");
        }
        assert_eq!(of([7, 4_095, 0]).descending().collect::<Vec<_>>(), [4_095, 7, 0]);
    }

    #[test]
    fn sets_meet_and_join() {
        let mut both = of([1, 2, 3]);
        both.keep(&of([2, 3, 4]));
        assert_eq!(both, of([2, 3]));
        both.add(&of([9]));
        both.remove(2);
        assert_eq!(both, of([3, 9]));
        assert!(!both.is_empty() && Bitmap::NONE.is_empty());
    }

    #[test]
    fn what_nobody_wrote_is_no_set() {
        for text in ["?", "AAA=", "EAA", "AA", "AAAA"] {
            assert_eq!(Bitmap::decode(text), None, "{text}");
        }
    }
}
