//! Realistic mail, generated from a seed: several languages and charsets, encoded words, raw 8-bit headers,
//! newsletters, long threads, attachments, broken headers, hostile subjects; a hidden campaign; and decoys that
//! resemble it.
//!
//! The same seed gives the same bytes on every machine. No two messages have the same bytes, so that a test can name a
//! message by its content even if the Message-ID is missing or shared with another.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};

use data_encoding::BASE64;

/// The time at which generated mailboxes were read, unless a test gives another: 2026-11-23T12:00:00Z.
pub const NOW: u64 = 1_795_435_200;
/// The sender of the campaign.
pub const CAMPAIGN_SENDER: &str = "billing@paypa1-invoices.example";
/// The subject of the campaign, as a reader sees it.
pub const CAMPAIGN_SUBJECT: &str = "Invoice 48213 overdue: action required";
/// The link of the campaign.
pub const CAMPAIGN_URL: &str = "https://paypa1-invoices.example/login?session=48213";
/// The attachment of two thirds of the campaign.
pub const CAMPAIGN_ATTACHMENT: &str = "Invoice_48213.pdf.html";
/// The campaign arrived within this many seconds before `now`.
pub const CAMPAIGN_AGE: u64 = 2 * DAY;

const DAY: u64 = 86_400;
const PEOPLE: &[(&str, &str)] = &[
    ("Ana Souza", "ana.souza@partner.example"),
    ("Jürgen Groß", "j.gross@kunde.example"),
    ("山田太郎", "yamada@toyo.example"),
    ("Мария Иванова", "m.ivanova@bank.example"),
    ("O'Neill, Pat", "pat@oneill.example"),
    ("François Lefèvre", "francois@atelier.example"),
    ("ليلى حداد", "layla@souk.example"),
    ("Γιώργος", "giorgos@nisi.example"),
    ("Sam \"Ace\" Lee", "sam@startup.example"),
    ("Finance", "finance@acme.test"),
];
const TALK: &[(&str, &str)] = &[
    ("Minutes of Tuesday", "Here are the minutes. Please correct what I got wrong.\n"),
    ("Angebot für Ihre Prüfung", "Anbei das Angebot. Rückfragen gerne jederzeit.\nGrüße\n"),
    ("Réunion déplacée à jeudi", "Bonjour, la réunion est déplacée à jeudi, même salle.\n"),
    ("Presupuesto del año próximo", "Adjunto el presupuesto. ¿Lo vemos mañana?\n"),
    ("来週の打ち合わせについて", "お世話になっております。来週の予定を送ります。\n"),
    ("Счёт за ноябрь", "Добрый день! Счёт во вложении.\n"),
    ("عرض أسعار جديد", "مرحبا، تجدون العرض أدناه.\n"),
    ("Lunch?", "Noon at the usual place?\n"),
    ("Build 4711 failed", "step 3 of 9: exit code 1\nsee the log\n"),
    ("你好,报价单", "请查收附件。\n"),
];
/// Subjects that an attacker may send to harm the reader of a table, a page, a terminal or a spreadsheet.
const HOSTILE: &[&str] = &[
    "\u{1b}[2J\u{1b}[31mall clear",
    "invoice\u{202e}fdp.exe",
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "=cmd|'/c calc'!A1",
    "'; DROP TABLE targets; --",
    "../../../../etc/passwd\u{0}tail",
];

/// The part of a message in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The threat: exactly these must be removed.
    Campaign,
    /// Shares the sender or the subject with the campaign, never both: a search for both does not find it.
    Decoy,
    /// A server's substring search for sender and subject finds it, an exact comparison does not.
    Trap,
    /// Anything else.
    Ordinary,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The bytes of the file, lines ending in LF.
    pub raw: Vec<u8>,
    /// Its part in a test.
    pub kind: Kind,
    /// The Message-ID with its angle brackets; some have none.
    pub message_id: Option<String>,
    /// When it arrived, in seconds since 1970.
    pub received: u64,
}

/// Identifies a message's content: a hash of the bytes that ignores the form of line ends.
pub fn content(raw: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for line in raw.split(|byte| *byte == b'\n') {
        hasher.write(line.strip_suffix(b"\r").unwrap_or(line));
        hasher.write_u8(b'\n');
    }
    hasher.finish()
}

/// Random numbers from a seed (splitmix64): not for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// One of `choices`, which are not empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = self.below(choices.len() as u64);
        &choices[usize::try_from(at).expect("an index fits")]
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Makes messages; each gets a serial number, which makes its bytes unique.
#[derive(Debug)]
pub struct Generator {
    random: Random,
    serial: u64,
    now: u64,
    last_campaign_id: Option<String>,
}

