//! What benchmarks of mail servers share: a campaign in many mailboxes of a real Dovecot, and a site of Clawback with a
//! worker beside it. The mailboxes are created once and kept in memory.

use std::collections::HashSet;
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use super::dovecot::{self, ADMIN, ADMIN_PASSWORD, Dovecot, Folders, Owner};
use super::mail::Kind;
use super::maildirs::{self, Places, Snapshot};
use super::table::{check, most_memory, say};

/// An empty folder that every mailbox has.
pub(super) const EMPTY_FOLDER: &str = "Removed";

/// How much.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Size {
    /// Mailboxes on the server
    #[arg(long, default_value_t = 1_000)]
    pub(super) mailboxes: usize,
    /// Messages in all of them
    #[arg(long, default_value_t = 200_000)]
    pub(super) messages: usize,
    /// Messages of the campaign; a tenth as many decoys share its sender or its subject
    #[arg(long, default_value_t = 2_000)]
    pub(super) campaign: usize,
    /// Let Dovecot start a process for each login, as its defaults have it; without this its processes serve one login
    /// after the other, as on servers with many users
    #[arg(long)]
    pub(super) fresh_processes: bool,
}

/// The mailboxes, their server, and a folder for a site.
pub(super) struct Setup {
    pub(super) server: Dovecot,
    pub(super) pristine: PathBuf,
    pub(super) work: PathBuf,
    pub(super) before: Snapshot,
    pub(super) campaign: HashSet<u64>,
    pub(super) scratch: tempfile::TempDir,
}

impl Setup {
    /// Creates the mailboxes, or finds those of an earlier run, and starts the server. The mailboxes that it serves are
    /// there after [`Self::restore`].
    pub(super) fn prepare(size: Size) -> Result<Self, Box<dyn Error>> {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let root = base.join(format!("clawback-bench-{}-{}-{}", size.mailboxes, size.messages, size.campaign));
        let (pristine, work, list) = (root.join("pristine"), root.join("work"), root.join("campaign"));
        let reused = "service imap {\n  service_count = 256\n}\n";
        let server_on = |mail: &Path| {
            let folders = Folders::Existing;
            let extra = if size.fresh_processes { String::new() } else { reused.to_owned() };
            Dovecot::try_start(&dovecot::Options {
                users: size.mailboxes,
                folders,
                mail: Some(mail.to_owned()),
                extra,
                ..dovecot::Options::default()
            })
        };
        if !list.exists() {
            say(&format!("writing {} messages under {}", size.messages, root.display()));
            if root.exists() {
                fs::remove_dir_all(&root)?;
            }
            fs::create_dir_all(&root)?;
            let owner = Owner::of_servers()?;
            let now = fs::metadata(&root)?.modified()?.duration_since(UNIX_EPOCH)?.as_secs();
            let truth = maildirs::write(
                &pristine,
                &maildirs::Options {
                    mailboxes: size.mailboxes,
                    messages: size.messages,
                    campaign: size.campaign,
                    decoys: size.campaign / 10,
                    // The peers support only substring searches.
                    traps: 0,
                    places: Places::Usual,
                    custom: vec!["Archive/2026".to_owned()],
                    empty: vec![EMPTY_FOLDER.to_owned()],
                    seed: 2026,
                    now,
                    owner: Some((owner.uid, owner.gid)),
                },
            )?;
            say("indexing");
            server_on(&pristine)?.doveadm(&["index", "-A", "*"]);
            let contents: Vec<String> =
                truth.of(Kind::Campaign).map(|placed| placed.entry.content.to_string()).collect();
            // Written last: it exists only if everything else does.
            fs::write(&list, contents.join("\n"))?;
        }
        let campaign = fs::read_to_string(&list)?.lines().map(str::parse).collect::<Result<_, _>>()?;
        let before = maildirs::snapshot(&pristine)?;
        fs::create_dir_all(&work)?;
        Ok(Self { server: server_on(&work)?, pristine, work, before, campaign, scratch: tempfile::tempdir()? })
    }

