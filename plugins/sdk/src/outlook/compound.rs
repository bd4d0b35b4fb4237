//! Compound files (MS-CFB): storages and streams in sectors, read from hostile bytes.
//!
//! A chain has only sectors of the file, as many as its stream needs. Streams of one file share no sector, so that all of
//! them together have no more bytes than the file: the reader stops there. A directory entry is found once, so that a
//! directory with cycles is a tree. All work is linear in the size of the file.

/// The first bytes of a compound file (MS-CFB 2.2).
pub(crate) const MAGIC: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
/// The largest number of a sector; greater ones are free, or the end of a chain (MS-CFB 2.1).
const LARGEST_SECTOR: u32 = 0xffff_fffa;
/// No entry of the directory.
const NOTHING: u32 = 0xffff_ffff;
/// The bytes of an entry of the directory, and of a sector of the mini stream.
const ENTRY: usize = 128;
const MINI_SECTOR: usize = 64;
/// The size of the smallest stream that has sectors of its own (MS-CFB 2.2).
const LARGEST_CUTOFF: u64 = 4_096;
/// The places in the header that name sectors of the allocation table.
const NAMED: std::ops::Range<usize> = 76..512;

/// A storage or a stream.
#[derive(Debug)]
struct Entry {
    /// In lower case; names are compared without case.
    name: String,
    kind: u8,
    siblings: [u32; 2],
    child: u32,
    start: u32,
    size: u64,
}

/// A compound file.
#[derive(Debug)]
pub(crate) struct Compound<'a> {
    raw: &'a [u8],
    sector: usize,
    /// The stream size from which a stream is in sectors of the file.
    cutoff: u64,
    table: Vec<u32>,
    mini_table: Vec<u32>,
    /// The sectors of the stream that small streams are in.
    mini: Vec<u32>,
    entries: Vec<Entry>,
    /// The entries that were found.
    found: Vec<bool>,
    /// The bytes of streams that are still read.
    left: usize,
}

/// A number of an entry of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node(usize);

/// What a storage has: the names in lower case.
pub(crate) type Children = std::collections::BTreeMap<String, Node>;

impl<'a> Compound<'a> {
    /// Opens a compound file; `None` if it is none, or too little of it is there.
    pub(crate) fn open(raw: &'a [u8]) -> Option<Self> {
        let version = u16_at(raw, 26)?;
        let sector = match (u16_at(raw, 30)?, version) {
            (9, _) => 512,
            (12, 4) => 4_096,
            _ => return None,
        };
        if !raw.starts_with(&MAGIC) || raw.len() < 2 * sector {
            return None;
        }
        let mut file = Self {
            raw,
            sector,
            cutoff: u64::from(u32_at(raw, 56)?).min(LARGEST_CUTOFF),
            table: Vec::new(),
            mini_table: Vec::new(),
            mini: Vec::new(),
            entries: Vec::new(),
            found: Vec::new(),
            left: raw.len(),
        };
        file.table = file.allocation_table();
        file.mini_table = file.chained(u32_at(raw, 60)?).flat_map(numbers).collect();
        let directory = file.chained(u32_at(raw, 48)?).flat_map(|sector| sector.chunks_exact(ENTRY));
        let size_of_version = |size: u64| if version < 4 { size & u64::from(u32::MAX) } else { size };
        file.entries = directory.filter_map(|bytes| entry(bytes, size_of_version)).collect();
        file.found = vec![false; file.entries.len()];
        let root = file.entries.first().filter(|root| root.kind == 5)?;
        file.mini = file.chain(root.start, usize::MAX);
        Some(file)
    }

    /// The storage that has all others.
    pub(crate) const fn root() -> Node {
        Node(0)
    }

    /// Returns what a storage has, and whether some of it can be missing. Each entry is returned once, by the first
    /// storage that is asked.
    pub(crate) fn children(&mut self, Node(storage): Node) -> (Children, bool) {
        let (mut children, mut is_cut) = (Children::new(), false);
        let mut open = vec![self.entries.get(storage).map_or(NOTHING, |entry| entry.child)];
        while let Some(number) = open.pop() {
            if number == NOTHING {
                continue;
            }
            let found = usize::try_from(number).ok().filter(|number| *number > 0).and_then(|number| {
                let is_first = !std::mem::replace(self.found.get_mut(number)?, true);
                is_first.then_some(Node(number))
            });
            let Some((node, entry)) = found.and_then(|node| Some((node, self.entries.get(node.0)?))) else {
                is_cut = true;
                continue;
            };
            open.extend(entry.siblings);
            if matches!(entry.kind, 1 | 2) {
                is_cut |= children.contains_key(&entry.name);
                children.entry(entry.name.clone()).or_insert(node);
            }
        }
        (children, is_cut)
    }

