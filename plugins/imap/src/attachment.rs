//! Names of attachments from BODYSTRUCTURE, without fetching the message, and from the header fields of its parts.
//!
//! A structure contains only what the server could parse: Dovecot ends an unquoted name at its first blank and does not
//! parse an attached message in base64. So the raw fields of parts that may have names are read, too. They are between
//! the bodies of the parts. The sizes of the bodies are known, and the positions except for the bytes that belong to no
//! body: such [`windows`] of the message are fetched, and mostly not the bodies.

use std::{collections::BTreeMap, ops::Range};

use clawback_connector_sdk::{attachment, host::MailStream, types::Error};
use imap_codec::imap_types::{
    body::{Body, BodyStructure, SinglePartExtensionData, SpecificFields},
    core::IString,
};

use crate::{
    ask::Hits,
    command::Command,
    fetch,
    read::Read,
    search::open,
    session::{Access, Session},
};

/// The bytes of one message that are read for names; later names are known from the structure only.
const LARGEST: u64 = 4 * 1024 * 1024;
/// The bytes that one flight requests, which limits memory.
const A_FLIGHT: u64 = 8 * 1024 * 1024;
/// The bytes added to a window at both ends, as some servers count line ends differently. Closer windows are merged.
const SLACK: u64 = 512;
/// The parameters of a text part that describe its display.
const OF_TEXT: [&[u8]; 4] = [b"charset", b"format", b"delsp", b"reply-type"];

/// The deepest structure that is read; the codec has a limit, too.
const DEEPEST: usize = 16;

type Parameters<'a> = [(IString<'a>, IString<'a>)];

/// Returns the names, decoded like those of a whole message.
pub(crate) fn names(structure: &BodyStructure<'_>) -> Vec<String> {
    let mut found = Vec::new();
    collect(structure, DEEPEST, &mut found);
    found
}

fn collect(structure: &BodyStructure<'_>, depth: usize, found: &mut Vec<String>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match structure {
        BodyStructure::Single { body, extension_data } => {
            let disposition = extension_data.as_ref().and_then(|data| data.tail.as_ref()?.disposition.as_ref());
            let parameters = disposition.map(|(_, parameters)| parameters.as_slice()).unwrap_or_default();
            found.extend(name_of_part(&body.basic.parameter_list, parameters));
            if let SpecificFields::Message { body_structure, .. } = &body.specific {
                collect(body_structure, depth, found);
            }
        }
        BodyStructure::Multi { bodies, .. } => bodies.as_ref().iter().for_each(|body| collect(body, depth, found)),
    }
}

/// Writes the parameters as a header again, so that one parser decodes the names for every store.
fn name_of_part(content_type: &Parameters<'_>, disposition: &Parameters<'_>) -> Vec<String> {
    let mut header = b"Content-Type: application/octet-stream".to_vec();
    write_parameters(&mut header, content_type);
    header.extend_from_slice(b"\r\nContent-Disposition: attachment");
    write_parameters(&mut header, disposition);
    header.extend_from_slice(b"\r\n\r\n");
    attachment::names(&header)
}

fn write_parameters(header: &mut Vec<u8>, parameters: &Parameters<'_>) {
    for (name, value) in parameters {
        let is_encoded = name.as_ref().ends_with(b"*");
        header.extend_from_slice(b";\r\n ");
        header.extend(name.as_ref().iter().filter(|byte| byte.is_ascii_graphic() && !b";=\"".contains(byte)));
        header.push(b'=');
        if !is_encoded {
            header.push(b'"');
        }
        for byte in value.as_ref().iter().filter(|byte| !byte.is_ascii_control()) {
            if !is_encoded && matches!(byte, b'"' | b'\\') {
                header.push(b'\\');
            }
            header.push(*byte);
        }
        if !is_encoded {
            header.push(b'"');
        }
    }
}

/// Returns the ranges of a message of this size that contain the fields of its parts, and the attached messages that
/// the server did not parse. Empty if no part may have a name.
pub(crate) fn windows(structure: &BodyStructure<'_>, size: u64) -> Vec<Range<u64>> {
    let mut bodies = Bodies::default();
    bodies.add(structure, DEEPEST);
    if !bodies.may_have_names {
        return Vec::new();
    }
    let known: u64 = bodies.sizes.iter().sum();
    // Contradictory sizes are ignored.
    let Some(others) = size.checked_sub(known) else { return std::iter::once(0..LARGEST).collect() };
    let mut windows: Vec<Range<u64>> = Vec::new();
    let (mut before, mut room) = (0, LARGEST);
    for body in std::iter::once(0).chain(bodies.sizes) {
        before += body;
        let (start, end) = (before.saturating_sub(SLACK), before.saturating_add(others).saturating_add(SLACK));
        match windows.last_mut().filter(|last| start <= last.end + SLACK) {
            Some(last) => last.end = end,
            None => windows.push(start..end),
        }
    }
    for window in &mut windows {
        window.end = window.end.min(window.start + room);
        room -= window.end - window.start;
    }
    windows.retain(|window| !window.is_empty());
    windows
}

