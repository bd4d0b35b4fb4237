//! Folder names as directories: Maildir++ (`.Archive.2026`) and Dovecot's LAYOUT=fs (`Archive/2026`).

use clawback_connector_sdk::utf7;

/// Directories of a Maildir that are not folders.
pub(crate) const OWN: [&str; 3] = ["cur", "new", "tmp"];

/// The layout of a mailbox's folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Layout {
    /// One directory per folder, with a leading dot and dots between the names.
    #[default]
    Dots,
    /// Nested directories.
    Directories,
}

/// Returns the path of the folder in this directory, which is not the inbox's.
pub(crate) fn path(dir: &str) -> String {
    let (name, border) = dir.strip_prefix('.').map_or((dir, '/'), |name| (name, '.'));
    name.split(border).map(utf7::decode).collect::<Vec<_>>().join("/")
}

/// Returns the directory of a path that is not the inbox's; `None` if no directory can have such a name.
pub(crate) fn dir(path: &str, layout: Layout) -> Option<String> {
    let parts: Vec<String> = path.split('/').map(spell).collect();
    if parts.iter().any(|part| part.is_empty() || part.contains('\0')) {
        return None;
    }
    match layout {
        // A dot would be read as a separator of folders.
        Layout::Dots if parts.iter().any(|part| part.contains('.')) => None,
        Layout::Dots => Some(format!(".{}", parts.join("."))),
        Layout::Directories if parts.iter().any(|part| part.starts_with('.') || OWN.contains(&part.as_str())) => None,
        Layout::Directories => Some(parts.join("/")),
    }
}

/// Encodes in modified UTF-7, except the characters by which the host encodes non-text bytes: those are bytes on disk.
fn spell(part: &str) -> String {
    let is_byte = |c: char| c >= '\u{10ff80}';
    let mut spelled = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(c) = rest.chars().next() {
        let end = rest.find(|other| is_byte(other) != is_byte(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        spelled.push_str(&if is_byte(c) { run.to_owned() } else { utf7::encode(run) });
        rest = after;
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_that_can_be_made_comes_back() {
        for (dir_name, folder, layout) in [
            (".Archive.2026", "Archive/2026", Layout::Dots),
            (".Entw&APw-rfe", "Entwürfe", Layout::Dots),
            (".Entw\u{10fffc}rfe", "Entw\u{10fffc}rfe", Layout::Dots),
            ("Archive/2026", "Archive/2026", Layout::Directories),
            ("A.B", "A.B", Layout::Directories),
        ] {
            assert_eq!(path(dir_name), folder);
            assert_eq!(dir(folder, layout).as_deref(), Some(dir_name));
        }
        for wrong in ["", "..", "../x", "/etc", "a//b", "a/", "a/../b", "a/./b"] {
            assert_eq!((dir(wrong, Layout::Dots), dir(wrong, Layout::Directories)), (None, None), "{wrong}");
        }
        assert_eq!(dir("a.b", Layout::Dots), None);
        assert_eq!(dir("a/cur", Layout::Directories), None);
    }
}
