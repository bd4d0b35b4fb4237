//! Heads of messages: the header block of a file, or why it could not be read.

use clawback_connector_sdk::{
    host::{Folder, FolderError, Host},
    types::Error,
};

use crate::tree::{File, MailFolder, Mailbox, refused, why};

/// The files whose heads are read in one call: with [`HEAD`] this is far below the limit of a call.
pub(crate) const BATCH: usize = 400;
/// Nearly every header fits; the rest of longer ones is read file by file.
pub(crate) const HEAD: u32 = 8 * 1024;
/// The bytes of one read; hosts return no more at once.
const CHUNK: u32 = 1024 * 1024;
/// The most bytes of a header that are read.
const LONGEST: usize = 8 * 1024 * 1024;

/// The head of a file, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Head {
    /// The header block, and perhaps some of the body.
    Read(Vec<u8>),
    /// The start of a header block that is longer than the limit.
    Start(Vec<u8>),
    /// The file no longer exists.
    Gone,
    /// The file cannot be read, for this reason.
    Unread(String),
}

impl Head {
    /// Returns what was read of the header.
    pub(crate) fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Read(bytes) | Self::Start(bytes) => Some(bytes),
            Self::Gone | Self::Unread(_) => None,
        }
    }
}

/// Passes the heads of these files of one folder to `each`, in order and one at a time, until it returns `false`.
pub(crate) fn heads<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    folder: &MailFolder,
    files: &[&File],
    each: &mut dyn FnMut(usize, Head) -> bool,
) -> Result<(), Error> {
    for (first, batch) in files.chunks(BATCH).enumerate() {
        let paths: Vec<String> = batch.iter().map(|file| mailbox.path(folder, file)).collect();
        let read = mailbox.host.read_heads(&paths, HEAD).map_err(|error| refused("a message", error))?;
        let mut now = None;
        for (at, (file, head)) in batch.iter().zip(read).enumerate() {
            let mut head = whole(mailbox, &paths[at], head);
            // A flag changed concurrently: the name is another, but its unique part is not.
            if head == Head::Gone {
                let fresh = match &now {
                    Some(now) => now,
                    None => {
                        now.insert(mailbox.named(folder, &batch.iter().map(|file| file.unique()).collect::<Vec<_>>())?)
                    }
                };
                if let Some(file) = fresh.get(file.unique()) {
                    let path = mailbox.path(folder, file);
                    head = whole(mailbox, &path, mailbox.host.read(&path, 0, HEAD));
                }
            }
            if !each(first * BATCH + at, head) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Returns the head of one file.
pub(crate) fn head<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    folder: &MailFolder,
    file: &File,
) -> Result<Head, Error> {
    let mut found = Head::Gone;
    heads(mailbox, folder, &[file], &mut |_, head| {
        found = head;
        false
    })?;
    Ok(found)
}

/// Reads further until the header ends.
fn whole<H: Folder + Host>(mailbox: &Mailbox<'_, H>, path: &str, head: Result<Vec<u8>, FolderError>) -> Head {
    let mut head = match head {
        Ok(head) => head,
        Err(FolderError::NotFound) => return Head::Gone,
        Err(error) => return Head::Unread(why(error)),
    };
    let mut looked = 0;
    let mut asked = HEAD as usize;
    loop {
        if head.len() - looked < asked || has_end(&head[looked.saturating_sub(2)..]) {
            return Head::Read(head);
        }
        if head.len() >= LONGEST {
            return Head::Start(head);
        }
        looked = head.len();
        asked = CHUNK as usize;
        match mailbox.host.read(path, looked as u64, CHUNK) {
            Ok(more) => head.extend(more),
            Err(FolderError::NotFound) => return Head::Gone,
            Err(error) => return Head::Unread(why(error)),
        }
    }
}

fn has_end(head: &[u8]) -> bool {
    head.split_inclusive(|byte| *byte == b'\n').skip(1).any(|line| matches!(line, b"\n" | b"\r\n"))
}

/// Returns why a file cannot be parsed as a message, if it starts like a compressed or encrypted file.
pub(crate) fn sealed(head: &[u8]) -> Option<&'static str> {
    let starts: [(&[u8], &str); 6] = [
        (b"\x1f\x8b", "the file is compressed (gzip)"),
        (b"\x28\xb5\x2f\xfd", "the file is compressed (zstd)"),
        (b"\xfd7zXZ\0", "the file is compressed (xz)"),
        (b"Dovecot-LZ4\x0d\x2a\x9b\xc5", "the file is compressed (lz4)"),
        (b"CRYPTED\x03\x07", "the file is encrypted (mail_crypt)"),
        (b"-----BEGIN PGP MESSAGE", "the file is encrypted (PGP)"),
    ];
    let bzip2 = head.starts_with(b"BZh") && head.get(4..10) == Some(b"1AY&SY");
    let known = starts.iter().find(|(start, _)| head.starts_with(start)).map(|(_, reason)| *reason);
    known.or(bzip2.then_some("the file is compressed (bzip2)"))
}
