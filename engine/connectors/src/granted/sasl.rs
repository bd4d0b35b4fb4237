//! The identity of a login.
//!
//! A mailbox name comes from outside (a file, a plan, an API call), so it is checked before it is put between
//! separators: with a NUL or the master separator it would be another identity.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::granted::secret::{Secret, SecretError, SecretSource, read_private};
use crate::granted::token::failure::TokenError;
use crate::granted::token::source::{Credential, Tokens};

/// The settings of a login without the credential itself, which is read when it is used.
#[derive(Debug)]
pub(crate) enum Auth {
    Plain {
        user: String,
        password: SecretSource,
    },
    MasterUser {
        user: String,
        separator: String,
        password: SecretSource,
    },
    PerMailbox(PasswordFile),
    Xoauth2 {
        user: String,
        tokens: Tokens,
    },
    /// The client certificate of the connection proves the identity.
    External,
}

/// The data that is sent to a server to log in for one mailbox.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// `act_as` is empty if the user is the mailbox.
    Plain {
        act_as: String,
        user: String,
        password: Secret,
    },
    /// A bearer token.
    Token {
        user: String,
        token: Credential,
    },
    External {
        act_as: String,
    },
}

/// Why a mailbox has no identity.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("the mailbox name holds a control character, or the separator of the master user")]
    MailboxName,
    #[error("the password file has no line for this mailbox")]
    NoPassword,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Auth {
    /// Returns the source of its tokens, if it logs in by token.
    pub(crate) fn tokens(&self) -> Option<&Tokens> {
        match self {
            Self::Xoauth2 { tokens, .. } => Some(tokens),
            _ => None,
        }
    }

    /// Returns the identity for a mailbox.
    pub(crate) async fn identity(&self, mailbox: &str) -> Result<Identity, IdentityError> {
        if mailbox.is_empty() || mailbox.chars().any(char::is_control) {
            return Err(IdentityError::MailboxName);
        }
        match self {
            Self::Plain { user, password } => {
                Ok(Identity::Plain { act_as: mailbox.to_owned(), user: user.clone(), password: password.read()? })
            }
            Self::MasterUser { user, separator, password } => {
                if mailbox.contains(separator.as_str()) {
                    return Err(IdentityError::MailboxName);
                }
                let user = format!("{mailbox}{separator}{user}");
                Ok(Identity::Plain { act_as: String::new(), user, password: password.read()? })
            }
            Self::PerMailbox(file) => {
                let password = file.password(mailbox)?.ok_or(IdentityError::NoPassword)?;
                Ok(Identity::Plain { act_as: String::new(), user: mailbox.to_owned(), password })
            }
            Self::Xoauth2 { user, tokens } => {
                let token = tokens.credential(Some(mailbox)).await?;
                Ok(Identity::Token { user: user.replace("{mailbox}", mailbox), token })
            }
            Self::External => Ok(Identity::External { act_as: mailbox.to_owned() }),
        }
    }

    /// Returns another identity after the server refused this one, if there is another: with a new token.
    pub(crate) async fn renewed(&self, mailbox: &str, refused: &Identity) -> Result<Option<Identity>, IdentityError> {
        match (self, refused) {
            (Self::Xoauth2 { tokens, .. }, Identity::Token { token, .. }) if tokens.is_issued() => {
                if tokens.refuse(Some(mailbox), token, None).await {
                    return self.identity(mailbox).await.map(Some);
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Records that the server refused the renewed identity, too.
    pub(crate) async fn give_up(&self, mailbox: &str, refused: &Identity) {
        if let (Self::Xoauth2 { tokens, .. }, Identity::Token { token, .. }) = (self, refused) {
            tokens.give_up(Some(mailbox), token, None).await;
        }
    }
}

/// The lines of `mailbox:password`, which are read again when the file has changed.
#[derive(Debug)]
pub(crate) struct PasswordFile {
    path: PathBuf,
    known: Mutex<Option<(SystemTime, Arc<Passwords>)>>,
}

type Passwords = HashMap<String, Secret>;

impl PasswordFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, known: Mutex::default() }
    }

    pub(crate) fn password(&self, mailbox: &str) -> Result<Option<Secret>, SecretError> {
        Ok(self.passwords()?.get(mailbox).cloned())
    }

    fn passwords(&self) -> Result<Arc<Passwords>, SecretError> {
        let changed = std::fs::metadata(&self.path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, passwords)) = &*known
            && *at == changed
        {
            return Ok(Arc::clone(passwords));
        }
        let text = read_private(&self.path)?;
        let lines = text.expose().lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once(':'));
        let passwords: Passwords =
            pairs.map(|(mailbox, password)| (mailbox.trim().to_owned(), Secret::new(password))).collect();
        let passwords = Arc::new(passwords);
        *known = Some((changed, Arc::clone(&passwords)));
        Ok(passwords)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> SecretSource {
        SecretSource::Variable("PATH".into())
    }

    #[tokio::test]
    async fn a_mailbox_name_cannot_become_another_identity() {
        let plain = Auth::Plain { user: "admin".into(), password: secret() };
        for wrong in ["", "victim\0admin", "a\r\nb"] {
            assert!(matches!(plain.identity(wrong).await, Err(IdentityError::MailboxName)), "{wrong:?}");
        }
        let master = Auth::MasterUser { user: "admin".into(), separator: "*".into(), password: secret() };
        assert!(matches!(master.identity("victim*root").await, Err(IdentityError::MailboxName)));
        assert!(matches!(master.identity("victim").await, Ok(Identity::Plain { user, .. }) if user == "victim*admin"));
    }

    #[test]
    fn debug_shows_no_password() {
        let plain = Identity::Plain { act_as: "u1".into(), user: "admin".into(), password: Secret::new("pw") };
        assert!(!format!("{plain:?}").contains("pw"));
    }

    #[test]
    fn a_password_may_hold_colons() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passwords");
        std::fs::write(&path, "# ours\nu1@example.test:a:b\n").unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let file = PasswordFile::new(path);
        assert_eq!(file.password("u1@example.test").unwrap(), Some(Secret::new("a:b")));
        assert_eq!(file.password("u2@example.test").unwrap(), None);
    }
}
