//! A throw-away Courier IMAP: a real server without MOVE, SPECIAL-USE, ESEARCH and LITERAL+, whose folders are all
//! below `INBOX.`, and that accepts 20 connections of one address.
//!
//! Its paths are compiled in, and its packages conflict with Dovecot's. So they are unpacked (by `cargo xtask test`)
//! and mounted over `/usr` and `/etc` in a mount namespace of the server's own, which needs root.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::access::{Access, Login};
use super::dovecot::user;
use super::owner::Owner;
use super::servers::{set, unpacked};
use super::supervised::{Manner, Supervised, free_port};

/// The password of every user.
const PASSWORD: &str = "secret-of-a-user";
/// User and group of the daemons, as in the script below.
const DAEMON: &str = "991";
/// Its capabilities, without UIDPLUS, which is an option.
const CAPABILITIES: &str = "IMAP4rev1 CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE";
/// The script that runs in the namespace: `DIR`, `ROOT`, `PORT` and `PER_ADDRESS` are replaced.
const SCRIPT: &str = r"set -e
mount -t overlay overlay -o lowerdir=DIR/etc:/etc /etc
mount -t overlay overlay -o lowerdir=ROOT/usr:/usr /usr
mount --bind DIR/etc/courier /etc/courier
mount -t tmpfs run /run
mkdir -p /run/courier/authdaemon
chown 991:991 /run/courier/authdaemon
export LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu:ROOT/lib/x86_64-linux-gnu
/usr/sbin/makeuserdb
. /etc/courier/authdaemonrc
export authmodulelist authmodulelistorig daemons authdaemonvar DEBUG_LOGIN DEFAULTOPTIONS LOGGEROPTS
/usr/lib/courier/courier-authlib/authdaemond &
while [ ! -S /run/courier/authdaemon/socket ]; do sleep 0.02; done
set -a
. /etc/courier/imapd
. /etc/courier/imapd-ssl
IMAP_STARTTLS=NO; IMAPDSTARTTLS=NO; IMAP_TLS_REQUIRED=0
set +a
exec /usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=100 -maxperip=PER_ADDRESS -nodnslookup -noidentlookup \
    -stderrlogger=/usr/sbin/courierlogger PORT /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir
";

/// The settings of a server.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The number of users: `u0001@acme.test` and so on.
    pub users: usize,
    /// Whether UIDPLUS is offered.
    pub has_uidplus: bool,
    /// Most connections of one address at a time; Courier's own default is 20.
    pub per_address: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { users: 2, has_uidplus: true, per_address: 20 }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Courier {
    _process: Supervised,
    address: SocketAddr,
    users: usize,
    folder: TempDir,
}

impl Courier {
    /// Starts a server and waits until it greets. Panics with a sentence if it cannot.
    pub fn start(options: Options) -> Self {
        Self::try_start(options).unwrap_or_else(|error| panic!("Courier did not start: {error}"))
    }

    fn try_start(options: Options) -> io::Result<Self> {
        if fs::metadata("/proc/self")?.uid() != 0 {
            return Err(io::Error::other("it needs a mount namespace of its own: run the tests as root"));
        }
        let root = unpacked("courier")?;
        let folder = tempfile::Builder::new().prefix("courier").tempdir()?;
        let path = folder.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        configure(path, &root, options)?;
        let address = free_port()?;
        let script = SCRIPT
            .replace("DIR", &path.display().to_string())
            .replace("ROOT", &root.display().to_string())
            .replace("PORT", &address.port().to_string())
            .replace("PER_ADDRESS", &options.per_address.to_string());
        fs::write(path.join("inner.sh"), script)?;
        let inner = path.join("inner.sh");
        let words = ["unshare", "--mount", "--kill-child", "--fork", "--pid", "--mount-proc", "bash"];
        let words = words.iter().map(AsRef::as_ref).chain([inner.as_os_str()]);
        // The first process of the namespace ends the others with it, and `unshare` ignores gentler signals.
        let mut process = Supervised::start(path, Manner::Hard, words)?;
        process.wait_for(address, "Courier-IMAP ready", &path.join("log")).map_err(io::Error::other)?;
        Ok(Self { _process: process, address, users: options.users, folder })
    }

    /// Access to its mailboxes.
    pub fn access(&self) -> Access {
        Access::new(self.address, Login::Own { password: PASSWORD.to_owned() }, (1..=self.users).map(user).collect())
    }

    /// The server's log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn configure(folder: &Path, root: &Path, options: Options) -> io::Result<()> {
    let etc = folder.join("etc");
    let courier = etc.join("courier");
    fs::create_dir_all(&etc)?;
    let copied = Command::new("cp").arg("-a").arg(root.join("etc/courier")).arg(&courier).status()?;
    if !copied.success() {
        return Err(io::Error::other("the configuration could not be copied"));
    }
    for (name, line) in [
        ("passwd", format!("courier:x:{DAEMON}:{DAEMON}::/var/lib/courier:/usr/sbin/nologin\n")),
        ("group", format!("courier:x:{DAEMON}:\n")),
    ] {
        let text = fs::read_to_string(Path::new("/etc").join(name))?;
        fs::write(etc.join(name), text + line.as_str())?;
    }
    set(&courier.join("authdaemonrc"), "authmodulelist", "\"authuserdb\"")?;
    let uidplus = if options.has_uidplus { " UIDPLUS" } else { "" };
    set(&courier.join("imapd"), "IMAP_CAPABILITY", &format!("\"{CAPABILITIES}{uidplus}\""))?;
    set(&courier.join("imapd"), "IMAP_CHECK_ALL_FOLDERS", "1")?;

    let owner = Owner::of_servers()?;
    let hash = Command::new("openssl").args(["passwd", "-1", PASSWORD]).output()?;
    let hash = String::from_utf8_lossy(&hash.stdout).trim().to_owned();
    let mut users = String::new();
    for name in (1..=options.users).map(user) {
        let home = folder.join("mail").join(&name);
        for part in ["", "Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp"] {
            fs::create_dir_all(home.join(part))?;
            chown(home.join(part), Some(owner.uid), Some(owner.gid))?;
        }
        let home = home.display();
        let Owner { uid, gid, .. } = owner;
        let _ = writeln!(users, "{name}\tuid={uid}|gid={gid}|home={home}|mail={home}/Maildir|imappw={hash}");
    }
    fs::write(courier.join("userdb"), users)?;
    fs::set_permissions(courier.join("userdb"), fs::Permissions::from_mode(0o600))
}
