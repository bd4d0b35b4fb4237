//! A throw-away Dovecot: the real IMAP server that connector, crash and bench runs work against.
//!
//! A whole instance lives in one temporary folder and listens on loopback only. Dovecot never serves mail as root, so a test
//! that runs as root drops to `nobody` by `setpriv`. The server stops when the value is dropped, and also when the process
//! that holds it dies: a small shell waits at the other end of a pipe, so even a killed test leaves no server behind.
//! A machine without Dovecot gets an error that names the package; nothing is ever skipped.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

use super::openssl;

/// The domain of every mailbox.
pub const DOMAIN: &str = "acme.test";
/// The password of every user.
pub const PASSWORD: &str = "secret-of-a-user";
/// The administrator who may act as any user: SASL PLAIN with an authorization identity, or `user*admin` by LOGIN.
pub const ADMIN: &str = "admin";
/// The administrator's password.
pub const ADMIN_PASSWORD: &str = "secret-of-the-admin";
/// What the server offers after login, less COMPRESS, which hides the bytes from a proxy.
const CAPABILITIES: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES \
    THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED \
    I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY \
    PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE";
/// Services of every instance: limits for more than a thousand sessions, and no penalty that slows the next test down.
const SERVICES: &str = "service anvil {
  chroot =
  client_limit = 8000
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
  client_limit = 8000
}
";
/// How long the server may take until it greets: it needs 0.1 s on an idle machine.
const START_WITHIN: Duration = Duration::from_secs(30);
/// How often other programs may take the ports between our choice and the server's bind.
const PORT_ATTEMPTS: usize = 5;

/// How mailboxes lie on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One file a message, Maildir++ folders: what `maildirs` writes.
    #[default]
    Maildir,
    /// Dovecot's own, one file a message.
    Sdbox,
    /// Dovecot's own, many messages a file.
    Mdbox,
}

/// Which folders a mailbox has before any mail comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folders {
    /// Drafts, Sent, Trash, Junk and Archive, each with its role, as an installation makes them.
    #[default]
    Installed,
    /// The same roles, for those that exist on disk.
    Existing,
}

/// What to start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How many users: `u0001@acme.test` and so on.
    pub users: usize,
    /// How mailboxes lie on disk.
    pub format: Format,
    /// Which folders a mailbox has before any mail comes.
    pub folders: Folders,
    /// Capabilities to leave out, for example `MOVE`, `UIDPLUS`, `SPECIAL-USE`, `ESEARCH`. Without `SPECIAL-USE` the folders
    /// lose their roles too.
    pub without: Vec<&'static str>,
    /// Keep every byte that clients send, for [`Dovecot::commands`].
    pub record_commands: bool,
    /// Folder in which the instance is made, in place of the system's temporary folder. Socket paths need it short.
    pub under: Option<PathBuf>,
    /// Existing mailboxes (`MAIL/acme.test/u0001/Maildir`), in place of an empty folder inside the instance. They must
    /// belong to [`Owner::of_servers`].
    pub mail: Option<PathBuf>,
    /// Logins as a distribution sets them up: a process for each connection over TLS, a hundred at most, and ten
    /// connections of one user from one address. Without it, limits are out of the way.
    pub stock_logins: bool,
    /// More lines for the configuration.
    pub extra: String,
}

/// The user that servers run as and that must own the mail: this process's own, or `nobody` where this process is root.
#[derive(Clone, Debug)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    user: String,
    group: String,
}

impl Owner {
    /// See [`Owner`].
    pub fn of_servers() -> io::Result<Self> {
        let me = fs::metadata("/proc/self")?;
        let (user, group) =
            if me.uid() == 0 { ("nobody".to_owned(), "nogroup".to_owned()) } else { (id(&["-un"])?, id(&["-gn"])?) };
        let (uid, gid) = if me.uid() == 0 {
            (number(&id(&["-u", &user])?)?, number(&id(&["-g", &user])?)?)
        } else {
            (me.uid(), me.gid())
        };
        Ok(Self { uid, gid, user, group })
    }

    /// The words that start a program as this user; none where this process already is.
    fn prefix(&self) -> io::Result<Vec<String>> {
        if fs::metadata("/proc/self")?.uid() == self.uid {
            return Ok(Vec::new());
        }
        let arguments = ["setpriv", "--reuid", &self.user, "--regid", &self.group, "--clear-groups", "--"];
        Ok(arguments.map(str::to_owned).to_vec())
    }
}

/// The mailbox name of user `number`, from 1.
pub fn user(number: usize) -> String {
    format!("u{number:04}@{DOMAIN}")
}

