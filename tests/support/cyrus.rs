//! A throw-away Cyrus IMAP: another access control, another search, answers in strict order, and either namespace:
//! folders on the level of the inbox (Cyrus' default since 3.0), or all below `INBOX.`. It also serves JMAP, if a test
//! asks for it.
//!
//! Its packages conflict with Dovecot's, so `cargo xtask test` unpacks them, and it runs from there.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use data_encoding::BASE64URL_NOPAD;
use tempfile::TempDir;

use super::access::{Access, Login};
use super::imap_client::encoded;
use super::owner::Owner;
use super::servers::unpacked;
use super::supervised::{Manner, Supervised, free_port};

/// The administrator, who may act as any user.
const ADMIN: &str = "admin";
/// The administrator's password.
const ADMIN_PASSWORD: &str = "secret-of-the-admin";
/// The folders with a role in each mailbox.
const ROLES: [&str; 4] = ["Archive", "Junk", "Sent", "Trash"];

/// Where folders are, relative to the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// `Archive`, with `/`.
    Beside,
    /// `INBOX.Archive`, with `.`.
    Beneath,
}

/// A running server.
#[derive(Debug)]
pub struct Cyrus {
    _process: Supervised,
    address: SocketAddr,
    /// Where JMAP is served.
    http: Option<SocketAddr>,
    users: usize,
    folder: TempDir,
}

impl Cyrus {
    /// Starts a server with mailboxes `u0001` and so on, and waits until it greets. Panics with a sentence if it
    /// cannot.
    pub fn start(users: usize, namespace: Namespace) -> Self {
        Self::begin(users, namespace, false)
    }

    /// The same with JMAP: each user with a token of [`Self::token_key`], and the administrator with a password and all
    /// rights on each mailbox.
    pub fn with_jmap(users: usize) -> Self {
        Self::begin(users, Namespace::Beside, true)
    }

    fn begin(users: usize, namespace: Namespace, has_jmap: bool) -> Self {
        let server = Self::try_start(users, namespace, has_jmap);
        let server = server.unwrap_or_else(|error| panic!("Cyrus did not start: {error}"));
        server.make_mailboxes(namespace);
        server
    }

    fn try_start(users: usize, namespace: Namespace, has_jmap: bool) -> io::Result<Self> {
        let root = unpacked("cyrus")?;
        let owner = Owner::of_servers()?;
        let folder = tempfile::Builder::new().prefix("cyrus").tempdir()?;
        let path = folder.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        for part in ["", "conf", "spool", "search", "run", "keys"] {
            fs::create_dir_all(path.join(part))?;
            chown(path.join(part), Some(owner.uid), Some(owner.gid))?;
        }
        let address = free_port()?;
        let http = if has_jmap { Some(free_port()?) } else { None };
        let mut conf = settings(path, &owner, namespace);
        if has_jmap {
            write_keys(path)?;
            conf.push_str(&settings_of_jmap(path));
        }
        fs::write(path.join("imapd.conf"), conf)?;
        fs::write(path.join("cyrus.conf"), services(path, &root, address, http))?;
        password(&root, path, &owner)?;
        let master = root.join("usr/lib/cyrus/bin/master");
        let words: Vec<String> = environment(&root)
            .into_iter()
            .chain([("CYRUS_USER", owner.user.clone())])
            .map(|(name, value)| format!("{name}={value}"))
            .chain([master.display().to_string()])
            .chain(["-C".to_owned(), path.join("imapd.conf").display().to_string()])
            .chain(["-M".to_owned(), path.join("cyrus.conf").display().to_string()])
            .chain(["-p".to_owned(), path.join("run/master.pid").display().to_string()])
            .collect();
        let mut process = Supervised::start(path, Manner::Soft, ["env".to_owned()].iter().chain(&words))?;
        process.wait_for(address, "Cyrus IMAP", &path.join("log")).map_err(io::Error::other)?;
        Ok(Self { _process: process, address, http, users, folder })
    }

    /// Where JMAP is served, without TLS.
    ///
    /// # Panics
    /// If it is not.
    pub fn http(&self) -> SocketAddr {
        self.http.expect("the server was started with JMAP")
    }

    /// The private key of tokens for each user, a PEM file.
    pub fn token_key(&self) -> PathBuf {
        self.folder.path().join("token.key")
    }