impl Generator {
    /// Messages as of `now`, seconds since 1970.
    pub fn new(seed: u64, now: u64) -> Self {
        Self { random: Random::new(seed), serial: 0, now, last_campaign_id: None }
    }

    /// Starts serial numbers here, so that generators of several mailboxes repeat no bytes.
    #[must_use]
    pub fn numbered_from(self, serial: u64) -> Self {
        Self { serial, ..self }
    }

    /// A message of this kind to one mailbox.
    pub fn message(&mut self, kind: Kind, to: &str) -> Mail {
        match kind {
            Kind::Campaign => self.campaign(to),
            Kind::Decoy => self.decoy(to),
            Kind::Trap => self.trap(to),
            Kind::Ordinary => self.ordinary(to),
        }
    }

    fn campaign(&mut self, to: &str) -> Mail {
        let received = self.now - 60 - self.random.below(CAMPAIGN_AGE - 60);
        let mut draft = self.draft(to, received);
        let name = ["Billing", "PayPal Billing", "Rechnungsstelle Süd", "Billing, Dept. 3"][self.index(4)];
        draft.from(name, CAMPAIGN_SENDER, self.index(3));
        let form = self.index(5);
        draft.subject(CAMPAIGN_SUBJECT, form);
        draft.line("Reply-To", "collect@drop-box.example");
        if self.random.chance(97) {
            draft.id();
            self.last_campaign_id.clone_from(&draft.message_id);
        }
        let text = format!("Dear customer,\n\nyour invoice is overdue. Pay at {CAMPAIGN_URL}&u={}\n", draft.serial);
        let page = format!("<html><body><a href=\"{CAMPAIGN_URL}&amp;u={}\">Pay now</a></body></html>\n", draft.serial);
        if self.random.chance(66) {
            draft.parts(&text, &[("text/html", CAMPAIGN_ATTACHMENT, page.as_bytes())]);
        } else {
            draft.alternative(&text, &page);
        }
        draft.done(Kind::Campaign, received)
    }

    fn decoy(&mut self, to: &str) -> Mail {
        let received = self.now - 60 - self.random.below(CAMPAIGN_AGE);
        let mut draft = self.draft(to, received);
        draft.id();
        let (_, colleague) = PEOPLE[self.index(PEOPLE.len())];
        match self.index(4) {
            0 => {
                draft.from("Billing", CAMPAIGN_SENDER, 0);
                draft.subject("Your receipt", 0);
            }
            1 => {
                draft.from("Accounting", "accounting@acme.test", 0);
                draft.subject(CAMPAIGN_SUBJECT, 1);
            }
            2 => {
                draft.from("A colleague", colleague, 0);
                draft.subject(&format!("Fwd: {CAMPAIGN_SUBJECT}"), 0);
            }
            _ => {
                draft.from(CAMPAIGN_SENDER, "scanner@acme.test", 0);
                draft.subject("Is this one real?", 0);
            }
        }
        draft.text("See below. Is this ours?\n");
        draft.done(Kind::Decoy, received)
    }

    fn trap(&mut self, to: &str) -> Mail {
        let received = self.now - 60 - self.random.below(CAMPAIGN_AGE);
        let mut draft = self.draft(to, received);
        draft.id();
        if self.random.chance(50) {
            draft.from("Billing", &format!("not-{CAMPAIGN_SENDER}"), 0);
            draft.subject(CAMPAIGN_SUBJECT, 0);
        } else {
            draft.from(&format!("Reported: {CAMPAIGN_SENDER}"), "abuse@acme.test", 0);
            draft.subject(&format!("Fwd: {CAMPAIGN_SUBJECT}"), 0);
        }
        draft.text("Forwarded for the record.\n");
        draft.done(Kind::Trap, received)
    }

