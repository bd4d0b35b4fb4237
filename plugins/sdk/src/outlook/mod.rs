//! Messages that Outlook saves as `.msg` files (MS-OXMSG), as RFC 5322 messages that the rest of the SDK reads.
//!
//! Outlook keeps one body and makes the others of it, so only the best one is taken: HTML, then what is in RTF, then
//! plain text. Otherwise the text of a message would be there twice, and would not be that of its copies.

mod compound;
mod compressed;
mod message;
mod rtf;

use std::borrow::Cow;

use self::compound::{Compound, MAGIC};

/// A message, as it came or of a file of Outlook.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// It, as RFC 5322 has it.
    pub(crate) raw: Cow<'a, [u8]>,
    /// Its name in the message that it is inside of.
    pub(crate) name: Option<String>,
    /// What the file has of it, and `raw` lacks.
    pub(crate) cut: Cut,
    /// The messages that the file stores inside it. They are no parts of `raw`: a part has a digest, and that of a
    /// message that is rebuilt is the digest of no file that was ever sent. `cut` says that attachments are missing.
    pub(crate) attached: Vec<Message<'static>>,
}

/// What is known only in part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The fields of the header.
    pub(crate) header: bool,
    /// The text, and the links in it.
    pub(crate) body: bool,
    /// The attachments.
    pub(crate) attachments: bool,
}

impl Cut {
    /// All of it.
    pub(crate) const ALL: Self = Self { header: true, body: true, attachments: true };
}

impl<'a> From<Cow<'a, [u8]>> for Message<'a> {
    fn from(raw: Cow<'a, [u8]>) -> Self {
        Self { raw, name: None, cut: Cut::default(), attached: Vec::new() }
    }
}

impl Message<'_> {
    /// Returns the message with bytes of its own.
    pub(crate) fn into_owned(self) -> Message<'static> {
        Message { raw: Cow::Owned(self.raw.into_owned()), ..self }
    }
}

/// Returns whether these are the first bytes of a compound file, such as a `.msg` file.
pub(crate) fn is_compound(raw: &[u8]) -> bool {
    raw.starts_with(&MAGIC)
}

/// Returns the message in a `.msg` file; `None` if it has none that can be read.
pub(crate) fn message(raw: &[u8]) -> Option<Message<'static>> {
    message::rebuilt(Compound::open(raw)?, raw)
}

/// Returns the charset of a code page of Windows.
fn code_page(page: u32) -> Option<&'static str> {
    Some(match page {
        437 | 850 => "cp850",
        866 => "cp866",
        874 => "windows-874",
        932 => "shift_jis",
        936 => "gbk",
        949 => "euc-kr",
        950 => "big5",
        1250 => "cp1250",
        1251 => "cp1251",
        1252 => "cp1252",
        1253 => "cp1253",
        1254 => "cp1254",
        1255 => "cp1255",
        1256 => "cp1256",
        1257 => "cp1257",
        1258 => "cp1258",
        20_127 => "us-ascii",
        20_866 => "koi8-r",
        21_866 => "koi8-u",
        28_591 => "iso-8859-1",
        28_592 => "iso-8859-2",
        28_593 => "iso-8859-3",
        28_594 => "iso-8859-4",
        28_595 => "iso-8859-5",
        28_596 => "iso-8859-6",
        28_597 => "iso-8859-7",
        28_598 => "iso-8859-8",
        28_599 => "iso-8859-9",
        28_603 => "iso-8859-13",
        28_605 => "iso-8859-15",
        50_220..=50_222 => "iso-2022-jp",
        51_932 => "euc-jp",
        54_936 => "gb18030",
        65_000 => "utf-7",
        65_001 => "utf-8",
        _ => return None,
    })
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
