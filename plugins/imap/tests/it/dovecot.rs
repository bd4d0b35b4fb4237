//! A temporary Dovecot in a temporary folder, on a free port of the loopback interface.
//!
//! It ends with this process, even after a crash: a shell waits at the other end of a pipe. Without Dovecot these tests
//! fail; nothing is skipped.

use std::{
    fmt::Write as _,
    fs,
    io::Read as _,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

pub(crate) const PASSWORD: &str = "secret-of-a-user";

/// The shell starts the server, waits until its input ends, and then stops the server and removes the folder.
const SUPERVISE: &str = r#"
    folder=$1; shift
    "$@" </dev/null >>"$folder/log" 2>&1 &
    server=$!
    read -r order
    kill -TERM $server; wait $server
    rm -rf "$folder""#;

/// A running server.
#[derive(Debug)]
pub(crate) struct Dovecot {
    pub(crate) address: SocketAddr,
    /// Its standard input is the pipe whose end stops the server.
    _shell: Child,
}

pub(crate) fn user(number: usize) -> String {
    format!("u{number:04}@acme.test")
}

impl Dovecot {
    /// Starts a server with this many users and waits until it sends a greeting.
    pub(crate) fn start(users: usize) -> Self {
        Self::start_with(users, "", &[])
    }

    /// Like [`Self::start`], with more lines of configuration and more files; `FOLDER` in the lines is the server's
    /// folder.
    #[expect(clippy::zombie_processes, reason = "it lives as long as this process")]
    pub(crate) fn start_with(users: usize, more: &str, files: &[(&str, &str)]) -> Self {
        let dovecot =
            ["/usr/sbin/dovecot", "/usr/local/sbin/dovecot"].into_iter().find(|path| Path::new(path).exists());
        let dovecot = dovecot.expect("the package dovecot-imapd is installed");
        // Dovecot never serves mail as root.
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let (name, group) = if is_root { ("nobody".into(), "nogroup".into()) } else { (id(&["-un"]), id(&["-gn"])) };
        let uid: u32 = id(&["-u", &name]).parse().unwrap();
        let gid: u32 = if is_root { id(&["-g", &name]) } else { id(&["-g"]) }.parse().unwrap();
        let folder = tempfile::Builder::new().prefix("dovecot").tempdir().unwrap().keep();
        for sub in ["", "mail", "run", "state"] {
            fs::create_dir_all(folder.join(sub)).unwrap();
            chown(folder.join(sub), Some(uid), Some(gid)).unwrap();
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let accounts = (1..=users).fold(String::new(), |mut text, number| {
            writeln!(text, "{}:{{PLAIN}}{PASSWORD}:{uid}:{gid}::::", user(number)).unwrap();
            text
        });
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let more = more.replace("FOLDER", &folder.display().to_string());
        let text = configuration(&folder, &name, &group, address) + &more;
        let files = files.iter().map(|(file, text)| (*file, (*text).to_owned()));
        for (file, text) in
            [("users", accounts), ("dovecot.conf", text), ("log", String::new())].into_iter().chain(files)
        {
            for parent in Path::new(file).ancestors().skip(1).filter(|parent| *parent != Path::new("")) {
                fs::create_dir_all(folder.join(parent)).unwrap();
                chown(folder.join(parent), Some(uid), Some(gid)).unwrap();
            }
            fs::write(folder.join(file), text).unwrap();
            chown(folder.join(file), Some(uid), Some(gid)).unwrap();
        }
        let drop_rights = ["setpriv", "--reuid", &name, "--regid", &group, "--clear-groups", "--"];
        let shell = Command::new("/bin/sh")
            .args(["-c", SUPERVISE, "supervisor"])
            .arg(&folder)
            .args(if is_root { &drop_rights[..] } else { &[] })
            .args([dovecot, "-F", "-c"])
            .arg(folder.join("dovecot.conf"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..1500 {
            if let Ok(mut stream) = TcpStream::connect(address) {
                let mut greeting = [0; 512];
                let count = stream.read(&mut greeting).unwrap_or(0);
                assert!(greeting[..count].starts_with(b"* OK"), "another program has the port");
                return Self { address, _shell: shell };
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("Dovecot did not start: {}", fs::read_to_string(folder.join("log")).unwrap_or_default());
    }
}

fn id(arguments: &[&str]) -> String {
    String::from_utf8(Command::new("id").args(arguments).output().unwrap().stdout).unwrap().trim().to_owned()
}

fn configuration(folder: &Path, user: &str, group: &str, address: SocketAddr) -> String {
    let (folder, port) = (folder.display(), address.port());
    let special = [("Sent", "Sent"), ("Trash", "Trash"), ("Junk", "Junk"), ("Archive", "Archive")];
    let mailboxes = special.iter().fold(String::new(), |mut text, (name, role)| {
        writeln!(text, "  mailbox {name} {{\n    auto = subscribe\n    special_use = \\{role}\n  }}").unwrap();
        text
    });
    format!(
        "base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
mail_fsync = never
mail_max_userip_connections = 500
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
  override_fields = home={folder}/mail/%d/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
{mailboxes}}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap {{
  process_limit = 200
}}
"
    )
}