/// The bodies without fields of parts, in the order of the message.
#[derive(Default)]
struct Bodies {
    sizes: Vec<u64>,
    may_have_names: bool,
}

impl Bodies {
    fn add(&mut self, structure: &BodyStructure<'_>, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        match structure {
            BodyStructure::Single { body, extension_data } => {
                self.may_have_names |= may_have_name(body, extension_data.as_ref());
                match &body.specific {
                    SpecificFields::Message { body_structure, .. } if !is_encoded(body) => {
                        self.add(body_structure, depth);
                    }
                    SpecificFields::Message { .. } => {}
                    SpecificFields::Basic { r#type, .. } if is_one_of(r#type, &[b"message", b"multipart"]) => {}
                    SpecificFields::Basic { .. } | SpecificFields::Text { .. } => {
                        self.sizes.push(u64::from(body.basic.size));
                    }
                }
            }
            BodyStructure::Multi { bodies, .. } => bodies.as_ref().iter().for_each(|body| self.add(body, depth)),
        }
    }
}

/// Returns whether the fields of a part may contain a name, regardless of how the server parsed them.
fn may_have_name(body: &Body<'_>, extension: Option<&SinglePartExtensionData<'_>>) -> bool {
    let has_disposition =
        extension.and_then(|data| data.tail.as_ref()).is_some_and(|disposition| disposition.disposition.is_some());
    let is_text = matches!(body.specific, SpecificFields::Text { .. });
    !is_text || has_disposition || body.basic.parameter_list.iter().any(|(name, _)| !is_one_of(name, &OF_TEXT))
}

fn is_encoded(body: &Body<'_>) -> bool {
    !is_one_of(&body.basic.content_transfer_encoding, &[b"7bit", b"8bit", b"binary"])
}

fn is_one_of(text: &IString<'_>, all: &[&[u8]]) -> bool {
    all.iter().any(|one| text.as_ref().eq_ignore_ascii_case(one))
}

/// A message of which windows are fetched: its index among the hits, and its UID.
struct Wanted {
    at: usize,
    uid: u32,
    windows: Vec<Range<u64>>,
}

/// Adds the names that are missing in the structures, for all messages in one flight, or in several if they are large.
/// If the fields of a message are not returned, its names are unknown.
pub(crate) fn read_hidden<S: MailStream>(
    session: &mut Session<S>,
    hits: &[Hits],
    all: &mut [Read],
) -> Result<(), Error> {
    let mut wanted = Vec::new();
    for (at, read) in all.iter_mut().enumerate() {
        for (uid, message) in &mut read.messages {
            let windows = std::mem::take(&mut message.windows);
            if !windows.is_empty() {
                wanted.push(Wanted { at, uid: *uid, windows });
            }
        }
    }
    // The open folder comes first and is not opened again.
    let opened = session.selected.as_ref().map(|(wire, _)| wire.clone());
    wanted.sort_by_key(|one| opened.as_ref() != Some(&hits[one.at].folder.wire));
    let mut rest = wanted.as_slice();
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |one: &&Wanted| {
            bytes += one.windows.iter().map(|window| window.end - window.start).sum::<u64>();
            bytes <= A_FLIGHT
        };
        let (some, after) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        rest = after;
        read_some(session, hits, some, all)?;
    }
    Ok(())
}

