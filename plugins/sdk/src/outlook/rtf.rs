//! Text and HTML in RTF: what Outlook encapsulates in it (MS-OXRTFEX), or the text of the RTF itself.

use crate::{bound, charset};

/// The deepest nesting of groups that is followed.
const DEEPEST: usize = 200;
/// The longest name of a control word.
const WORD: usize = 32;

/// The bytes that are decoded at once: decoding needs several times their memory.
const CHUNK: usize = 16 * 1024;

/// The body of a message that was in RTF.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Body {
    /// Whether it is HTML.
    pub(crate) is_html: bool,
    /// It.
    pub(crate) text: String,
    /// Whether some of it is missing.
    pub(crate) is_cut: bool,
}

/// Destinations whose text is not that of the message.
const HIDDEN: [&str; 12] = [
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "object",
    "header",
    "footer",
    "listtable",
    "fldinst",
    "themedata",
    "generator",
];

/// The state of a group.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    /// Its text is not that of the message.
    is_hidden: bool,
    /// It has HTML as it was.
    is_tag: bool,
    /// Its text stands for HTML that is elsewhere.
    is_stand_in: bool,
    /// The characters that follow one in Unicode for readers without it.
    after_unicode: usize,
}

/// Reads the body, of which the first `most` bytes are returned.
pub(crate) fn read(rtf: &[u8], charset: &'static str, most: usize) -> Body {
    let mut reader = Reader::new(rtf, charset);
    reader.run(most);
    let (text, is_cut) = bound::text(reader.text, most);
    Body { is_html: reader.is_html, text, is_cut }
}

/// Whether the RTF encapsulates HTML: the word is among the first (MS-OXRTFEX 2.1.1).
fn is_from_html(rtf: &[u8]) -> bool {
    rtf[..rtf.len().min(1_024)].windows(9).any(|part| part == b"\\fromhtml")
}

struct Reader<'a> {
    rtf: &'a [u8],
    at: usize,
    charset: &'static str,
    is_html: bool,
    group: Group,
    groups: Vec<Group>,
    /// Groups beyond the deepest.
    too_deep: usize,
    to_skip: usize,
    /// The destination that follows may be unknown.
    is_ignorable: bool,
    /// The first half of a character.
    high: Option<u16>,
    /// Bytes in the charset, not decoded yet.
    bytes: Vec<u8>,
    text: String,
}

impl<'a> Reader<'a> {
    fn new(rtf: &'a [u8], charset: &'static str) -> Self {
        Self {
            rtf,
            at: 0,
            charset,
            is_html: is_from_html(rtf),
            group: Group { after_unicode: 1, ..Group::default() },
            groups: Vec::new(),
            too_deep: 0,
            to_skip: 0,
            is_ignorable: false,
            high: None,
            bytes: Vec::new(),
            text: String::new(),
        }
    }

    /// Reads until there are more than `most` bytes of text.
    fn run(&mut self, most: usize) {
        while self.text.len() <= most
            && let Some(byte) = self.next()
        {
            match byte {
                b'{' => self.begin(),
                b'}' => self.end(),
                b'\\' => self.control(),
                b'\r' | b'\n' => {}
                byte => self.byte(byte),
            }
        }
        self.decode();
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.rtf.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn begin(&mut self) {
        (self.to_skip, self.is_ignorable) = (0, false);
        if self.groups.len() < DEEPEST {
            self.groups.push(self.group);
        } else {
            self.too_deep += 1;
        }
    }

    fn end(&mut self) {
        (self.to_skip, self.is_ignorable) = (0, false);
        if self.too_deep > 0 {
            self.too_deep -= 1;
        } else if let Some(group) = self.groups.pop() {
            self.group = group;
        }
    }

    /// Reads what follows a backslash.
    fn control(&mut self) {
        let Some(first) = self.next() else { return };
        match first {
            b'\'' => {
                let digits = self.rtf.get(self.at..self.at + 2).and_then(|digits| std::str::from_utf8(digits).ok());
                if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    self.at += 2;
                    self.byte(byte);
                }
            }
            b'*' => self.is_ignorable = true,
            b'~' => self.character('\u{a0}'),
            b'_' => self.character('-'),
            b'\r' | b'\n' => self.character('\n'),
            byte if byte.is_ascii_alphabetic() => {
                self.at -= 1;
                self.word();
            }
            b'\\' | b'{' | b'}' => self.byte(first),
            _ => {}
        }
    }