/// A running server.
#[derive(Debug)]
pub struct Dovecot {
    // Its standard input is the pipe whose end stops the server.
    shell: Child,
    plain: SocketAddr,
    imaps: SocketAddr,
    owner: Owner,
    mail: PathBuf,
    format: Format,
    // Folders made read-only, to be given back.
    read_only: Mutex<Vec<PathBuf>>,
    folder: TempDir,
}

impl Dovecot {
    /// Starts a server and waits until it greets. Panics with a sentence when it cannot.
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
        let mail = options.mail.clone().unwrap_or_else(|| path.join("mail"));
        fs::create_dir_all(&mail)?;
        for name in ["", "mail", "run", "state", "raw"] {
            fs::create_dir_all(path.join(name))?;
            chown(path.join(name), Some(owner.uid), Some(owner.gid))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;

        let mut refused = String::new();
        for _ in 0..PORT_ATTEMPTS {
            let (plain, imaps) = free_ports()?;
            let greeting = format!("{} at {}", path.display(), plain.port());
            fs::write(
                path.join("dovecot.conf"),
                configuration(path, &mail, options, &owner, [plain, imaps], &greeting),
            )?;
            fs::write(path.join("log"), "")?;
            chown(path.join("log"), Some(owner.uid), Some(owner.gid))?;
            let mut shell = supervised(&dovecot, path, &owner)?;
            match wait_for_greeting(&mut shell, plain, &greeting, &path.join("log")) {
                Ok(()) => {
                    return Ok(Self {
                        shell,
                        plain,
                        imaps,
                        owner,
                        mail,
                        format: options.format,
                        read_only: Mutex::default(),
                        folder,
                    });
                }
                Err(reason) => {
                    stop(&mut shell);
                    if !reason.contains("Address already in use") {
                        return Err(io::Error::other(format!("Dovecot did not start: {reason}")));
                    }
                    refused = reason;
                }
            }
        }
        Err(io::Error::other(format!("Dovecot found no free port in {PORT_ATTEMPTS} attempts: {refused}")))
    }

    /// Where it answers in the clear, and by STARTTLS.
    pub fn plain(&self) -> SocketAddr {
        self.plain
    }

