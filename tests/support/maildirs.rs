//! Many mailboxes on disk: written as Maildir files before a server starts, and read back for comparison.
//!
//! **Invariant:** reading back shares no code with our connectors, so that a mistake in them cannot hide itself here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use data_encoding::BASE64_NOPAD;

use super::mail::{Generator, Kind, NOW, Random, content};

/// Threads that write and read: the number of cores of the machines that we measure on.
const THREADS: usize = 2;
/// Serial numbers of one mailbox; with more messages than this, bytes would repeat.
const SERIALS_OF_A_MAILBOX: u64 = 1_000_000;
/// Keywords of a folder, in the order of the letters a, b, ... in file names.
const KEYWORDS: [&str; 2] = ["$Forwarded", "Kunde"];

/// The folders that the messages of a mailbox are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Places {
    /// The inbox, junk, trash and one custom folder.
    #[default]
    Usual,
    /// The inbox alone.
    Inbox,
    /// So many folders beside an empty inbox, in turn.
    Folders(usize),
}

/// What to write.
#[derive(Clone, Debug)]
pub struct Options {
    /// The number of mailboxes: `u0001@acme.test` and so on.
    pub mailboxes: usize,
    /// The number of all messages, including those below.
    pub messages: usize,
    /// The number of messages of the campaign.
    pub campaign: usize,
    /// The number of messages that share only the sender or only the subject with it.
    pub decoys: usize,
    /// The number of messages that a substring search finds as well.
    pub traps: usize,
    /// The folders of the messages.
    pub places: Places,
    /// Custom folders; each mailbox has one of them.
    pub custom: Vec<String>,
    /// Empty folders that each mailbox has in addition.
    pub empty: Vec<String>,
    /// The same seed gives the same mailboxes.
    pub seed: u64,
    /// The time of reading, seconds since 1970; no message is younger.
    pub now: u64,
    /// User and group that the files belong to.
    pub owner: Option<(u32, u32)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mailboxes: 5,
            messages: 300,
            campaign: 20,
            decoys: 10,
            traps: 5,
            places: Places::Usual,
            custom: ["Archive/2026", "Projekte/Zürich", "Kunden & Co"].map(str::to_owned).to_vec(),
            empty: Vec::new(),
            seed: 1,
            now: NOW,
            owner: None,
        }
    }
}

/// One message and its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The mailbox, as an address.
    pub mailbox: String,
    /// The folder, decoded, with `/` between levels; `INBOX` for the inbox.
    pub folder: String,
    /// [`content`] of the message.
    pub content: u64,
    /// Flags and keywords, as IMAP names them.
    pub flags: BTreeSet<String>,
}

/// One message that was written.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its place.
    pub entry: Entry,
    /// Its part in a test.
    pub kind: Kind,
    /// Its Message-ID, if it has one.
    pub message_id: Option<String>,
}

/// The messages that were written.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Every message.
    pub messages: Vec<Placed>,
}

impl Truth {
    /// The messages of one kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Placed> {
        self.messages.iter().filter(move |placed| placed.kind == kind)
    }

    /// The mailboxes as written.
    pub fn snapshot(&self) -> Snapshot {
        self.messages.iter().map(|placed| placed.entry.clone()).collect()
    }

    /// Returns an error that describes the difference unless in `after` exactly the campaign is gone from its place,
    /// each copy moved into the folder `into` with its flags (or removed, without one), and no other message changed.
    pub fn check_campaign_removed(&self, after: &Snapshot, into: Option<&str>) -> Result<(), String> {
        let mut expected = Snapshot::default();
        for placed in &self.messages {
            match (placed.kind, into) {
                (Kind::Campaign, None) => {}
                (Kind::Campaign, Some(folder)) => {
                    expected.add(Entry { folder: folder.to_owned(), ..placed.entry.clone() });
                }
                _ => expected.add(placed.entry.clone()),
            }
        }
        expected.check(after)
    }
}

/// Every message of every mailbox, with its number of copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<Entry, usize>);

impl Snapshot {
    /// The number of messages.
    pub fn count(&self) -> usize {
        self.0.values().sum()
    }

    /// Every message, copies once.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.keys()
    }

    /// Returns an error that lists the differing messages, the first few by name, unless `actual` is the same.
    pub fn check(&self, actual: &Self) -> Result<(), String> {
        let (gone, come) = (self.less(actual), actual.less(self));
        if gone.is_empty() && come.is_empty() {
            return Ok(());
        }
        let mut text = format!(
            "{} messages are not where they should be, {} are where they should not be:",
            gone.len(),
            come.len()
        );
        for (sign, entries) in [('-', gone), ('+', come)] {
            for entry in entries.iter().take(5) {
                let _ = write!(text, "\n{sign} {entry}");
            }
        }
        Err(text)
    }

    fn less(&self, other: &Self) -> Vec<&Entry> {
        self.0
            .iter()
            .filter(|(entry, count)| other.0.get(entry).copied().unwrap_or(0) < **count)
            .map(|(entry, _)| entry)
            .collect()
    }

    fn add(&mut self, entry: Entry) {
        *self.0.entry(entry).or_default() += 1;
    }
}