    fn ordinary(&mut self, to: &str) -> Mail {
        let received = self.now - 60 - self.random.below(90 * DAY);
        let mut draft = self.draft(to, received);
        let (name, address) = PEOPLE[self.index(PEOPLE.len())];
        let (subject, body) = TALK[self.index(TALK.len())];
        let form = self.index(5);
        // In a hundred messages: 20 newsletters, 20 replies, 10 with attachments, 10 odd ones, 40 plain.
        match self.random.below(100) {
            0..20 => {
                let list = format!("news-{}", self.random.below(40));
                draft.from("The Weekly", &format!("{list}@lists.example"), 0);
                draft.subject(&format!("[{list}] {subject} #{}", draft.serial), form);
                draft.line("List-Id", &format!("The Weekly <{list}.lists.example>"));
                draft.line("List-Unsubscribe", &format!("<https://lists.example/u/{}>", draft.serial));
                draft.line("Precedence", "bulk");
                draft.id();
                draft.alternative(body, &format!("<p>{body}</p>\n"));
            }
            20..40 => {
                draft.from(name, address, form);
                draft.subject(&format!("Re: {subject}"), form);
                draft.id();
                let ids = 1 + self.random.below(40);
                let references = (0..ids).map(|n| format!("<{n}.{}@mail.example>", draft.serial)).collect::<Vec<_>>();
                draft.line("References", &references.join("\n "));
                draft.text(&format!("{body}\n> {body}"));
            }
            40..50 => {
                draft.from(name, address, 1);
                draft.subject(subject, form);
                draft.id();
                let bytes: Vec<u8> =
                    (0..1_500).flat_map(|_| self.random.draw().to_le_bytes().into_iter().take(1)).collect();
                draft.parts(
                    body,
                    &[
                        ("application/pdf", "Übersicht.pdf", bytes.as_slice()),
                        ("text/csv", "a\"b;c.csv", b"a;b\n1;2\n"),
                    ],
                );
            }
            50..52 => {
                // A good message with the Message-ID of a bad one, as the sender chooses it.
                draft.from(name, address, 0);
                draft.subject(subject, form);
                let shared = self.last_campaign_id.clone();
                draft.line("Message-ID", shared.as_deref().unwrap_or("<shared@mail.example>"));
                draft.message_id = shared.or(Some("<shared@mail.example>".to_owned()));
                draft.text(body);
            }
            52..54 => {
                draft.from(name, address, 0);
                draft.subject(HOSTILE[self.index(HOSTILE.len())], 4);
                draft.id();
                draft.text(body);
            }
            54..60 => self.broken(&mut draft, body),
            _ => {
                draft.from(name, address, form);
                draft.subject(subject, form);
                draft.id();
                draft.text(&body.repeat(1 + self.index(8)));
            }
        }
        draft.done(Kind::Ordinary, received)
    }

    /// Headers that break rules, all seen in real mailboxes.
    fn broken(&mut self, draft: &mut Draft, body: &str) {
        match self.index(6) {
            // Neither sender nor subject nor ID.
            0 => draft.text(body),
            1 => {
                draft.from("Nobody", "not an address", 0);
                draft
                    .raw
                    .extend_from_slice(b"this line has no colon\nSubject: =?utf-8?B?????\nSubject: a second subject\n");
                draft.text(body);
            }
            // Latin-1 bytes, undeclared.
            2 => {
                draft.raw.extend_from_slice(b"From: J\xfcrgen <j@kunde.example>\nSubject: Pr\xfcfung \xe4\xf6\xfc\n");
                draft.id();
                draft.text(body);
            }
            3 => {
                draft.from("Very long", "long@mail.example", 0);
                draft.subject(&"a subject of many words ".repeat(200), 0);
                draft.id();
                draft.text(body);
            }
            // An unknown charset, and a multipart without its boundary.
            4 => {
                draft.raw.extend_from_slice(
                    b"From: =?x-unknown?Q?=FF=FE?= <x@mail.example>\nSubject: =?ISO-2022-JP?B?GyRCO3pHTBsoQg==?=\n",
                );
                draft.id();
                draft.raw.extend_from_slice(format!("Content-Type: multipart/mixed\n\n{body}").as_bytes());
            }
            // Headers only, and a header cut in the middle.
            _ => draft.raw.extend_from_slice(b"From: cut@mail.example\nSubject: cut\nMessage-ID: <cut"),
        }
    }

    fn draft(&mut self, to: &str, received: u64) -> Draft {
        self.serial += 1;
        let date = date(received);
        let serial = self.serial;
        let raw = format!(
            "Return-Path: <bounce+{serial}@mail.example>\nReceived: from mx{}.mail.example ([198.51.100.{}])\n by mx.acme.test with ESMTPS id {serial:08x}; {date}\nDate: {date}\nTo: <{to}>\n",
            serial % 4,
            serial % 250,
        );
        Draft { raw: raw.into_bytes(), serial, message_id: None }
    }

    fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.random.below(count as u64)).expect("an index fits")
    }
}

/// A message being written.
struct Draft {
    raw: Vec<u8>,
    serial: u64,
    message_id: Option<String>,
}

impl Draft {
    fn line(&mut self, name: &str, value: &str) {
        self.raw.extend_from_slice(format!("{name}: {value}\n").as_bytes());
    }

    fn id(&mut self) {
        let id = format!("<{:x}.{}@mail.example>", self.serial.wrapping_mul(0x9e37_79b9), self.serial);
        self.line("Message-ID", &id);
        self.message_id = Some(id);
    }

