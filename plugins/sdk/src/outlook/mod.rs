//! Messages that Outlook saves as `.msg` files (MS-OXMSG), as RFC 5322 messages that the rest of the SDK reads.
//!
//! Outlook keeps one body and makes the others of it, so only the best one is taken: HTML, then what is in RTF, then
//! plain text. Otherwise the text of a message would be there twice, and would not be that of its copies.

mod compound;
mod compressed;
mod message;
mod rtf;

use self::compound::{Compound, MAGIC};

/// Returns whether these are the first bytes of a compound file, such as a `.msg` file.
pub(crate) fn is_compound(raw: &[u8]) -> bool {
    raw.starts_with(&MAGIC)
}

/// Returns the message in a `.msg` file; `None` if it has none that can be read.
pub(crate) fn message(raw: &[u8]) -> Option<Vec<u8>> {
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
mod sample;
#[cfg(test)]
mod tests;