impl FromIterator<Entry> for Snapshot {
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Self {
        let mut snapshot = Self::default();
        entries.into_iter().for_each(|entry| snapshot.add(entry));
        snapshot
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.flags.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        write!(to, "{} {}: {:016x} ({flags})", self.mailbox, self.folder, self.content)
    }
}

/// Writes the mailboxes under `root` as `acme.test/u0001/Maildir`.
pub fn write(root: &Path, options: &Options) -> io::Result<Truth> {
    let special = options.campaign + options.decoys + options.traps;
    assert!(options.mailboxes > 0 && special <= options.messages, "more special messages than messages: {options:?}");
    let mut random = Random::new(options.seed);
    let mut kinds = vec![Vec::new(); options.mailboxes];
    for (kind, count) in
        [(Kind::Campaign, options.campaign), (Kind::Decoy, options.decoys), (Kind::Trap, options.traps)]
    {
        for _ in 0..count {
            let mailbox = random.below(options.mailboxes as u64);
            kinds[usize::try_from(mailbox).expect("an index fits")].push(kind);
        }
    }
    for number in 0..options.messages - special {
        kinds[number % options.mailboxes].push(Kind::Ordinary);
    }
    let numbered: Vec<_> = kinds.into_iter().enumerate().map(|(at, kinds)| (at + 1, kinds)).collect();
    let parts = in_threads(&numbered, |(number, kinds)| write_mailbox(root, options, *number, kinds))?;
    for path in [root, &root.join(super::dovecot::DOMAIN)] {
        own(path, options)?;
    }
    Ok(Truth { messages: parts.into_iter().flatten().collect() })
}

/// Reads every mailbox under `root` back.
pub fn snapshot(root: &Path) -> io::Result<Snapshot> {
    let mut mailboxes = Vec::new();
    for domain in fs::read_dir(root)?.flatten() {
        for user in fs::read_dir(domain.path())?.flatten() {
            let name = format!("{}@{}", user.file_name().to_string_lossy(), domain.file_name().to_string_lossy());
            mailboxes.push((name, user.path().join("Maildir")));
        }
    }
    let parts = in_threads(&mailboxes, |(name, path)| read_mailbox(name, path))?;
    Ok(parts.into_iter().flatten().collect())
}

/// The name of a folder on disk: Maildir++, modified UTF-7.
pub fn disk_name(folder: &str) -> String {
    if folder.eq_ignore_ascii_case("inbox") { String::new() } else { format!(".{}", encode(folder).replace('/', ".")) }
}

fn write_mailbox(root: &Path, options: &Options, number: usize, kinds: &[Kind]) -> io::Result<Vec<Placed>> {
    let mailbox = super::dovecot::user(number);
    let (name, domain) = mailbox.split_once('@').expect("a user is name@domain");
    let path = root.join(domain).join(name).join("Maildir");
    let seed = options.seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
    let mut random = Random::new(seed);
    let mut generator = Generator::new(seed, options.now).numbered_from(number as u64 * SERIALS_OF_A_MAILBOX);
    let custom = random.pick(&options.custom).clone();
    let more: Vec<String> = match options.places {
        Places::Usual => vec!["Junk".to_owned(), "Trash".to_owned(), custom.clone()],
        Places::Inbox => Vec::new(),
        Places::Folders(count) => (1..=count).map(|number| format!("Folder {number}")).collect(),
    };

    for folder in ["INBOX"].into_iter().chain(more.iter().chain(&options.empty).map(String::as_str)) {
        let folder_path = path.join(disk_name(folder));
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(folder_path.join(part))?;
            own(&folder_path.join(part), options)?;
        }
        if folder != "INBOX" {
            fs::write(folder_path.join("maildirfolder"), "")?;
            own(&folder_path.join("maildirfolder"), options)?;
        }
        let [first, second] = KEYWORDS;
        fs::write(folder_path.join("dovecot-keywords"), format!("0 {first}\n1 {second}\n"))?;
        own(&folder_path.join("dovecot-keywords"), options)?;
        own(&folder_path, options)?;
    }
    own(path.parent().expect("it has one"), options)?;

    let mut written = Vec::with_capacity(kinds.len());
    for (at, kind) in kinds.iter().enumerate() {
        let mail = generator.message(*kind, &mailbox);
        let shares = if *kind == Kind::Ordinary { [60, 65, 75] } else { [55, 70, 85] };
        let folder = match (random.below(100), options.places) {
            (_, Places::Inbox) => "INBOX",
            (_, Places::Folders(count)) => &more[at % count],
            (below, _) if below < shares[0] => "INBOX",
            (below, _) if below < shares[1] => "Junk",
            (below, _) if below < shares[2] => "Trash",
            _ => &custom,
        };
        let flags = flags(&mut random);
        let lines = mail.raw.split(|byte| *byte == b'\n').count() - 1;
        let base = format!("{}.M{at}P{number}.mx,S={},W={}", mail.received, mail.raw.len(), mail.raw.len() + lines);
        // An unseen message is still in `new`, without flags.
        let part = if flags.is_empty() { format!("new/{base}") } else { format!("cur/{base}:2,{flags}") };
        let file_path = path.join(disk_name(folder)).join(part);
        let mut file = File::create(&file_path)?;
        file.write_all(&mail.raw)?;
        // IMAP reports the file's time as the arrival time.
        file.set_modified(UNIX_EPOCH + Duration::from_secs(mail.received))?;
        own(&file_path, options)?;
        let entry = Entry {
            mailbox: mailbox.clone(),
            folder: folder.to_owned(),
            content: content(&mail.raw),
            flags: names(&flags, &KEYWORDS.map(str::to_owned)),
        };
        written.push(Placed { entry, kind: *kind, message_id: mail.message_id });
    }
    Ok(written)
}

