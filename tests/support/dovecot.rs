//! A throw-away Dovecot: the real IMAP server for the connector tests, crash tests and benches.
//!
//! The whole instance is in one temporary folder and listens on loopback only. Dovecot never serves mail as root, so a
//! test that runs as root drops to `nobody` by `setpriv`. The server stops when the value is dropped, and also when the
//! process that holds it dies: a small shell waits at the other end of a pipe, so a killed test leaves no server
//! behind. Without Dovecot there is an error that names the package; nothing is skipped.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use tempfile::TempDir;

use super::openssl;
pub use super::owner::Owner;
use super::supervised::{Manner, Supervised, free_port};

// With an explicit path, since the development commands compile this file by its path.
#[path = "dovecot/configuration.rs"]
mod configuration;

/// The domain of every mailbox.
pub const DOMAIN: &str = "acme.test";
/// The password of every user.
pub const PASSWORD: &str = "secret-of-a-user";
/// The administrator, who may act as any user: SASL PLAIN with an authorization identity, or `user*admin` by LOGIN.
pub const ADMIN: &str = "admin";
/// The administrator's password.
pub const ADMIN_PASSWORD: &str = "secret-of-the-admin";
/// The password of the API, for the user `doveadm`.
pub const API_PASSWORD: &str = "secret-of-the-api";
/// How often other programs may take the ports between our choice and the server's bind.
const PORT_ATTEMPTS: usize = 5;

/// The format of mailboxes on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One file per message, Maildir++ folders: what `maildirs` writes.
    #[default]
    Maildir,
    /// Dovecot's own, one file per message.
    Sdbox,
    /// Dovecot's own, many messages per file.
    Mdbox,
}

/// The folders of a mailbox before any mail arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folders {
    /// Drafts, Sent, Trash, Junk and Archive, each with its role, as an installation makes them.
    #[default]
    Installed,
    /// The same roles, for those that exist on disk.
    Existing,
}

/// The limits of logins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logins {
    /// One process for all logins and thousands of sessions, so that tests do not wait for processes.
    #[default]
    Tuned,
    /// As in Debian's package: a process for each login and each TLS connection, at most 100 of them.
    Stock,
}

/// A plugin that changes what clients see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plugin {
    /// Access control by these lines of a global file: folder pattern, identifier, rights.
    Rights(Vec<String>),
    /// A namespace `Virtual/` with two folders, `All` and `Unread`, which show messages of other folders again.
    Virtual,
    /// Expunged messages are moved into this folder.
    LazyExpunge(&'static str),
}

/// The settings of a server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The number of users: `u0001@acme.test` and so on.
    pub users: usize,
    /// The format of mailboxes on disk.
    pub format: Format,
    /// The folders of a mailbox before any mail arrives.
    pub folders: Folders,
    /// Capabilities to leave out, for example `MOVE`, `UIDPLUS`, `SPECIAL-USE`, `ESEARCH`. Without `SPECIAL-USE` the
    /// folders lose their roles too.
    pub without: Vec<&'static str>,
    /// Keep every byte that clients send, for [`Dovecot::commands`].
    pub record_commands: bool,
    /// Folder in which the instance is made, in place of the system's temporary folder. Must be short, because of
    /// socket paths.
    pub under: Option<PathBuf>,
    /// Existing mailboxes (`MAIL/acme.test/u0001/Maildir`), in place of an empty folder inside the instance. They must
    /// belong to [`Owner::of_servers`].
    pub mail: Option<PathBuf>,
    /// Prefix of the personal namespace, for example `INBOX.`; its separator then is a dot.
    pub prefix: Option<&'static str>,
    /// The limits of logins.
    pub logins: Logins,
    /// Plugins that change what clients see.
    pub plugins: Vec<Plugin>,
    /// Offer `doveadm` over HTTP, at [`Dovecot::api`].
    pub has_api: bool,
    /// Further lines of the configuration.
    pub extra: String,
}

/// The mailbox name of user `number`, from 1.
pub fn user(number: usize) -> String {
    format!("u{number:04}@{DOMAIN}")
}

/// A running server.
#[derive(Debug)]
pub struct Dovecot {
    process: Supervised,
    plain: SocketAddr,
    imaps: SocketAddr,
    api: SocketAddr,
    owner: Owner,
    mail: PathBuf,
    format: Format,
    users: usize,
    // Folders that were made read-only, and are made writable again.
    read_only: Mutex<Vec<PathBuf>>,
    folder: TempDir,
}

impl Dovecot {
    /// Starts a server and waits until it greets. Panics with a sentence if it cannot.
    pub fn start(options: &Options) -> Self {
        match Self::try_start(options) {
            Ok(server) => server,
            Err(error) => panic!("{error}"),
        }
    }