    fn word(&mut self) {
        let rest = &self.rtf[self.at..];
        let letters = rest.iter().take(WORD).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (name, rest) = rest.split_at(letters);
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest[sign..].iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
        let length = if digits == 0 { 0 } else { sign + digits };
        let number = std::str::from_utf8(&rest[..length]).ok().and_then(|number| number.parse::<i64>().ok());
        let blank = usize::from(rest.get(length) == Some(&b' '));
        self.at += letters + length + blank;
        let name = std::str::from_utf8(name).unwrap_or_default();
        let is_ignorable = std::mem::take(&mut self.is_ignorable);
        self.named(name, number, is_ignorable);
    }

    fn named(&mut self, name: &str, number: Option<i64>, is_ignorable: bool) {
        match name {
            "htmltag" if is_ignorable => (self.group.is_tag, self.group.is_stand_in) = (self.is_html, false),
            "htmlrtf" => self.group.is_stand_in = self.is_html && number != Some(0),
            "ansicpg" => {
                self.decode();
                let page = number.and_then(|page| u32::try_from(page).ok());
                self.charset = page.and_then(super::code_page).unwrap_or(self.charset);
            }
            "uc" => self.group.after_unicode = number.and_then(|count| usize::try_from(count).ok()).unwrap_or(1).min(8),
            "u" => self.unicode(number.unwrap_or_default()),
            "bin" => {
                let size = number.and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
                self.at = self.at.saturating_add(size).min(self.rtf.len());
            }
            // In a tag, line ends are those of the HTML.
            "par" | "line" | "row" | "sect" | "page" => self.character('\n'),
            "tab" | "cell" => self.character('\t'),
            "lquote" => self.character('\u{2018}'),
            "rquote" => self.character('\u{2019}'),
            "ldblquote" => self.character('\u{201c}'),
            "rdblquote" => self.character('\u{201d}'),
            "bullet" => self.character('\u{2022}'),
            "endash" => self.character('\u{2013}'),
            "emdash" => self.character('\u{2014}'),
            name if is_ignorable || HIDDEN.contains(&name) => self.group.is_hidden = true,
            _ => {}
        }
    }

    fn is_shown(&self) -> bool {
        !self.group.is_hidden && !self.group.is_stand_in && self.too_deep == 0
    }

    /// A byte in the charset.
    fn byte(&mut self, byte: u8) {
        self.is_ignorable = false;
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else if self.is_shown() {
            self.bytes.push(byte);
            // No charset has a blank or a control inside of a character. Only hostile text is long without one.
            if self.bytes.len() >= 2 * CHUNK || self.bytes.len() >= CHUNK && byte <= b' ' {
                self.decode_bytes();
            }
        }
    }