    /// Returns the first `most` bytes of a stream, as much of them as is there, and whether bytes are missing.
    pub(crate) fn read(&mut self, Node(stream): Node, most: usize) -> (Vec<u8>, bool) {
        let Some(entry) = self.entries.get(stream).filter(|entry| entry.kind == 2) else { return (Vec::new(), true) };
        let size = usize::try_from(entry.size).unwrap_or(usize::MAX).min(self.left).min(most);
        let bytes =
            if entry.size < self.cutoff { self.in_mini(entry.start, size) } else { self.in_file(entry.start, size) };
        self.left -= bytes.len();
        let is_cut = (bytes.len() as u64) < entry.size;
        (bytes, is_cut)
    }

    fn in_file(&self, start: u32, size: usize) -> Vec<u8> {
        let chain = self.chain(start, size.div_ceil(self.sector));
        let mut bytes = Vec::with_capacity(size.min(chain.len() * self.sector));
        for number in chain {
            let sector = self.sector(number);
            bytes.extend_from_slice(&sector[..sector.len().min(size - bytes.len())]);
        }
        bytes
    }

    fn in_mini(&self, start: u32, size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size.min(self.mini_table.len() * MINI_SECTOR));
        let each = self.sector / MINI_SECTOR;
        for number in follow(&self.mini_table, start, size.div_ceil(MINI_SECTOR)) {
            let Some(sector) = usize::try_from(number).ok().and_then(|number| {
                let within = self.mini.get(number / each).map(|sector| self.sector(*sector))?;
                within.get(number % each * MINI_SECTOR..)
            }) else {
                break;
            };
            bytes.extend_from_slice(&sector[..sector.len().min(MINI_SECTOR).min(size - bytes.len())]);
        }
        bytes
    }

    /// The sectors of a chain whose size nothing names.
    fn chained(&self, start: u32) -> impl Iterator<Item = &'a [u8]> {
        self.chain(start, usize::MAX).into_iter().map(|number| self.sector(number))
    }

    fn chain(&self, start: u32, most: usize) -> Vec<u32> {
        follow(&self.table, start, most.min(self.sectors()))
    }

    /// The sectors after the header; the last can be shorter.
    fn sectors(&self) -> usize {
        self.raw.len().div_ceil(self.sector).saturating_sub(1)
    }

    /// A sector; shorter at the end of the file, and empty beyond it. The header is before the first.
    fn sector(&self, number: u32) -> &'a [u8] {
        let start = usize::try_from(number).ok().and_then(|number| number.checked_add(1)?.checked_mul(self.sector));
        let rest = start.and_then(|start| self.raw.get(start..)).unwrap_or_default();
        &rest[..rest.len().min(self.sector)]
    }

    /// Reads the sectors of the allocation table that the header names, then those that its own chain names.
    fn allocation_table(&self) -> Vec<u32> {
        let most = self.sectors();
        let mut parts: Vec<u32> = numbers(&self.raw[NAMED]);
        let mut next = u32_at(self.raw, 68).unwrap_or(NOTHING);
        for _ in 0..most {
            let more = numbers(self.sector(next));
            let Some((after, named)) = more.split_last().filter(|_| next <= LARGEST_SECTOR) else { break };
            parts.extend_from_slice(named);
            next = *after;
            if parts.len() > most {
                break;
            }
        }
        let parts = parts.into_iter().filter(|number| *number <= LARGEST_SECTOR).take(most);
        // A table that names its sectors several times has no more numbers than the file has sectors.
        let mut table = Vec::new();
        for part in parts {
            table.extend(numbers(self.sector(part)));
            if table.len() >= most {
                break;
            }
        }
        table.truncate(most);
        table
    }
}

/// Returns the sectors of a chain that the table has, at most so many.
fn follow(table: &[u32], start: u32, most: usize) -> Vec<u32> {
    let (mut chain, mut next) = (Vec::new(), start);
    while chain.len() < most.min(table.len())
        && let Some(after) = usize::try_from(next).ok().and_then(|at| table.get(at))
    {
        chain.push(next);
        next = *after;
    }
    chain
}

fn entry(bytes: &[u8], size_of_version: impl Fn(u64) -> u64) -> Option<Entry> {
    let length = usize::from(u16_at(bytes, 64)?).saturating_sub(2).min(62);
    let size = bytes.get(120..128)?.try_into().ok()?;
    Some(Entry {
        name: utf16(&bytes[..length]).to_lowercase(),
        kind: *bytes.get(66)?,
        siblings: [u32_at(bytes, 68)?, u32_at(bytes, 72)?],
        child: u32_at(bytes, 76)?,
        start: u32_at(bytes, 116)?,
        size: size_of_version(u64::from_le_bytes(size)),
    })
}

/// Returns UTF-16 in little-endian order as text.
pub(crate) fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).filter_map(|number| Some(u32::from_le_bytes(number.try_into().ok()?))).collect()
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