    /// Where it answers by TLS from the first byte.
    pub fn imaps(&self) -> SocketAddr {
        self.imaps
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

    /// Runs `doveadm` on this instance and gives its standard output. Panics with its words when it fails.
    pub fn doveadm(&self, arguments: &[&str]) -> String {
        let output = self.doveadm_command(arguments).output().expect("doveadm stands beside dovecot");
        assert!(output.status.success(), "doveadm {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A `doveadm` command on this instance, not yet started.
    pub fn doveadm_command(&self, arguments: &[&str]) -> Command {
        let mut command = as_owner(&self.owner, "doveadm");
        command.arg("-c").arg(self.folder.path().join("dovecot.conf")).args(arguments);
        command
    }

    /// Puts a message into a folder, which is made when missing, with IMAP flags such as `\Seen`.
    pub fn deliver(&self, user: &str, folder: &str, raw: &[u8], flags: &[&str]) {
        let file = tempfile::NamedTempFile::new_in(self.folder.path()).expect("the instance's folder is ours");
        fs::write(file.path(), raw).expect("the instance's folder is ours");
        chown(file.path(), Some(self.owner.uid), Some(self.owner.gid)).expect("the file is ours");
        if !folder.eq_ignore_ascii_case("inbox") {
            // Fails when it exists, and that is what is wanted.
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

    /// Makes a folder read-only, as the file system sees it: Dovecot then selects it `[READ-ONLY]`.
    pub fn make_read_only(&self, user: &str, folder: &str) {
        let path = self.maildir_folder(user, folder);
        for part in ["cur", "new", "tmp", ""] {
            fs::set_permissions(path.join(part), fs::Permissions::from_mode(0o555)).expect("the folder exists");
        }
        self.read_only.lock().expect("no holder panics").push(path);
    }

    /// An access token for XOAUTH2 and OAUTHBEARER as `user`, which the server takes until `expires` (seconds since 1970).
    pub fn access_token(&self, user: &str, expires: u64) -> String {
        openssl::token(self.folder.path(), user, expires).expect("openssl stands beside dovecot")
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
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }

    /// The server's log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        stop(&mut self.shell);
        // Else nobody but root could remove them.
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

/// Starts the server under a shell that stops it when our end of the pipe closes, by a drop or by our death.
fn supervised(dovecot: &Path, folder: &Path, owner: &Owner) -> io::Result<Child> {
    const SCRIPT: &str = r#"
        folder=$1; shift
        "$@" </dev/null >>"$folder/log" 2>&1 &
        server=$!
        read -r order
        kill -TERM $server 2>/dev/null
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            kill -0 $server 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL $server 2>/dev/null
        wait $server
        [ "$order" = keep ] || rm -rf "$folder"
        exit 0"#;
    Command::new("/bin/sh")
        .args(["-c", SCRIPT, "dovecot-supervisor"])
        .arg(folder)
        .args(owner.prefix()?)
        .arg(dovecot)
        .arg("-F")
        .arg("-c")
        .arg(folder.join("dovecot.conf"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// Stops the server and waits for it; the folder is removed by whoever holds it.
fn stop(shell: &mut Child) {
    if let Some(mut pipe) = shell.stdin.take() {
        let _ = io::Write::write_all(&mut pipe, b"keep\n");
    }
    let _ = shell.wait();
}

fn wait_for_greeting(shell: &mut Child, address: SocketAddr, greeting: &str, log: &Path) -> Result<(), String> {
    let until = Instant::now() + START_WITHIN;
    while Instant::now() < until {
        if let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let mut bytes = [0_u8; 2048];
            let count = stream.read(&mut bytes).unwrap_or(0);
            // Another instance may hold the port by now; ours says whose it is.
            if String::from_utf8_lossy(&bytes[..count]).contains(greeting) {
                return Ok(());
            }
        }
        let text = fs::read_to_string(log).unwrap_or_default();
        if text.contains("Fatal:")
            || text.contains("Address already in use")
            || shell.try_wait().is_ok_and(|s| s.is_some())
        {
            return Err(text.trim().to_owned());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(format!(
        "no greeting within {START_WITHIN:?}; its log says: {}",
        fs::read_to_string(log).unwrap_or_default().trim()
    ))
}

fn free_ports() -> io::Result<(SocketAddr, SocketAddr)> {
    let (first, second) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok((first.local_addr()?, second.local_addr()?))
}

fn configuration(
    folder: &Path,
    mail: &Path,
    options: &Options,
    owner: &Owner,
    [plain, imaps]: [SocketAddr; 2],
    greeting: &str,
) -> String {
    let (folder, mail) = (folder.display(), mail.display());
    let (user, group) = (&owner.user, &owner.group);
    let location = match options.format {
        Format::Maildir => "maildir:~/Maildir",
        Format::Sdbox => "sdbox:~/sdbox",
        Format::Mdbox => "mdbox:~/mdbox",
    };
    let capabilities =
        CAPABILITIES.split(' ').filter(|name| !options.without.contains(name)).collect::<Vec<_>>().join(" ");
    let rawlog = if options.record_commands {
        format!("protocol imap {{\n  rawlog_dir = {folder}/raw\n}}\n")
    } else {
        String::new()
    };
    let mailboxes = folders(options);
    format!(
        "base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
login_greeting = {greeting}
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
mail_location = {location}
mail_fsync = never
{userip}mail_always_cache_fields = flags hdr.from hdr.to hdr.subject hdr.message-id hdr.date date.received size.virtual imap.envelope
imap_capability = {capabilities}
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
ssl_dh =
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_master_user_separator = *
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = {folder}/masters
  master = yes
  result_success = continue
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = username_format=%u {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
  override_fields = home={mail}/%d/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
{mailboxes}}}
service imap-login {{
  chroot =
{logins}  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service imap {{
  process_limit = 1200
}}
service auth {{
  client_limit = 8000
  unix_listener auth-userdb {{
    mode = 0600
    user = {user}
  }}
}}
{SERVICES}{rawlog}{extra}
",
        plain = plain.port(),
        imaps = imaps.port(),
        userip = if options.stock_logins { "" } else { "mail_max_userip_connections = 5000\n" },
        logins = if options.stock_logins {
            "  service_count = 1\n  process_limit = 100\n"
        } else {
            "  service_count = 0\n  client_limit = 4000\n  process_limit = 1\n"
        },
        extra = options.extra,
    )
}

fn folders(options: &Options) -> String {
    let auto = match options.folders {
        Folders::Installed => "subscribe",
        Folders::Existing => "no",
    };
    let mut mailboxes = String::new();
    for (name, role) in
        [("Drafts", "\\Drafts"), ("Sent", "\\Sent"), ("Trash", "\\Trash"), ("Junk", "\\Junk"), ("Archive", "\\Archive")]
    {
        let role =
            if options.without.contains(&"SPECIAL-USE") { String::new() } else { format!("special_use = {role}") };
        let _ = write!(mailboxes, "  mailbox {name} {{\n    auto = {auto}\n    {role}\n  }}\n");
    }
    mailboxes
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

fn id(arguments: &[&str]) -> io::Result<String> {
    let output = Command::new("id").args(arguments).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn number(text: &str) -> io::Result<u32> {
    text.parse().map_err(|error| io::Error::other(format!("`id` printed {text:?}: {error}")))
}