/// The letters of a file name. `T`, a message that its user deleted but did not expunge, is rare but must survive.
fn flags(random: &mut Random) -> String {
    let shares = [('F', 6), ('R', 10), ('S', 60), ('T', 2), ('a', 5), ('b', 5)];
    shares.iter().filter(|(_, percent)| random.chance(*percent)).map(|(letter, _)| *letter).collect()
}

fn read_mailbox(mailbox: &str, path: &Path) -> io::Result<Vec<Entry>> {
    let mut folders: Vec<(String, PathBuf)> = vec![("INBOX".to_owned(), path.to_owned())];
    for entry in fs::read_dir(path)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && entry.file_type()?.is_dir() {
            folders.push((decode(&name[1..].replace('.', "/")), entry.path()));
        }
    }
    let mut entries = Vec::new();
    for (folder, path) in folders {
        let keywords = keywords(&path);
        for part in ["cur", "new"] {
            for file in fs::read_dir(path.join(part))? {
                let file = file?;
                let name = file.file_name().to_string_lossy().into_owned();
                let letters = name.split_once(":2,").map_or("", |(_, letters)| letters);
                let flags = names(letters, &keywords);
                let content = content(&fs::read(file.path())?);
                entries.push(Entry { mailbox: mailbox.to_owned(), folder: folder.clone(), content, flags });
            }
        }
    }
    Ok(entries)
}

/// The keywords that the letters a, b, ... represent in one folder.
fn keywords(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("dovecot-keywords")).unwrap_or_default();
    let mut keywords = vec![String::new(); 26];
    for (at, word) in text.lines().filter_map(|line| line.split_once(' ')) {
        if let Some(slot) = at.parse::<usize>().ok().and_then(|at| keywords.get_mut(at)) {
            word.clone_into(slot);
        }
    }
    keywords
}

fn names(letters: &str, keywords: &[String]) -> BTreeSet<String> {
    let name = |letter: char| match letter {
        'D' => "\\Draft".to_owned(),
        'F' => "\\Flagged".to_owned(),
        'R' => "\\Answered".to_owned(),
        'S' => "\\Seen".to_owned(),
        'T' => "\\Deleted".to_owned(),
        'a'..='z' => keywords.get(letter as usize - 'a' as usize).cloned().unwrap_or_else(|| letter.to_string()),
        other => other.to_string(),
    };
    letters.split(',').next().unwrap_or("").chars().map(name).collect()
}

fn own(path: &Path, options: &Options) -> io::Result<()> {
    match options.owner {
        Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
        None => Ok(()),
    }
}

fn in_threads<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> io::Result<R> + Sync) -> io::Result<Vec<R>> {
    let (size, work) = (items.len().div_ceil(THREADS).max(1), &work);
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(size)
            .map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<io::Result<Vec<R>>>()))
            .collect();
        let mut results = Vec::with_capacity(items.len());
        for thread in threads {
            results.extend(thread.join().expect("a writer or reader does not panic")?);
        }
        Ok(results)
    })
}

/// RFC 3501, section 5.1.3.
fn encode(name: &str) -> String {
    let (mut text, mut pending) = (String::new(), Vec::new());
    let flush = |text: &mut String, pending: &mut Vec<u8>| {
        if !pending.is_empty() {
            let _ = write!(text, "&{}-", BASE64_NOPAD.encode(pending).replace('/', ","));
            pending.clear();
        }
    };
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            flush(&mut text, &mut pending);
            text.push(character);
            if character == '&' {
                text.push('-');
            }
        } else {
            pending.extend(character.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut text, &mut pending);
    text
}

fn decode(name: &str) -> String {
    let mut text = String::new();
    let mut rest = name;
    while let Some((plain, after)) = rest.split_once('&') {
        text.push_str(plain);
        let (word, after) = after.split_once('-').unwrap_or((after, ""));
        let bytes = BASE64_NOPAD.decode(word.replace(',', "/").as_bytes()).unwrap_or_default();
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        text.push_str(if word.is_empty() { "&" } else { "" });
        text.push_str(&String::from_utf16_lossy(&units));
        rest = after;
    }
    text.push_str(rest);
    text
}
