//! Whole messages. The API returns them as text in JSON: bytes that are no UTF-8 are replaced, which shows in the
//! length. Such a message can be examined, and is never returned as if it were the stored one.

use clawback_connector_sdk::{
    examiner::{Examined, Features, Request},
    features, fingerprint,
    host::{Host, Http, Memo},
    types::{Error, MessageRef},
    web::Failure,
};

use crate::{
    api::{self, Api},
    command::{Command, Query},
    find,
    folder::Folders,
    locator::Locator,
    row::{Row, rows},
};

/// The most bytes of a message that are returned, because a component's memory is limited.
pub(crate) const LARGEST: u64 = 15 * 1024 * 1024;
/// The most bytes of a response: the host ends the call after 16 MiB.
const RESPONSE: u64 = 16 * 1024 * 1024 - 256 * 1024;
/// What a response has in addition to the text.
const FRAME: u64 = 64 * 1024;
/// The fields of a message; its text is the last.
const FIELDS: [&str; 6] = ["mailbox", "mailbox-guid", "uid", "guid", "size.virtual", "text"];
/// Begins the text.
const TEXT: &[u8] = b",\"text\":\"";
/// Ends an answer with one message, whose text was taken out.
const END: &[u8] = b"}],\"0\"]]";

/// A message, or its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    /// With CRLF, as IMAP returns it.
    pub(crate) bytes: Vec<u8>,
    /// Whether these are all bytes.
    pub(crate) is_whole: bool,
    /// Whether no byte was replaced.
    pub(crate) is_exact: bool,
}

impl Raw {
    fn is(&self, wanted: &MessageRef, row: &Row) -> bool {
        fingerprint::is_of(&wanted.fingerprint, &self.bytes, row.size().unwrap_or_default())
    }
}

/// Returns up to `most` bytes of the message, wherever it is now.
pub(crate) fn fetch<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    message: &MessageRef,
    most: u64,
) -> Result<Vec<u8>, Error> {
    let raw = anywhere(api, message, most)?;
    if !raw.is_exact {
        return Err(Error::Permanent(
            "it has bytes that are no UTF-8, and the API returns text: it cannot be returned as it is stored".into(),
        ));
    }
    Ok(raw.bytes)
}

/// Returns the features of these messages, in order.
pub(crate) fn examine<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    refs: &[MessageRef],
    request: &Request,
) -> Result<Vec<Examined>, Error> {
    let one = |message: &MessageRef| match anywhere(api, message, request.most) {
        Ok(raw) => Ok(Examined::Features(of(&raw, request))),
        Err(Error::NotFound(_)) => Ok(Examined::NotFound),
        Err(Error::Permanent(why)) => Ok(Examined::Failed(why)),
        Err(error) => Err(error),
    };
    refs.iter().map(one).collect()
}

fn of(raw: &Raw, request: &Request) -> Features {
    let mut features = features::of(&raw.bytes, request);
    if !raw.is_exact {
        // Replaced bytes can be anywhere in it.
        for what in ["attachments", "body", "links"] {
            if !features.cut.iter().any(|cut| cut == what) {
                features.cut.push(what.to_owned());
            }
        }
    }
    features
}

fn anywhere<H: Host + Http + Memo>(api: &Api<'_, H>, message: &MessageRef, most: u64) -> Result<Raw, Error> {
    // The fingerprint needs the header.
    let least = most.max(FRAME);
    let cut = |mut raw: Raw| {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        raw.is_whole &= raw.bytes.len() <= most;
        raw.bytes.truncate(most);
        raw
    };
    if let Some(locator) = Locator::parse(&message.locator)
        // If another folder makes the server refuse it, the message is searched for.
        && let Ok(Some((row, raw))) = download(api, &locator, locator.query(), least)
        && row.guid() == locator.guid
        && raw.is(message, &row)
    {
        return Ok(cut(raw));
    }
    let folders = Folders::list(api)?;
    let found = find::find(api, &folders, &[message])?;
    for row in found.rows.into_iter().flatten() {
        if let Some(raw) = read(api, &row, least)? {
            return Ok(cut(raw));
        }
    }
    Err(found.closed.unwrap_or_else(|| Error::NotFound("the message is nowhere in this mailbox".into())))
}

/// Returns up to `most` bytes of the message at this place. `None` if it is not there.
pub(crate) fn read<H: Host + Http + Memo>(api: &Api<'_, H>, at: &Row, most: u64) -> Result<Option<Raw>, Error> {
    let found = download(api, &at.locator(), at.query(), most)?;
    Ok(found.filter(|(row, _)| row.guid() == at.guid()).map(|(_, raw)| raw))
}

