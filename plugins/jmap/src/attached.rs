//! Names of attachments. They are read from the raw message, as all connectors do.

use clawback_connector_sdk::{
    attachment, header,
    host::{Host, Http, Memo},
    types::Error,
};

use crate::{
    api::Api,
    email::Email,
    raw::{self, LARGEST},
};

/// Returns the names, and whether they are all. `known` is the raw message, if it was downloaded.
pub(crate) fn names<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    email: &Email,
    header: &[u8],
    known: Option<Vec<u8>>,
) -> Result<(Vec<String>, bool), Error> {
    if is_text_alone(header) {
        return Ok((attachment::names(header), true));
    }
    let raw = match known {
        Some(raw) => raw,
        None => raw::part(api, email, LARGEST)?,
    };
    let length = raw.len() as u64;
    Ok((attachment::names(&raw), length >= email.size && length < LARGEST))
}

/// Returns whether the message is one part of text, so that its header names everything.
pub(crate) fn is_text_alone(header: &[u8]) -> bool {
    let fields = header::raw_fields(header);
    let mut types = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-type"));
    match (types.next(), types.next()) {
        (Some((_, value)), None) => {
            let value = value.trim_ascii_start();
            value.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"text/"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_type_that_is_text() {
        assert!(is_text_alone(b"Content-Type: TEXT/plain; name=a.txt\r\n\r\n"));
        for header in [
            &b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"[..],
            b"Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n",
            b"Subject: x\r\n\r\n",
        ] {
            assert!(!is_text_alone(header));
        }
    }
}
