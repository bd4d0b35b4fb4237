//! Files of Outlook for tests, written by another implementation of compound files.

use std::io::{Cursor, Write as _};

/// A property of a message: its ID, and the text or bytes.
pub(crate) enum Value<'a> {
    /// Text in UTF-16.
    Text(u16, &'a str),
    /// Text in the code page of the message.
    Ansi(u16, &'a [u8]),
    /// Bytes.
    Bytes(u16, &'a [u8]),
}

/// An attachment: its name, its type, and its content.
pub(crate) enum Attached<'a> {
    /// A file.
    File(&'a str, &'a str, &'a [u8]),
    /// A message, with its properties.
    Message(&'a [Value<'a>]),
}

type File = cfb::CompoundFile<Cursor<Vec<u8>>>;

/// Makes the `.msg` file of a message in this code page.
pub(crate) fn msg(code_page: u32, values: &[Value<'_>], attached: &[Attached<'_>]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create_with_version(cfb::Version::V3, Cursor::new(Vec::new())).unwrap();
    put(&mut file, "", 32, code_page, values);
    for (number, one) in attached.iter().enumerate() {
        let folder = format!("/__attach_version1.0_#{number:08X}");
        file.create_storage(&folder).unwrap();
        match one {
            Attached::File(name, kind, content) => {
                let values = [Value::Text(0x3707, name), Value::Text(0x370e, kind), Value::Bytes(0x3701, content)];
                put(&mut file, &folder, 8, code_page, &values);
            }
            Attached::Message(values) => {
                put(&mut file, &folder, 8, code_page, &[]);
                let inner = format!("{folder}/__substg1.0_3701000D");
                file.create_storage(&inner).unwrap();
                put(&mut file, &inner, 24, code_page, values);
            }
        }
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

fn put(file: &mut File, folder: &str, before: usize, code_page: u32, values: &[Value<'_>]) {
    let mut fixed = vec![0; before];
    fixed.extend([0x03, 0x00, 0xde, 0x3f, 6, 0, 0, 0]);
    fixed.extend(u64::from(code_page).to_le_bytes());
    write(file, &format!("{folder}/__properties_version1.0"), &fixed);
    for value in values {
        let (id, kind, bytes) = match value {
            Value::Text(id, text) => (id, 0x001f, text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Value::Ansi(id, bytes) => (id, 0x001e, bytes.to_vec()),
            Value::Bytes(id, bytes) => (id, 0x0102, bytes.to_vec()),
        };
        write(file, &format!("{folder}/__substg1.0_{id:04X}{kind:04X}"), &bytes);
    }
}

fn write(file: &mut File, path: &str, bytes: &[u8]) {
    file.create_stream(path).unwrap().write_all(bytes).unwrap();
}