    /// A token of this user (RFC 7515), valid for some minutes.
    ///
    /// # Panics
    /// If openssl does not sign it.
    pub fn token(&self, user: &str) -> String {
        let seconds = super::gmail::now() / 1_000;
        let encode = |text: String| BASE64URL_NOPAD.encode(text.as_bytes());
        let head = encode(r#"{"alg":"RS256","typ":"JWT"}"#.to_owned());
        let signed = format!("{head}.{}", encode(format!(r#"{{"sub":"{user}","iat":{seconds}}}"#)));
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-sha256", "-sign"]).arg(self.token_key());
        let mut child = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("openssl starts");
        child.stdin.take().expect("piped").write_all(signed.as_bytes()).expect("it reads");
        let signature = child.wait_with_output().expect("openssl ends").stdout;
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
    }

    /// The name and the password of the administrator.
    pub fn admin(&self) -> (&'static str, &'static str) {
        (ADMIN, ADMIN_PASSWORD)
    }

    /// Access to its mailboxes.
    pub fn access(&self) -> Access {
        let login = Login::ActingFor { user: ADMIN.to_owned(), password: ADMIN_PASSWORD.to_owned() };
        Access::new(self.address, login, (1..=self.users).map(|number| format!("u{number:04}")).collect())
    }

    /// The folder of the instance.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Removes rights on a folder of a mailbox from all users, its owner included: `rights` remain.
    pub fn leave_rights(&self, mailbox: &str, folder: &str, rights: &str) {
        let inner = if folder == "INBOX" { String::new() } else { format!("/{}", encoded(folder)) };
        let name = format!("user/{mailbox}{inner}");
        let mut session = self.access().session_as(ADMIN);
        session.ok(&format!("SETACL \"{name}\" {mailbox} {rights}"));
    }

    fn make_mailboxes(&self, namespace: Namespace) {
        let separator = if namespace == Namespace::Beside { '/' } else { '.' };
        let access = self.access();
        let mut session = access.session_as(ADMIN);
        for mailbox in &access.mailboxes {
            session.ok(&format!("CREATE user{separator}{mailbox}"));
            for role in ROLES {
                session.ok(&format!("CREATE user{separator}{mailbox}{separator}{role} (USE (\\{role}))"));
            }
            if self.http.is_some() {
                let (folders, rights) = (["", "Archive", "Junk", "Sent", "Trash"], "lrswipkxtecdan");
                for folder in folders {
                    let inner = if folder.is_empty() { String::new() } else { format!("{separator}{folder}") };
                    session.ok(&format!("SETACL user{separator}{mailbox}{inner} {ADMIN} {rights}"));
                }
            }
        }
    }
}

fn environment(root: &Path) -> Vec<(&'static str, String)> {
    let libraries = format!("{0}/usr/lib/x86_64-linux-gnu:{0}/lib/x86_64-linux-gnu", root.display());
    vec![("LD_LIBRARY_PATH", libraries), ("SASL_PATH", format!("{}/usr/lib/x86_64-linux-gnu/sasl2", root.display()))]
}

fn settings(folder: &Path, owner: &Owner, namespace: Namespace) -> String {
    let (folder, user) = (folder.display(), &owner.user);
    let beside = namespace == Namespace::Beside;
    let yes = |is: bool| if is { "yes" } else { "no" };
    let mut text = String::new();
    for (name, value) in [
        ("configdirectory", format!("{folder}/conf")),
        ("proc_path", format!("{folder}/run/proc")),
        ("mboxname_lockpath", format!("{folder}/run/lock")),
        ("defaultpartition", "default".to_owned()),
        ("partition-default", format!("{folder}/spool")),
        ("cyrus_user", user.clone()),
        ("admins", ADMIN.to_owned()),
        ("proxyservers", ADMIN.to_owned()),
        ("altnamespace", yes(beside).to_owned()),
        ("unixhierarchysep", yes(beside).to_owned()),
        ("virtdomains", "off".to_owned()),
        ("allowplaintext", "yes".to_owned()),
        ("sasl_mech_list", "PLAIN".to_owned()),
        ("sasl_pwcheck_method", "auxprop".to_owned()),
        ("sasl_auxprop_plugin", "sasldb".to_owned()),
        ("sasl_sasldb_path", format!("{folder}/sasldb2")),
        ("servername", "localhost".to_owned()),
        ("expunge_mode", "delayed".to_owned()),
        // Nothing of a test needs to survive a crash of the machine.
        ("skiplist_unsafe", "yes".to_owned()),
        ("specialusealways", "yes".to_owned()),
        ("syslog_prefix", "cyrus-test".to_owned()),
    ] {
        let _ = writeln!(text, "{name}: {value}");
    }
    text
}

/// Writes the private key of tokens, which only this user can read, and its public key.
fn write_keys(folder: &Path) -> io::Result<()> {
    for words in ["genrsa -out token.key 2048", "rsa -in token.key -pubout -out keys/token.pem"] {
        let output = Command::new("openssl").args(words.split(' ')).current_dir(folder).output()?;
        if !output.status.success() {
            return Err(io::Error::other(format!("openssl {words}: {}", String::from_utf8_lossy(&output.stderr))));
        }
    }
    fs::set_permissions(folder.join("token.key"), fs::Permissions::from_mode(0o600))
}

/// The settings of JMAP. It needs the folders of a search engine, which no test lets index anything.
fn settings_of_jmap(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "httpmodules: jmap\nhttp_jwt_key_dir: {folder}/keys\nconversations: yes\nconversations_db: twoskip\n\
         search_engine: xapian\ndefaultsearchtier: t1\nt1searchpartition-default: {folder}/search\n"
    )
}

fn services(folder: &Path, root: &Path, address: SocketAddr, http: Option<SocketAddr>) -> String {
    let bin: PathBuf = root.join("usr/lib/cyrus/bin");
    let (bin, folder) = (bin.display(), folder.display());
    let service = |name: &str, program: &str, address: SocketAddr| {
        format!("  {name} cmd=\"{bin}/{program} -C {folder}/imapd.conf\" listen=\"{address}\" prefork=1\n")
    };
    let http = http.map_or_else(String::new, |address| service("http", "httpd", address));
    format!(
        "START {{\n  recover cmd=\"{bin}/ctl_cyrusdb -C {folder}/imapd.conf -r\"\n}}\nSERVICES {{\n{}{http}}}\n\
         EVENTS {{\n}}\n",
        service("imap", "imapd", address)
    )
}

/// Writes the administrator's password where SASL reads it.
fn password(root: &Path, folder: &Path, owner: &Owner) -> io::Result<()> {
    let file = folder.join("sasldb2");
    let mut command = Command::new(root.join("usr/sbin/saslpasswd2"));
    command.envs(environment(root)).args(["-p", "-c", "-u", "localhost", "-f"]).arg(&file).arg(ADMIN);
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    child.stdin.take().expect("piped").write_all(format!("{ADMIN_PASSWORD}\n").as_bytes())?;
    if !child.wait()?.success() {
        return Err(io::Error::other("saslpasswd2 failed"));
    }
    chown(file, Some(owner.uid), Some(owner.gid))
}