fn read_some<S: MailStream>(
    session: &mut Session<S>,
    hits: &[Hits],
    wanted: &[Wanted],
    all: &mut [Read],
) -> Result<(), Error> {
    let mut selected = session.selected.as_ref().map(|(wire, _)| wire.clone());
    let (mut commands, mut shares) = (Vec::new(), Vec::new());
    for of_folder in wanted.chunk_by(|one, other| one.at == other.at) {
        let wire = &hits[of_folder[0].at].folder.wire;
        let opens = usize::from(selected.as_ref() != Some(wire));
        if opens == 1 {
            commands.push(open(wire, Access::Examine));
            selected = Some(wire.clone());
        }
        let before = commands.len();
        for Wanted { uid, windows, .. } in of_folder {
            commands.extend(windows.iter().map(|window| {
                let (start, length) = (window.start, window.end - window.start);
                Command::new(format!("UID FETCH {uid} (UID BODY.PEEK[]<{start}.{length}>)"))
            }));
        }
        shares.push((of_folder, opens, commands.len() - before));
    }
    let replies = session.flight(commands)?;
    let (mut is_open, mut rest) = (true, replies.as_slice());
    for (of_folder, opens, fetches) in shares {
        let (opened, after) = rest.split_at(opens);
        let (answers, after) = after.split_at(fetches);
        rest = after;
        let at = of_folder[0].at;
        is_open = opened.iter().all(|reply| reply.is_ok() && reply.uid_validity() == Some(hits[at].validity));
        // Servers answer early: the data of a message may arrive with the answer to another command.
        let mut parts: BTreeMap<u32, Vec<&[u8]>> = BTreeMap::new();
        for (uid, part) in answers.iter().flat_map(fetch::raws) {
            parts.entry(uid).or_default().push(part);
        }
        for Wanted { uid, windows, .. } in of_folder {
            let Some(message) = all[at].messages.get_mut(uid) else { continue };
            let parts = parts.get(uid).filter(|parts| is_open && parts.len() == windows.len());
            let (Some(parts), Some(names)) = (parts, message.attachments.as_mut()) else {
                message.attachments = None;
                continue;
            };
            for name in attachment::names(&parts.join(&b"\r\n"[..])) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    session.selected = selected.filter(|_| is_open).map(|wire| (wire, Access::Examine));
    Ok(())
}

#[cfg(test)]
mod tests {
    use imap_codec::{
        ResponseCodec,
        decode::Decoder as _,
        imap_types::{
            fetch::MessageDataItem,
            response::{Data, Response},
        },
    };

    use super::*;

    fn text(value: &str) -> IString<'static> {
        IString::try_from(value.to_owned()).unwrap()
    }

    /// Returns the windows of a message with this structure.
    fn windows_of(structure: &str, size: u64) -> Vec<Range<u64>> {
        let line = format!("* 1 FETCH (BODYSTRUCTURE {structure})\r\n");
        let Ok((_, Response::Data(Data::Fetch { items, .. }))) = ResponseCodec::default().decode(line.as_bytes())
        else {
            panic!("{structure} is no structure")
        };
        let MessageDataItem::BodyStructure(structure) = &items.as_ref()[0] else { panic!("{line} has no structure") };
        windows(structure, size)
    }

    #[test]
    fn the_bodies_are_not_in_the_windows() {
        let text = r#"("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 100 1 NIL NIL NIL NIL)"#;
        let file = r#"("application" "pdf" NIL NIL NIL "base64" 1000000 NIL NIL NIL NIL)"#;
        let named = r#"("text" "plain" ("name" "a") NIL NIL "7bit" 9 1 NIL NIL NIL NIL)"#;
        let inner = |encoding: &str| {
            format!(
                r#"("message" "rfc822" NIL NIL NIL "{encoding}" 2000100 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" NIL NIL NIL "7bit" 2000000 1) 9)"#
            )
        };
        let mixed = |parts: &[&str]| format!(r#"({} "mixed" ("boundary" "b") NIL NIL NIL)"#, parts.concat());
        assert_eq!(windows_of(text, 900), []);
        assert_eq!(windows_of(&mixed(&[text, text]), 900), []);
        assert_eq!(windows_of(named, 900), std::iter::once(0..900 + SLACK).collect::<Vec<_>>());
        // 900 bytes are in no body: before the text, between the two, and at the end.
        assert_eq!(
            windows_of(&mixed(&[text, file]), 1_001_000),
            [0..1_000 + SLACK, 1_000_100 - SLACK..1_001_000 + SLACK]
        );
        // The server parses an attached message without an encoding; another one is read.
        assert_eq!(windows_of(&inner("7bit"), 2_001_000), [0..1_000 + SLACK, 2_000_000 - SLACK..2_001_000 + SLACK]);
        assert_eq!(windows_of(&inner("base64"), 2_001_000), std::iter::once(0..2_001_000 + SLACK).collect::<Vec<_>>());
        // Impossible sizes are ignored, and the read is always limited.
        assert_eq!(windows_of(file, 999), std::iter::once(0..LARGEST).collect::<Vec<_>>());
        assert_eq!(windows_of(file, u64::MAX / 2), std::iter::once(0..LARGEST).collect::<Vec<_>>());
    }

    #[test]
    fn decodes_what_the_header_said() {
        let one = |name: &str, value: &str| vec![(text(name), text(value))];
        assert_eq!(name_of_part(&one("NAME", "=?utf-8?Q?=C3=A4?=.pdf"), &[]), ["ä.pdf"]);
        assert_eq!(name_of_part(&one("name", "a"), &one("filename", "b;\"c\".exe")), ["a", "b;\"c\".exe"]);
        assert_eq!(name_of_part(&[], &one("filename*", "utf-8''evil%20one.exe")), ["evil one.exe"]);
        assert_eq!(name_of_part(&one("charset", "utf-8"), &[]), Vec::<String>::new());
    }
}