    fn character(&mut self, c: char) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else if self.is_shown() {
            self.decode();
            self.text.push(c);
        }
    }

    /// A unit of UTF-16, as a number with a sign.
    fn unicode(&mut self, number: i64) {
        self.to_skip = self.group.after_unicode;
        if !self.is_shown() {
            return;
        }
        self.decode_bytes();
        let unit = u16::try_from(number & 0xffff).unwrap_or_default();
        let units: Vec<u16> = self.high.take().into_iter().chain([unit]).collect();
        if units.len() == 1 && (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        self.text.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    }

    fn decode(&mut self) {
        if self.high.take().is_some() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        self.decode_bytes();
    }

    fn decode_bytes(&mut self) {
        if !self.bytes.is_empty() {
            let text = charset::decode(self.charset, &self.bytes);
            self.bytes.clear();
            self.text.push_str(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(rtf: &str) -> (bool, String) {
        let body = read(rtf.as_bytes(), "windows-1252", usize::MAX);
        (body.is_html, body.text)
    }

    #[test]
    fn html_comes_out_as_it_was() {
        let rtf = "{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0{\\fonttbl{\\f0\\fswiss Arial;}}\r\n\
            {\\*\\generator Microsoft Exchange Server;}\r\n{\\*\\formatConverter converted from html;}\r\n\\uc1\\pard\\plain\
            {\\*\\htmltag64 <html>}{\\*\\htmltag96 <p>}\\htmlrtf {\\htmlrtf0 Gr\\'fc\\'dfe \\u8364?{\\*\\htmltag84 &lt;}\
            \\htmlrtf <\\htmlrtf0 {\\*\\htmltag84 <a href=\"https://evil.example/?a=\\{1\\}\">}\\htmlrtf {\\field\\htmlrtf0 pay}\
            {\\*\\htmltag92 </a>}\\htmlrtf\\par}\\htmlrtf0{\\*\\mhtmltag84 <a href=\"x\">}\\par {\\*\\htmltag104 </p>}}";
        let expected = "<html><p>Grüße €&lt;<a href=\"https://evil.example/?a={1}\">pay</a>\n</p>";
        assert_eq!(body(rtf), (true, expected.to_owned()));
    }

    #[test]
    fn text_comes_out_without_its_looks() {
        let rtf = "{\\rtf1\\ansi\\ansicpg1251{\\fonttbl{\\f0 Arial;}}{\\colortbl;\\red0;}\\f0\\fs20 \\'cf\\'ee\\b  a\\b0\\par\r\n\
            \\u-10179?\\u-8704?\\emdash \\{x\\}{\\pict 0102}\\bin3 }}}b}";
        assert_eq!(body(rtf), (false, "По a\n\u{1f600}\u{2014}{x}b".to_owned()));
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(rtf in proptest::collection::vec(any::<u8>(), 0..400)) {
            read(&rtf, "windows-1252", usize::MAX);
        }

        #[test]
        fn no_words_stop_it(rtf in "(\\\\|\\{|\\}|\\*|htmltag|htmlrtf0?|fromhtml1|u-?[0-9]{0,6}|uc[0-9]|bin[0-9]{0,12}|'[0-9a-g]{0,2}|par| |é){0,80}") {
            let body = read(rtf.as_bytes(), "windows-1252", usize::MAX);
            prop_assert!(body.text.len() <= 4 * rtf.len());
        }
    }

    #[test]
    fn hostile_nesting_takes_linear_time() {
        for part in ["{", "}", "{\\*\\htmltag ", "\\u55357 ", "\\'"] {
            read(part.repeat(400_000).as_bytes(), "windows-1252", usize::MAX);
        }
    }

    #[test]
    fn long_text_is_decoded_in_chunks_up_to_a_limit() {
        let most = 100_000;
        for (charset, part, shown) in [
            ("cp1252", &b"\x80"[..], "\u{20ac}"),
            ("shift_jis", b"\x83p\x83X\x83\x8f \x81[\x83h", "パスワ ード"),
            ("utf-8", "ü ".as_bytes(), "ü "),
        ] {
            let rtf = part.repeat(200_000);
            let mut reader = Reader::new(&rtf, charset);
            reader.run(most);
            assert!(reader.bytes.capacity() <= 2 * CHUNK, "{charset}: {}", reader.bytes.capacity());
            assert!(reader.text.len() <= most + 6 * CHUNK, "{charset}: {}", reader.text.len());
            let body = read(&rtf, charset, most);
            assert!(body.is_cut && body.text.len() <= most && body.text.len() > most - 300, "{charset}");
            assert!(shown.repeat(most).starts_with(&body.text), "{charset}");
            let whole = read(&rtf[..part.len() * 5_000], charset, most);
            assert!(!whole.is_cut && whole.text == shown.repeat(5_000), "{charset}");
        }
    }
}