    /// Starts a server and waits until it greets.
    pub fn try_start(options: &Options) -> io::Result<Self> {
        let dovecot = program("dovecot")?;
        let owner = Owner::of_servers()?;
        let folder = match &options.under {
            Some(parent) => tempfile::Builder::new().prefix("dovecot").tempdir_in(parent)?,
            None => tempfile::Builder::new().prefix("dovecot").tempdir()?,
        };
        let path = folder.path();
        openssl::write_certificates(path)?;
        write_users(path, options, &owner)?;
        configuration::write_plugins(path, options, &owner)?;
        let mail = options.mail.clone().unwrap_or_else(|| path.join("mail"));
        fs::create_dir_all(&mail)?;
        for name in ["", "mail", "run", "state", "raw"] {
            fs::create_dir_all(path.join(name))?;
            chown(path.join(name), Some(owner.uid), Some(owner.gid))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;

        let mut refused = String::new();
        for _ in 0..PORT_ATTEMPTS {
            let (plain, imaps, api) = (free_port()?, free_port()?, free_port()?);
            let greeting = format!("{} at {}", path.display(), plain.port());
            fs::write(
                path.join("dovecot.conf"),
                configuration::text(path, &mail, options, &owner, [plain, imaps, api], &greeting),
            )?;
            fs::write(path.join("log"), "")?;
            chown(path.join("log"), Some(owner.uid), Some(owner.gid))?;
            let configuration = path.join("dovecot.conf");
            let words = [dovecot.as_os_str(), "-F".as_ref(), "-c".as_ref(), configuration.as_os_str()];
            let prefix = owner.prefix()?;
            let words = prefix.iter().map(AsRef::as_ref).chain(words);
            let mut process = Supervised::start(path, Manner::Soft, words)?;
            match process.wait_for(plain, &greeting, &path.join("log")) {
                Ok(()) => {
                    return Ok(Self {
                        process,
                        plain,
                        imaps,
                        api,
                        owner,
                        mail,
                        format: options.format,
                        users: options.users,
                        read_only: Mutex::default(),
                        folder,
                    });
                }
                Err(reason) => {
                    if !reason.contains("Address already in use") {
                        return Err(io::Error::other(format!("Dovecot did not start: {reason}")));
                    }
                    refused = reason;
                }
            }
        }
        Err(io::Error::other(format!("Dovecot found no free port in {PORT_ATTEMPTS} attempts: {refused}")))
    }

    /// The address without TLS and for STARTTLS.
    pub fn plain(&self) -> SocketAddr {
        self.plain
    }

    /// The address for TLS from the first byte.
    pub fn imaps(&self) -> SocketAddr {
        self.imaps
    }

    /// The address of the API. Needs [`Options::has_api`].
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// The number of its users.
    pub fn users(&self) -> usize {
        self.users
    }

    /// The authority that signed the server's certificate (PEM). The certificate is for `localhost` and 127.0.0.1.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The folder of the instance.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder that holds `acme.test/u0001/...`.
    pub fn mail(&self) -> &Path {
        &self.mail
    }

    /// The Maildir of a user. Only for [`Format::Maildir`].
    pub fn maildir(&self, user: &str) -> PathBuf {
        assert_eq!(self.format, Format::Maildir, "only a server of Maildirs has a Maildir");
        let (name, domain) = user.split_once('@').expect("a user is name@domain");
        self.mail.join(domain).join(name).join("Maildir")
    }

    /// The folder of one mailbox folder of a user, for example `Archive/2026`. Only for [`Format::Maildir`].
    pub fn maildir_folder(&self, user: &str, name: &str) -> PathBuf {
        let inbox = self.maildir(user);
        if name.eq_ignore_ascii_case("inbox") { inbox } else { inbox.join(format!(".{}", name.replace('/', "."))) }
    }

    /// Runs `doveadm` on this instance and returns its standard output. Panics with its error output if it fails.
    pub fn doveadm(&self, arguments: &[&str]) -> String {
        let output = self.doveadm_command(arguments).output().expect("doveadm is installed with dovecot");
        assert!(output.status.success(), "doveadm {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A `doveadm` command on this instance, not yet started.
    pub fn doveadm_command(&self, arguments: &[&str]) -> Command {
        let mut command = as_owner(&self.owner, "doveadm");
        command.arg("-c").arg(self.folder.path().join("dovecot.conf")).args(arguments);
        command
    }

    /// Puts a message into a folder, which is created if missing, with IMAP flags such as `\Seen`.
    pub fn deliver(&self, user: &str, folder: &str, raw: &[u8], flags: &[&str]) {
        let file = tempfile::NamedTempFile::new_in(self.folder.path()).expect("the instance's folder is ours");
        fs::write(file.path(), raw).expect("the instance's folder is ours");
        chown(file.path(), Some(self.owner.uid), Some(self.owner.gid)).expect("the file is ours");
        if !folder.eq_ignore_ascii_case("inbox") {
            // Fails if the folder exists, which is fine.
            let _ = self.doveadm_command(&["mailbox", "create", "-u", user, "-s", folder]).output();
        }
        let file = file.path().to_str().expect("temporary names are ASCII");
        self.doveadm(&["save", "-u", user, "-m", folder, file]);
        if !flags.is_empty() {
            let newest = self.doveadm(&["fetch", "-u", user, "uid", "mailbox", folder, "*"]);
            let uid = newest.trim().trim_start_matches("uid:").trim().to_owned();
            self.doveadm(&["flags", "add", "-u", user, &flags.join(" "), "mailbox", folder, "uid", &uid]);
        }
    }

    /// Makes a folder read-only in the file system: Dovecot then selects it `[READ-ONLY]`.
    pub fn make_read_only(&self, user: &str, folder: &str) {
        let path = self.maildir_folder(user, folder);
        for part in ["cur", "new", "tmp", ""] {
            fs::set_permissions(path.join(part), fs::Permissions::from_mode(0o555)).expect("the folder exists");
        }
        self.read_only.lock().expect("no holder panics").push(path);
    }

    /// An access token for XOAUTH2 and OAUTHBEARER as `user`, which the server accepts until `expires` (seconds since
    /// 1970).
    pub fn access_token(&self, user: &str, expires: u64) -> String {
        openssl::token(self.folder.path(), user, expires).expect("openssl is installed with dovecot")
    }

    /// Every line that clients have sent after login, over all sessions. Needs [`Options::record_commands`].
    pub fn commands(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in fs::read_dir(self.folder.path().join("raw")).expect("the instance's folder is ours").flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "in") {
                let text = fs::read(entry.path()).unwrap_or_default();
                // Each line begins with the time of its arrival.
                lines.extend(String::from_utf8_lossy(&text).lines().map(|line| match line.split_once(' ') {
                    Some((time, rest)) if time.parse::<f64>().is_ok() => rest.to_owned(),
                    _ => line.to_owned(),
                }));
            }
        }
        lines
    }

    /// Ends the server as the death of this process would, and waits for it. For the fixture's own test.
    pub fn lose(&mut self) {
        self.process.lose();
    }

    /// The server's log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // Otherwise only root could remove them.
        for path in self.read_only.lock().expect("no holder panics").drain(..) {
            for part in ["", "cur", "new", "tmp"] {
                let _ = fs::set_permissions(path.join(part), fs::Permissions::from_mode(0o755));
            }
        }
    }
}

