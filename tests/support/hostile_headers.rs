//! From and Subject headers as attackers and broken programs write them, generated from a seed. Each message has an
//! address and a word in its subject that no other message has, so that a search by what is shown of it cannot succeed
//! by luck.

use std::fmt::Write as _;

use data_encoding::BASE64;

use super::mail::Random;

/// A message with hostile headers.
#[derive(Clone, Debug)]
pub struct Hostile {
    /// Its Message-ID, with angle brackets.
    pub message_id: String,
    /// The message.
    pub raw: Vec<u8>,
}

/// The number of forms of From headers.
const FROMS: u64 = 32;
/// The number of forms of Subject headers.
const SUBJECTS: u64 = 32;

/// The first `count` messages of this seed. Each form of either header occurs once before any is chosen at random.
pub fn messages(seed: u64, count: usize) -> Vec<Hostile> {
    let mut random = Random::new(seed);
    (0..count as u64)
        .map(|number| {
            let in_turn = number < FROMS.max(SUBJECTS);
            let mut form = |forms: u64| if in_turn { number % forms } else { random.below(forms) };
            let (from, subject) = (form(FROMS), form(SUBJECTS));
            let message_id = format!("<{number}@hostile.example>");
            let raw = [
                from_lines(from, number),
                b"To: Staff <staff@acme.test>\r\n".to_vec(),
                subject_line(subject, number),
                format!("Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: {message_id}\r\n\r\nText {number}\r\n")
                    .into_bytes(),
            ]
            .concat();
            Hostile { message_id, raw }
        })
        .collect()
}

fn encoded_word(charset: &str, bytes: &[u8]) -> String {
    format!("=?{charset}?B?{}?=", BASE64.encode(bytes))
}

fn from_lines(form: u64, number: u64) -> Vec<u8> {
    let address = format!("eve{number}@evil{number}.example");
    let text = match form {
        0 => format!("Eve <{address}>"),
        1 => address,
        2 => format!("\"Salary, Office\" <{address}>"),
        3 => format!("Salary, <{address}>"),
        4 => format!("Salary ,_<{address}>"),
        5 => format!("ceo@acme.test <{address}>"),
        6 => format!("\"ceo@acme.test\" <{address}>"),
        7 => format!("(ceo@acme.test) {address} (the \\) real one)"),
        8 => format!("Eve <{address}"),
        9 => format!("<<{address}>>"),
        10 => format!("{} <{address}>", encoded_word("utf-8", "Gehaltsbüro".as_bytes())),
        11 => encoded_word("utf-8", format!("Eve <{address}>").as_bytes()),
        12 => format!("Staff: {address}, friend{number}@good.example;"),
        13 => format!("friend{number}@good.example, Eve <{address}>"),
        14 => format!("friend{number}@good.example\r\nFrom: {address}"),
        15 => format!("A long name\r\n that goes on\r\n\t<{address}>"),
        16 => format!("Bücher <{address}>"),
        17 => return [b"From: B\xfccher <", address.as_bytes(), b">\r\n"].concat(),
        18 => format!("\"eve {number}\"@evil{number}.example"),
        19 => format!("<{address}.>"),
        20 => format!("EVE <{}>", address.to_uppercase()),
        21 => format!("Eve <eve{number}@bücher{number}.example>"),
        22 => format!("Eve\t<{address}>"),
        23 => format!("\"Eve <{address}>"),
        24 => format!("\u{202e}evE\u{2066} <{address}>"),
        25 => format!("\"Eve \\\"the \\\\ boss\\\"\" <{address}>"),
        26 => format!("{} <{address}>", "Eve ".repeat(500)),
        27 => format!("<@relay.example:{address}>"),
        28 => format!("Eve < {address} >"),
        29 => format!("{address} <>"),
        30 => format!("Eve; <{address}>"),
        _ => format!("Eve (a (nested) comment) <{address}> (another)"),
    };
    format!("From: {text}\r\n").into_bytes()
}

fn subject_line(form: u64, number: u64) -> Vec<u8> {
    let word = format!("ref{number}x");
    let text = match form {
        0 => format!("Dear customer, your account {word}"),
        1 => encoded_word("utf-8", format!("Gehälter {word}").as_bytes()),
        2 => format!("=?iso-8859-1?Q?Geh=E4lter_{word}?="),
        3 => {
            // A character's bytes in two words.
            let bytes = format!("Grüße {word}").into_bytes();
            format!("{}\r\n {}", encoded_word("utf-8", &bytes[..3]), encoded_word("utf-8", &bytes[3..]))
        }
        4 => format!("Gehälter für {word}"),
        5 => return [b"Subject: Geh\xe4lter f\xfcr ", word.as_bytes(), b"\r\n"].concat(),
        6 => return [b"Subject: \xb9\xa4\xd7\xca\xb5\xa5 ", word.as_bytes(), b"\r\n"].concat(),
        7 => format!("=?x-unknown?Q?Geh=E4lter_{word}?="),
        8 => format!("=?utf-8*de?Q?Geh=C3=A4lter_{word}?="),
        9 => format!("{} {word}", encoded_word("utf-8", "Gehälter".as_bytes()).replace("?=", "!?=")),
        10 => format!("Two  blanks   and\u{a0}others\u{2003}{word}"),
        11 => format!("Tab\tand\ttab {word}"),
        12 => format!("Folded\r\n over\r\n\tlines {word}"),
        13 => format!("Geha\u{308}lter {word}"),
        14 => format!("Sal\u{200b}ary\u{ad} {word}"),
        15 => format!("=?utf-7?Q?Geh+AOQ-lter_{word}?="),
        16 => format!("=?iso-2022-jp?B?GyRCNWtNPxsoQg==?= {word}"),
        17 => format!("Say \"100%\" and \\ or * and _ {word}"),
        18 => format!("A literal {{5}} and {{5+}} {word}"),
        19 => format!("Bell \u{7} escape \u{1b}[31m {word}"),
        20 => format!("💸💸 {word} \u{1f9d1}\u{200d}\u{1f4bb}"),
        21 => format!("\u{202e}txet {word}\u{202c}"),
        22 => format!("before{}after {word}", encoded_word("utf-8", "mitte".as_bytes())),
        23 => format!("=?utf-8?Q?blanks in it {word}?="),
        24 => format!("{} {word}", "lang ".repeat(400)),
        25 => format!("=?utf-8?Q? no end {word}"),
        26 => format!("{} {word}", encoded_word("utf-8", b"")),
        27 => format!("{word}: =?gb2312?B?uaTXyg==?= =?big5?B?wcGkvQ==?="),
        28 => format!("ＦＵＬＬ ｗｉｄｔｈ {word} ﬁne"),
        29 => format!("STRASSE straße ΣΊΣΥΦΟΣ {}", word.to_uppercase()),
        30 => format!("\u{ac00}\u{1100}\u{1161} {word}"),
        _ => {
            let mut long = String::new();
            for part in 0..8 {
                let _ = write!(long, "{}\r\n ", encoded_word("utf-8", format!("Teil {part} für ").as_bytes()));
            }
            format!("{long}{word}")
        }
    };
    format!("Subject: {text}\r\n").into_bytes()
}