fn download<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    at: &Locator,
    query: Query,
    most: u64,
) -> Result<Option<(Row, Raw)>, Error> {
    let most = most.min(LARGEST);
    let command = [Command::fetch(&FIELDS, query)];
    let mut length = most.saturating_add(most / 4).saturating_add(FRAME).min(RESPONSE);
    loop {
        let body = match api.post(&command, length) {
            Ok(body) => body,
            Err(Failure::TooLarge) => return Err(Failure::TooLarge.into()),
            Err(Failure::Error(error)) => return Err(error),
        };
        let is_cut = body.len() as u64 > length;
        let Some(start) = body.windows(TEXT.len()).position(|window| window == TEXT) else {
            if is_cut {
                return Err(Error::Permanent("the server's response is not of the documented form".into()));
            }
            let answer = api::answers(&body, &command)?.pop();
            let refused = answer.and_then(Result::err);
            return refused.map_or(Ok(None), |refusal| Err(refusal.error()));
        };
        let head = [&body[..start], END].concat();
        let answer = api::answers(&head, &command)?.pop().and_then(Result::ok);
        let row = answer.map(|answer| rows(&answer)).transpose()?.and_then(|mut rows| rows.pop());
        let Some(row) = row.filter(|row| row.folder == at.folder && row.uid == at.uid) else { return Ok(None) };
        let raw = decode(&body[start + TEXT.len()..], most, row.size());
        if !raw.is_whole && (raw.bytes.len() as u64) < most {
            if !is_cut {
                return Err(Error::Transient("the server's response ends in the middle of the message".into()));
            }
            if length < RESPONSE {
                length = RESPONSE;
                continue;
            }
        }
        return Ok(Some((row, raw)));
    }
}

/// Decodes the content of a JSON text up to its end, with CRLF at the end of each line. `size` is the length that the
/// stored message has with CRLF.
fn decode(json: &[u8], most: u64, size: Option<u64>) -> Raw {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(json.len().min(most));
    let mut rest = json;
    let mut is_whole = false;
    let mut length = 0_u64;
    let mut put = |bytes: &mut Vec<u8>, byte: u8| {
        if byte == b'\n' && bytes.last() != Some(&b'\r') {
            bytes.push(b'\r');
            length += 1;
        }
        bytes.push(byte);
        length += 1;
    };
    while let [first, after @ ..] = rest {
        match first {
            b'"' => {
                is_whole = true;
                break;
            }
            b'\\' => {
                let [kind, after @ ..] = after else { break };
                rest = after;
                match kind {
                    b'n' => put(&mut bytes, b'\n'),
                    b'r' => put(&mut bytes, b'\r'),
                    b't' => put(&mut bytes, b'\t'),
                    b'b' => put(&mut bytes, 8),
                    b'f' => put(&mut bytes, 12),
                    b'u' => {
                        let Some((character, after)) = escaped(after) else { break };
                        rest = after;
                        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                            put(&mut bytes, byte);
                        }
                    }
                    other => put(&mut bytes, *other),
                }
            }
            byte => {
                put(&mut bytes, *byte);
                rest = after;
            }
        }
        if bytes.len() > most {
            break;
        }
    }
    let has_replaced = bytes.windows(3).any(|window| window == "\u{fffd}".as_bytes());
    // A replacement is longer than what it stands for, so a text of the right length has the bytes of the message.
    let is_exact = !has_replaced || is_whole && size == Some(length);
    if bytes.len() > most {
        is_whole = false;
        bytes.truncate(most);
    }
    Raw { bytes, is_whole, is_exact }
}

/// Reads four hexadecimal digits, and the second half of a surrogate pair.
fn escaped(text: &[u8]) -> Option<(char, &[u8])> {
    let unit = |text: &[u8]| {
        let digits = std::str::from_utf8(text.get(..4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let first = unit(text)?;
    let rest = &text[4..];
    if (0xd800..0xdc00).contains(&first) {
        let second = unit(rest.strip_prefix(b"\\u")?).filter(|second| (0xdc00..0xe000).contains(second))?;
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return Some((char::from_u32(code)?, &rest[6..]));
    }
    Some((char::from_u32(first).unwrap_or('\u{fffd}'), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(json: &str, size: u64) -> Raw {
        decode(json.as_bytes(), 1_000, Some(size))
    }

    #[test]
    fn lines_end_in_crlf_and_lone_characters_stay() {
        let raw = whole(r#"a: \"b\\\"\n\tc\r\nlone\rcr \u0001\ud83d\ude00\/"},{"#, 33);
        assert_eq!(raw.bytes, "a: \"b\\\"\r\n\tc\r\nlone\rcr \u{1}\u{1f600}/".as_bytes());
        assert!(raw.is_whole && raw.is_exact);
    }

    #[test]
    fn a_replaced_byte_shows_in_the_length() {
        assert!(whole("x\u{fffd}y\"", 5).is_exact, "it is in the message");
        assert!(!whole("x\u{fffd}y\"", 3).is_exact);
        assert!(whole("xy\"", 3).is_exact, "a wrong size alone replaces nothing");
        let start = decode("x\u{fffd}y".as_bytes(), 4, Some(5));
        assert!(!start.is_whole && !start.is_exact, "it cannot be known");
    }

    #[test]
    fn a_text_that_ends_early_is_not_whole() {
        for json in ["abc", "abc\\", "abc\\u00", "abc\\ud83d", "abc\\ud83d\\u"] {
            let raw = whole(json, 3);
            assert!(!raw.is_whole && raw.bytes == b"abc", "{json}");
        }
        let cut = decode(b"abcdef\"", 4, Some(6));
        assert!(!cut.is_whole && cut.bytes == b"abcd");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in any::<String>()) {
            let text = text.replace(['\r', '\u{fffd}'], "");
            let json = serde_json::to_string(&text).unwrap();
            let raw = decode(&json.as_bytes()[1..], u64::MAX, None);
            prop_assert!(raw.is_whole);
            prop_assert_eq!(raw.bytes, text.replace('\n', "\r\n").into_bytes());
        }

        #[test]
        fn no_bytes_stop_it(json in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&json, 50, Some(10));
        }
    }
}
