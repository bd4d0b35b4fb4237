//! Access to the mailboxes of a server: as a mail client, and as a store of the product's configuration.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::dovecot::{ADMIN, ADMIN_PASSWORD, Dovecot, user};
use super::imap_client::Session;

/// The account that logs in for a mailbox.
#[derive(Clone, Debug)]
pub enum Login {
    /// One account for all, by SASL PLAIN with an authorization identity.
    ActingFor {
        /// The account.
        user: String,
        /// Its password.
        password: String,
    },
    /// Each mailbox logs in for itself; all have this password.
    Own {
        /// The password.
        password: String,
    },
}

/// The mailboxes of a server.
#[derive(Clone, Debug)]
pub struct Access {
    /// The address without TLS.
    pub address: SocketAddr,
    /// The account that logs in.
    pub login: Login,
    /// The mailboxes.
    pub mailboxes: Vec<String>,
    /// Where the product connects with TLS, and the authority that signed the server's certificate; `None`: at
    /// `address`, without TLS.
    pub tls: Option<(SocketAddr, PathBuf)>,
    /// Further lines of the store's configuration.
    pub extra: String,
}

impl Access {
    /// Access without TLS.
    pub fn new(address: SocketAddr, login: Login, mailboxes: Vec<String>) -> Self {
        Self { address, login, mailboxes, tls: None, extra: String::new() }
    }

    /// A session of a mail client, logged in for `mailbox`.
    pub fn session(&self, mailbox: &str) -> Session {
        let (user, password) = match &self.login {
            Login::ActingFor { user, password } => (user.as_str(), password),
            Login::Own { password } => (mailbox, password),
        };
        Session::plain(self.address, mailbox, user, password)
    }

    /// A session of an account without an authorization identity.
    pub fn session_as(&self, user: &str) -> Session {
        let (Login::ActingFor { password, .. } | Login::Own { password }) = &self.login;
        Session::plain(self.address, "", user, password)
    }

    /// The store in the product's configuration (TOML); password files are written to `folder`.
    pub fn store(&self, folder: &Path) -> String {
        let secret = |text: &str| {
            let path = folder.join("imap.password");
            fs::write(&path, text).expect("the folder is the test's own");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is the test's own");
            path.display().to_string()
        };
        let auth = match &self.login {
            Login::ActingFor { user, password } => {
                format!("{{ kind = \"plain\", user = {user:?}, password-file = {:?} }}", secret(password))
            }
            Login::Own { password } => {
                let lines: String =
                    self.mailboxes.iter().flat_map(|name| [name.as_str(), ":", password.as_str(), "\n"]).collect();
                format!("{{ kind = \"per-mailbox\", password-file = {:?} }}", secret(&lines))
            }
        };
        let server = match &self.tls {
            None => format!("{{ host = \"127.0.0.1\", port = {}, tls = \"none\" }}", self.address.port()),
            Some((address, authority)) => {
                format!("{{ host = \"127.0.0.1\", port = {}, ca-file = \"{}\" }}", address.port(), authority.display())
            }
        };
        let mailboxes = &self.mailboxes;
        let extra = &self.extra;
        format!("connector = \"imap\"\nserver = {server}\nauth = {auth}\nmailboxes = {mailboxes:?}\n{extra}")
    }
}

impl Dovecot {
    /// Access to its mailboxes, without TLS.
    pub fn access(&self) -> Access {
        let login = Login::ActingFor { user: ADMIN.to_owned(), password: ADMIN_PASSWORD.to_owned() };
        Access::new(self.plain(), login, (1..=self.users()).map(user).collect())
    }
}
