//! Texts with `{mailbox}` in them. A mailbox name comes from outside, so it is checked before it becomes a part of an
//! identity or of a path.

use std::path::{Path, PathBuf};

use crate::granted::token::failure::TokenError;

const MAILBOX: &str = "{mailbox}";
/// The longest name of a mailbox: that of a file is 255 bytes.
const LONGEST: usize = 240;

/// A text in which `{mailbox}` stands for the mailbox.
#[derive(Debug, Clone)]
pub(crate) struct Template(String);

impl Template {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn names_mailbox(&self) -> bool {
        self.0.contains(MAILBOX)
    }

    /// Returns the text for a mailbox. Calls for the whole store have none.
    pub(crate) fn of(&self, mailbox: Option<&str>) -> Result<String, TokenError> {
        if !self.names_mailbox() {
            return Ok(self.0.clone());
        }
        Ok(self.0.replace(MAILBOX, name(mailbox)?))
    }
}

/// A path in whose file name `{mailbox}` stands for the mailbox.
#[derive(Debug, Clone)]
pub(crate) struct FileTemplate {
    folder: PathBuf,
    name: String,
}

impl FileTemplate {
    /// Returns `None` if the file name does not name the mailbox, or if the folder does.
    pub(crate) fn new(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_owned();
        let folder = path.parent()?.to_owned();
        let is_right = name.contains(MAILBOX) && !folder.to_string_lossy().contains(MAILBOX);
        is_right.then_some(Self { folder, name })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the file of a mailbox, which is in the folder itself, whatever the mailbox is called.
    pub(crate) fn of(&self, mailbox: Option<&str>) -> Result<PathBuf, TokenError> {
        let mailbox = name(mailbox)?;
        if mailbox.starts_with('.') || mailbox.contains(['/', '\\', ':']) {
            let why = "a mailbox whose name begins with a dot, or holds a slash, backslash or colon, has no token file";
            return Err(TokenError::Denied(why.to_owned()));
        }
        Ok(self.folder.join(self.name.replace(MAILBOX, mailbox)))
    }
}

fn name(mailbox: Option<&str>) -> Result<&str, TokenError> {
    let Some(mailbox) = mailbox else {
        let why = "its credential is that of one mailbox (`{mailbox}`), and this call is for the whole store; \
                   give this endpoint a fixed user or subject, or list the mailboxes in the configuration";
        return Err(TokenError::Denied(why.to_owned()));
    };
    if mailbox.is_empty() || mailbox.len() > LONGEST || mailbox.chars().any(char::is_control) {
        return Err(TokenError::Denied("the mailbox name is empty, too long, or holds a control character".to_owned()));
    }
    Ok(mailbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_stands_for_itself_and_nothing_else() {
        let template = Template::new("{mailbox}*admin");
        assert_eq!(template.of(Some("ann@x")).unwrap(), "ann@x*admin");
        assert!(template.of(None).unwrap_err().to_string().contains("whole store"));
        assert_eq!(Template::new("admin").of(None).unwrap(), "admin");
        for wrong in ["", "a\0b", "a\r\nb", &"x".repeat(241)] {
            assert!(template.of(Some(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn no_mailbox_leaves_the_folder_of_tokens() {
        let files = FileTemplate::new(Path::new("/tokens/{mailbox}.token")).unwrap();
        assert_eq!(files.of(Some("ann@x")).unwrap(), Path::new("/tokens/ann@x.token"));
        let dots = files.of(Some("a..b@x")).unwrap();
        assert_eq!(dots.parent(), Some(Path::new("/tokens")));
        for wrong in ["..", ".", "../x", "a/b", "/etc/passwd", "a\\b", "C:x", ".hidden", "a\0", "{mailbox}/../x", ""] {
            assert!(files.of(Some(wrong)).is_err(), "{wrong:?}");
        }
        assert!(files.of(None).is_err());
        assert!(FileTemplate::new(Path::new("/tokens/one")).is_none(), "one token for all is another kind");
        assert!(FileTemplate::new(Path::new("/tokens/{mailbox}/token")).is_none());
        assert!(FileTemplate::new(Path::new("/tokens/{mailbox}/{mailbox}")).is_none());
    }
}
