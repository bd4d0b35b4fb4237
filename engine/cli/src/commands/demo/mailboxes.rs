//! Generated mailboxes: real Maildirs with varied mail and a hidden campaign. They are the same at every run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The sender of the campaign.
pub(super) const ATTACKER: &str = "payroll@corp-example.test";
/// Part of its subject.
pub(super) const SUBJECT: &str = "updated salary statement";

/// A mailbox in so many has a copy.
const ONE_IN: u64 = 3;

/// The numbers of what was generated.
pub(super) struct Made {
    pub(super) mailboxes: u64,
    pub(super) messages: u64,
    pub(super) campaign: u64,
    pub(super) decoys: u64,
}

const PEOPLE: [&str; 12] = [
    "Ana Sousa",
    "Bo Nielsen",
    "Chidi Okafor",
    "Dana Weiß",
    "Émile Roux",
    "Fatima Zahra",
    "Giulia Conti",
    "Hana Novák",
    "Ivan Petrov",
    "Jun Tanaka",
    "Kaja Lund",
    "Lupe Ortiz",
];
const SUBJECTS: [&str; 14] = [
    "Minutes of Tuesday's meeting",
    "Lunch?",
    "Invoice 2026-{n}",
    "Re: contract draft v{n}",
    "Your parcel is on its way",
    "Weekly newsletter no. {n}",
    "Fwd: photos from the offsite",
    "Build {n} failed",
    "Holiday request approved",
    "Quarterly numbers",
    "=?UTF-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=",
    "=?UTF-8?B?5Lya6K2w44Gu6LOH5paZ?=",
    "Reminder: security training",
    "Re: Re: Re: printer on floor {n}",
];
const FOLDERS: [&str; 5] = ["", ".Junk", ".Archive.2026", ".Projects", ".Trash"];

/// Generates them under `root`, one folder a mailbox.
pub(super) fn make(root: &Path, mailboxes: u32, messages: u32) -> Result<Made, Failure> {
    let mut dice = Dice(0x5EED_C1A3_BAC0_0001);
    let mut made = Made { mailboxes: u64::from(mailboxes), messages: 0, campaign: 0, decoys: 0 };
    for number in 0..mailboxes {
        let address = match number {
            0 => "ceo@corp.example".to_owned(),
            1 => "soc@corp.example".to_owned(),
            number => format!("user{number:04}@corp.example"),
        };
        let mailbox = root.join(&address);
        for folder in FOLDERS {
            for part in ["cur", "new", "tmp"] {
                std::fs::create_dir_all(mailbox.join(folder).join(part))?;
            }
        }
        for _ in 0..messages {
            ordinary(&mut dice, &mailbox, &address, &mut made)?;
        }
        // The security team keeps its samples: the playbook's script leaves its mailbox alone.
        if dice.below(ONE_IN) == 0 && number != 1 {
            for _ in 0..=dice.below(3) {
                campaign(&mut dice, &mailbox, &address, &mut made)?;
            }
        }
        if dice.below(8) == 0 {
            decoy(&mut dice, &mailbox, &address, &mut made)?;
        }
    }
    Ok(made)
}

fn ordinary(dice: &mut Dice, mailbox: &Path, to: &str, made: &mut Made) -> Result<(), Failure> {
    let person = *dice.pick(&PEOPLE);
    let subject = dice.pick(&SUBJECTS).replace("{n}", &dice.below(500).to_string());
    let user = person.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), ".");
    let from = format!("\"{}\" <{user}@partner{}.example>", ascii(person), dice.below(9));
    let list = if subject.contains("newsletter") { "List-Id: <weekly.news.example>\r\n" } else { "" };
    write(dice, mailbox, to, &from, &subject, list, "Kind regards", made)
}

fn campaign(dice: &mut Dice, mailbox: &Path, to: &str, made: &mut Made) -> Result<(), Failure> {
    made.campaign += 1;
    let subject = format!("Action required: {SUBJECT} {}", dice.below(90));
    let from = format!("\"Payroll Department\" <{ATTACKER}>");
    write(dice, mailbox, to, &from, &subject, "X-Demo: campaign\r\n", "https://salary.corp-example.test/login", made)
}

fn decoy(dice: &mut Dice, mailbox: &Path, to: &str, made: &mut Made) -> Result<(), Failure> {
    made.decoys += 1;
    let (from, subject) = if dice.below(2) == 0 {
        (format!("Payroll <{ATTACKER}>"), "Out of office".to_owned())
    } else {
        ("\"Real HR\" <hr@corp.example>".to_owned(), format!("Fwd: {SUBJECT}? Please do not click"))
    };
    write(dice, mailbox, to, &from, &subject, "", "A warning from HR", made)
}

#[expect(clippy::too_many_arguments, reason = "the parts of one message, used three times")]
fn write(
    dice: &mut Dice,
    mailbox: &Path,
    to: &str,
    from: &str,
    subject: &str,
    more_headers: &str,
    body: &str,
    made: &mut Made,
) -> Result<(), Failure> {
    made.messages += 1;
    let number = made.messages;
    let seconds = now_seconds() - dice.below(6 * 86_400);
    let mut text = String::with_capacity(1_024);
    let _ = write!(
        text,
        "Return-Path: <bounce@{number}.example>\r\nReceived: from mx.corp.example by imap.corp.example; demo\r\n\
         Message-ID: <{number}.{seconds}@demo.example>\r\nDate: Thu, 01 Oct 2026 10:00:00 +0000\r\nFrom: {from}\r\nTo: {to}\r\n\
         Subject: {subject}\r\n{more_headers}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    );
    for _ in 0..dice.below(20) {
        text.push_str("Lorem ipsum dolor sit amet, consectetur adipiscing elit.\r\n");
    }
    let folder = mailbox.join(dice.pick(&FOLDERS));
    let flags = ["S", "RS", "FS", ""][usize::try_from(dice.below(4)).unwrap_or(0)];
    let file = folder.join("cur").join(format!("{seconds}.M{number}P1.demo:2,{flags}"));
    Ok(std::fs::write(file, text)?)
}

#[expect(clippy::disallowed_methods, reason = "made-up mail must be recent, or `since` would not find it")]
fn now_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn ascii(text: &str) -> String {
    text.chars().filter(char::is_ascii).collect()
}

/// Where every file is, by its unique part.
pub(super) struct Snapshot(BTreeMap<String, (PathBuf, bool)>);

/// Files that two snapshots show in different places.
pub(super) struct Moved {
    pub(super) all: u64,
    pub(super) campaign: u64,
}

/// Reads the disk, not the history.
pub(super) fn snapshot(root: &Path) -> Result<Snapshot, Failure> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if let Some((unique, _)) = entry.file_name().to_string_lossy().split_once(":2,") {
                let campaign = std::fs::read_to_string(&path)?.contains("X-Demo: campaign");
                files.insert(unique.to_owned(), (path, campaign));
            }
        }
    }
    Ok(Snapshot(files))
}

impl Snapshot {
    /// The files that are elsewhere, have other flags, or are missing.
    pub(super) fn moved_to(&self, later: &Self) -> Moved {
        let changed =
            self.0.iter().filter(|(unique, (path, _))| later.0.get(*unique).is_none_or(|(now, _)| now != path));
        changed.fold(Moved { all: 0, campaign: 0 }, |moved, (_, (_, campaign))| Moved {
            all: moved.all + 1,
            campaign: moved.campaign + u64::from(*campaign),
        })
    }
}

/// A small generator (xorshift64*): the demo must be the same every time, not unpredictable.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = self.below(from.len() as u64);
        &from[usize::try_from(at).unwrap_or(0)]
    }
}
