//! Names of attachments from BODYSTRUCTURE, which spares fetching the message.

use clawback_connector_sdk::attachment;
use imap_codec::imap_types::{
    body::{BodyStructure, SpecificFields},
    core::IString,
};

/// How deep a structure is followed; the codec bounds it too.
const DEEPEST: usize = 16;

type Parameters<'a> = [(IString<'a>, IString<'a>)];

/// The names, decoded as those of a whole message would be.
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

/// Writes the parameters as the header they came from, so that one parser decodes the names of every store.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> IString<'static> {
        IString::try_from(value.to_owned()).unwrap()
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