/// Dovecot's own version, for tables.
pub fn version() -> io::Result<String> {
    let output = Command::new(program("dovecot")?).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A program's path; the folders of servers are not in every user's PATH.
fn program(name: &str) -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin", "/usr/bin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        let text =
            format!("{name} is not installed: `apt-get install dovecot-imapd`, or `cargo xtask test`, which does so");
        io::Error::new(io::ErrorKind::NotFound, text)
    })
}

fn as_owner(owner: &Owner, name: &str) -> Command {
    let path = program(name).expect("found when the server started");
    let mut words = owner.prefix().expect("/proc is mounted").into_iter();
    match words.next() {
        None => Command::new(path),
        Some(first) => {
            let mut command = Command::new(first);
            command.args(words).arg(path);
            command
        }
    }
}

fn write_users(folder: &Path, options: &Options, owner: &Owner) -> io::Result<()> {
    let mut users = String::new();
    for number in 1..=options.users {
        let _ = writeln!(users, "{}:{{PLAIN}}{PASSWORD}:{}:{}::::", user(number), owner.uid, owner.gid);
    }
    fs::write(folder.join("users"), users)?;
    fs::write(folder.join("masters"), format!("{ADMIN}:{{PLAIN}}{ADMIN_PASSWORD}\n"))?;

    // Tokens are verified by key: no introspection server.
    openssl::write_token_key(folder)?;
    let text = format!(
        "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={}/keys/\nusername_attribute = sub\n",
        folder.display()
    );
    fs::write(folder.join("oauth2.conf"), text)?;
    for name in ["users", "masters", "oauth2.conf", "server.key"] {
        chown(folder.join(name), Some(owner.uid), Some(owner.gid))?;
    }
    Ok(())
}
