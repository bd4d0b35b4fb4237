//! Raw messages: base64url in JSON, of which only the beginning may be read.

use clawback_connector_sdk::{
    header,
    host::{Host, Http, Memo},
    types::{Error, MessageRef},
};

use crate::{client::Client, locator, refusal::Refused, states};

/// The most bytes that are returned, because a component's memory is limited.
pub(crate) const LARGEST: u64 = 15 * 1024 * 1024;
/// The bytes of an answer beside the message.
const AROUND: u64 = 256;

/// Returns up to `most` bytes of the message.
pub(crate) fn fetch<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    message: &MessageRef,
    most: u64,
) -> Result<Vec<u8>, Error> {
    let gone = || Error::NotFound("the message is not in this mailbox".into());
    let id = locator::id(&message.locator).ok_or_else(gone)?;
    let raw = read(client, id, most)?.ok_or_else(gone)?;
    // The bytes have no fingerprint: the fields that the API gives have one, at the price of another request.
    let is_that = !message.message_id.is_empty() && header::message_id(&raw) == message.message_id;
    if is_that || !states::of(client, std::iter::once(message))?.is_empty() { Ok(raw) } else { Err(gone()) }
}

/// The same by id. `None` if there is no such message.
pub(crate) fn read<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    id: &str,
    most: u64,
) -> Result<Option<Vec<u8>>, Error> {
    let most = most.min(LARGEST);
    let request = client.get(&format!("/messages/{id}?format=raw&fields=raw"));
    match client.prefix(request, most.div_ceil(3) * 4 + AROUND)? {
        Ok(response) => {
            let mut raw = decode(response.body)
                .ok_or_else(|| Error::Permanent("Gmail returned no content of this message".into()))?;
            raw.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            Ok(Some(raw))
        }
        Err(Refused::Gone) => Ok(None),
        Err(refused) => Err(refused.into_error()),
    }
}

/// Decodes the value of the only key, `raw`, in the memory of the answer, which may end early. `None` if it is none.
fn decode(mut body: Vec<u8>) -> Option<Vec<u8>> {
    const KEY: &[u8] = b"\"raw\"";
    let key = body.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let colon = key + body[key..].iter().position(|byte| !byte.is_ascii_whitespace())?;
    let quote = colon + 1 + body.get(colon + 1..)?.iter().position(|byte| !byte.is_ascii_whitespace())?;
    if body[colon] != b':' || body[quote] != b'"' {
        return None;
    }
    let (mut written, mut bits, mut held) = (0, 0_u32, 0_u32);
    for at in quote + 1..body.len() {
        let value = match body[at] {
            byte @ b'A'..=b'Z' => byte - b'A',
            byte @ b'a'..=b'z' => byte - b'a' + 26,
            byte @ b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            // The padding may be escaped: `\u003d`.
            b'"' | b'=' | b'\\' => break,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0x3fff;
        held += 6;
        if held >= 8 {
            held -= 8;
            // Behind the place that is read: three bytes come of four.
            body[written] = u8::try_from(bits >> held & 0xff).ok()?;
            written += 1;
        }
    }
    body.truncate(written);
    Some(body)
}

#[cfg(test)]
mod tests {
    use clawback_connector_sdk::web;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_and_cut() {
        let read = |text: &str| decode(text.as_bytes().to_vec());
        assert_eq!(read("{\n  \"raw\": \"_-8=\"\n}\n").as_deref(), Some(&b"\xff\xef"[..]));
        assert_eq!(read(r#"{"raw":"YWJjZGVm"#).as_deref(), Some(&b"abcdef"[..]));
        assert_eq!(read(r#"{"raw":"YWJjZ"#).as_deref(), Some(&b"abc"[..]));
        assert_eq!(read(r#"{"raw":"_-8\u003d"}"#).as_deref(), Some(&b"\xff\xef"[..]));
        assert_eq!(read(r#"{"raw":""}"#).as_deref(), Some(&b""[..]));
        for wrong in ["", "{}", r#"{"raw""#, r#"{"raw":"#, r#"{"raw":1}"#, r#"{"raw":"a b"}"#, r#"{"raw" "YW"}"#] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn as_the_sdk_decodes(text in "[A-Za-z0-9_-]{0,200}") {
            if let Some(bytes) = web::from_base64url(&text) {
                prop_assert_eq!(decode(format!("{{\"raw\":\"{text}\"}}").into_bytes()), Some(bytes));
            }
        }

        #[test]
        fn no_bytes_stop_it(body in proptest::collection::vec(any::<u8>(), 0..100)) {
            decode([b"{\"raw\":".to_vec(), body].concat());
        }
    }
}