    /// Makes the mailboxes as they were written, indexes included.
    pub(super) fn restore(&self) -> Result<(), Box<dyn Error>> {
        fs::remove_dir_all(&self.work)?;
        check(Command::new("cp").arg("-a").arg(&self.pristine).arg(&self.work))
    }

    /// Creates a site of Clawback: the operator is an analyst, `bo` an approver with the token `bo.token`.
    pub(super) fn create_site(
        &self,
        address: SocketAddr,
        mailboxes: usize,
        more: &str,
    ) -> Result<PathBuf, Box<dyn Error>> {
        let folder = self.scratch.path().join("clawback");
        let store = format!(
            r#"
[stores.corp]
connector = "imap"
server = {{ host = "{ip}", port = {port}, tls = "none" }}
auth = {{ kind = "plain", user = "{ADMIN}", password-file = "imap.password" }}
mailboxes-file = "mailboxes.txt"
limits = {{ connections = 16, idle-connections = 16 }}
{more}"#,
            ip = address.ip(),
            port = address.port(),
        );
        let binary = new_site(&folder, &store)?;
        fs::write(folder.join("mailboxes.txt"), (1..=mailboxes).map(dovecot::user).collect::<Vec<_>>().join("\n"))?;
        let password = folder.join("imap.password");
        fs::write(&password, ADMIN_PASSWORD)?;
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
        let here = || {
            let mut command = Command::new(&binary);
            command.current_dir(&folder);
            command
        };
        check(here().args(["principals", "add", "bo", "--role", "approver"]))?;
        check(here().args(["principals", "token", "bo", "--output", "first.token"]))?;
        // A voter must have replaced the credentials that another person issued.
        let passwords = folder.join("passwords");
        fs::write(&passwords, "correct horse battery\nmy own horse and battery\n")?;
        fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600))?;
        check(here().args(["principals", "password", "bo", "--from", "passwords"]))?;
        check(here().args([
            "--token-file",
            "first.token",
            "take-over",
            "--from",
            "passwords",
            "--output",
            "bo.token",
        ]))?;
        // Compiled code is cached after the first use, as on any node that is not new.
        check(here().args(["connectors", "describe", "corp"]))?;
        Ok(folder)
    }

    /// Returns a shell in the folder of the site, with the binary as its first argument.
    pub(super) fn in_site(&self, script: &str) -> Result<Command, Box<dyn Error>> {
        let mut command = Command::new("/bin/sh");
        command.current_dir(self.scratch.path().join("clawback")).args(["-c", script, "clawback"]);
        command.arg(target()?.join("release/clawback"));
        Ok(command)
    }

    /// Starts `clawback worker` in the site.
    pub(super) fn worker(&self) -> Result<Worker, Box<dyn Error>> {
        let folder = self.scratch.path().join("clawback");
        let log = fs::File::create(folder.join("worker.log"))?;
        let mut command = Command::new(target()?.join("release/clawback"));
        command.current_dir(&folder).arg("worker").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let worker = Worker(command.spawn()?);
        std::thread::sleep(Duration::from_secs(1));
        Ok(worker)
    }
}

/// Creates a site of Clawback in this folder, in place of an earlier one, with this store in its configuration. Returns
/// the program.
pub(super) fn new_site(folder: &Path, store: &str) -> Result<PathBuf, Box<dyn Error>> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let binary = target()?.join("release/clawback");
    check(Command::new(&binary).arg("init").arg(folder))?;
    let config = folder.join("clawback.toml");
    fs::write(&config, format!("{}{store}", fs::read_to_string(&config)?))?;
    Ok(binary)
}

/// Builds Clawback, optimised.
pub(super) fn build() -> Result<(), Box<dyn Error>> {
    say("building clawback (release)");
    check(Command::new("cargo").args(["build", "--release", "--workspace", "--bin", "clawback"]))
}

/// A `clawback worker`, until it is dropped.
pub(super) struct Worker(Child);

impl Worker {
    /// Returns the most memory that the process has had, in bytes.
    pub(super) fn most_memory(&self) -> Result<u64, Box<dyn Error>> {
        Ok(most_memory(self.0.id()).ok_or("/proc has no VmHWM")?)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the folder in which cargo builds, independent of the current folder.
fn target() -> Result<PathBuf, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    Ok(root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())))
}