    fn from(&mut self, name: &str, address: &str, form: usize) {
        let name = match form {
            _ if name.is_ascii() => format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")),
            1 => quoted_word(name),
            _ => base64_word(name),
        };
        self.line("From", &format!("{name} <{address}>"));
    }

    /// Forms: 0 and 4 as it is (4: raw UTF-8, whatever the text), 1 base64, 2 quoted-printable, 3 folded between words.
    fn subject(&mut self, text: &str, form: usize) {
        let value = match form {
            1 => base64_word(text),
            2 => quoted_word(text),
            3 if text.is_ascii() => text.replacen(' ', "\n ", 1),
            4 => text.replace(['\r', '\n'], " "),
            _ if text.is_ascii() => text.to_owned(),
            _ => base64_word(text),
        };
        self.line("Subject", &value);
    }

    fn text(&mut self, body: &str) {
        self.line("Content-Type", "text/plain; charset=utf-8");
        self.raw.extend_from_slice(format!("Content-Transfer-Encoding: 8bit\n\n{body}").as_bytes());
    }

    fn alternative(&mut self, text: &str, page: &str) {
        let boundary = format!("=_alt_{}", self.serial);
        let body = format!(
            "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"{boundary}\"\n\n--{boundary}\nContent-Type: text/plain; charset=utf-8\n\n{text}\n--{boundary}\nContent-Type: text/html; charset=utf-8\n\n{page}\n--{boundary}--\n"
        );
        self.raw.extend_from_slice(body.as_bytes());
    }

    fn parts(&mut self, text: &str, attachments: &[(&str, &str, &[u8])]) {
        let boundary = format!("=_mix_{}", self.serial);
        let mut body = format!(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=\"{boundary}\"\n\n--{boundary}\nContent-Type: text/plain; charset=utf-8\n\n{text}"
        );
        for (kind, name, bytes) in attachments {
            let name = if name.is_ascii() {
                format!("filename=\"{}\"", name.replace('"', "\\\""))
            } else {
                let escaped = name.bytes().fold(String::new(), |mut text, byte| {
                    if byte.is_ascii_alphanumeric() || byte == b'.' {
                        text.push(char::from(byte));
                    } else {
                        let _ = write!(text, "%{byte:02X}");
                    }
                    text
                });
                format!("filename*=UTF-8''{escaped}")
            };
            let _ = write!(
                body,
                "\n--{boundary}\nContent-Type: {kind}\nContent-Disposition: attachment;\n {name}\nContent-Transfer-Encoding: base64\n\n"
            );
            for line in BASE64.encode(bytes).as_bytes().chunks(76) {
                body.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
                body.push('\n');
            }
        }
        let _ = writeln!(body, "\n--{boundary}--");
        self.raw.extend_from_slice(body.as_bytes());
    }

    fn done(self, kind: Kind, received: u64) -> Mail {
        Mail { raw: self.raw, kind, message_id: self.message_id, received }
    }
}

/// RFC 2047, base64, in words of at most 75 octets.
fn base64_word(text: &str) -> String {
    words(text, 42)
        .iter()
        .map(|part| format!("=?UTF-8?B?{}?=", BASE64.encode(part.as_bytes())))
        .collect::<Vec<_>>()
        .join("\n ")
}

/// RFC 2047, quoted-printable, in words of at most 75 octets.
fn quoted_word(text: &str) -> String {
    let quote = |part: &&str| {
        let body = part.bytes().fold(String::new(), |mut text, byte| {
            match byte {
                b' ' => text.push('_'),
                _ if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
                _ => {
                    let _ = write!(text, "={byte:02X}");
                }
            }
            text
        });
        format!("=?utf-8?q?{body}?=")
    };
    words(text, 20).iter().map(quote).collect::<Vec<_>>().join("\n ")
}

/// Pieces of at most `most` octets, never cut inside a character.
fn words(text: &str, most: usize) -> Vec<&str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    for (at, character) in text.char_indices() {
        if at + character.len_utf8() - start > most {
            pieces.push(&text[start..at]);
            start = at;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// A date as headers have it, in UTC.
pub fn date(seconds: u64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (days, rest) = (seconds / DAY, seconds % DAY);
    // Days since 1 March 0000, so that a leap day ends its year.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let number = |value: u64| usize::try_from(value).expect("small");
    let name = MONTHS[number((month + 2) % 12)];
    let year = era * 400 + year + u64::from(month >= 10);
    let weekday = DAYS[number(days % 7)];
    format!("{weekday}, {day:02} {name} {year} {:02}:{:02}:{:02} +0000", rest / 3600, rest / 60 % 60, rest % 60)
}
