//! The real binary, run as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::mail::Random;

/// The password of principals who have taken over their account.
pub const OWN_PASSWORD: &str = "my own horse and battery";

/// The binary in the folder of a site.
pub struct Clawback {
    folder: PathBuf,
    token: Option<PathBuf>,
    /// The server that it talks to instead of the folder.
    server: Option<String>,
}

impl Clawback {
    /// Makes a site with one store, called `corp`; `store` is the text under `[stores.corp]`.
    pub fn init(folder: &Path, store: &str) -> Self {
        Self::init_on(folder, store, None)
    }

    /// The same with its history in this database.
    pub fn init_on(folder: &Path, store: &str, database: Option<&str>) -> Self {
        let here = Self::at(folder);
        let mut command = Command::new(binary());
        command.arg("init").arg(folder);
        if let Some(url) = database {
            command.args(["--database", url]);
        }
        let output = command.output().expect("the binary starts");
        assert!(output.status.success(), "{}", text(&output));
        let config = folder.join("clawback.toml");
        let mut written = std::fs::read_to_string(&config).expect("init wrote it");
        // Tests exceed the limits of what may run without a vote in an hour.
        written.push_str("\n[without-a-vote]\nlimited = false\n\n[stores.corp]\n");
        written.push_str(store);
        // In the place of an empty line: errors keep their line numbers.
        let cache = super::components::cache();
        written = written.replacen("\n\n", &format!("\ncache = \"{}\"\n", cache.display()), 1);
        std::fs::write(&config, written).expect("the folder is ours");
        let password = folder.join("imap.password");
        if password.exists() {
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&password, private).expect("the file is ours");
        }
        here
    }

    /// An existing site, as its first administrator.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), token: None, server: None }
    }

    /// The same site as another principal; makes the principal and their token.
    #[must_use]
    pub fn add(&self, name: &str, role: &str) -> Self {
        self.ok(&["principals", "add", name, "--role", role]);
        let token = self.folder.join(format!("{name}.token"));
        self.ok(&["principals", "token", name, "--output", &token.display().to_string()]);
        if role == "approver" {
            return self.taken_over(name, &token);
        }
        Self { folder: self.folder.clone(), token: Some(token), server: None }
    }

    /// Takes over the account of a principal with the token that an administrator made, as voters must. Returns it with
    /// a token of their own.
    #[must_use]
    pub fn taken_over(&self, name: &str, token: &Path) -> Self {
        use std::os::unix::fs::OpenOptionsExt as _;
        let first = self.folder.join(format!("{name}.password"));
        let private = || std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&first);
        let write = |text: &str| std::io::Write::write_all(&mut private()?, text.as_bytes());
        write("correct horse battery\n").expect("the folder is ours");
        self.ok(&["principals", "password", name, "--from", &first.display().to_string()]);
        write(&format!("correct horse battery\n{OWN_PASSWORD}\n")).expect("the folder is ours");
        let own = self.folder.join(format!("{name}.own-token"));
        let arguments = ["take-over", "--from", &first.display().to_string(), "--output", &own.display().to_string()];
        self.with_token(token).ok(&arguments);
        std::fs::remove_file(&first).expect("it was made");
        self.with_token(&own)
    }

    /// The same folder with another token.
    #[must_use]
    pub fn with_token(&self, file: &Path) -> Self {
        Self { folder: self.folder.clone(), token: Some(file.to_owned()), server: self.server.clone() }
    }

    /// The same principal on a machine without the folder and the database: with the address of a server and a token
    /// only.
    #[must_use]
    pub fn through(&self, server: &str) -> Self {
        let token = self.token.clone().unwrap_or_else(|| self.folder.join("admin.token"));
        Self { folder: self.folder.clone(), token: Some(token), server: Some(server.to_owned()) }
    }

    /// A command, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        match &self.server {
            Some(server) => command.args(["--server", server]).current_dir("/").env("HOME", "/nonexistent"),
            None => command.arg("--config").arg(&self.folder),
        };
        command.args(arguments).env_remove("CLAWBACK_TOKEN");
        if let Some(token) = &self.token {
            command.arg("--token-file").arg(token);
        }
        command
    }

    /// Runs a command, whatever its exit code.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// Runs a command that takes about this long, and kills it after a random part of that time. Returns whether it was
    /// still running.
    pub fn run_and_kill(&self, arguments: &[&str], random: &mut Random, takes: Duration) -> bool {
        let micros = u64::try_from(takes.as_micros()).expect("a run takes less than centuries");
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts");
        std::thread::sleep(Duration::from_micros(random.below(micros * 9 / 10)));
        let was_running = child.try_wait().expect("the process is ours").is_none();
        child.kill().expect("the process is ours");
        child.wait().expect("the process is ours");
        was_running
    }

    /// Runs a command that must succeed. Returns its standard output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "clawback {arguments:?}: {}", text(&output));
        String::from_utf8(output.stdout).expect("results are UTF-8")
    }

    /// Runs a command with `--format json`; it must succeed, or end with failed messages.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.command(arguments).args(["--format", "json"]).output().expect("the binary starts");
        assert!(matches!(output.status.code(), Some(0 | 3)), "clawback {arguments:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).expect("--format json prints JSON")
    }

    /// Runs a command that must fail with this exit code. Returns its standard error.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "clawback {arguments:?}: {}", text(&output));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

fn text(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("exit {:?}\n{out}{err}", output.status.code())
}

/// The binary of this build.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build("clawback"))
}

/// The development commands of this build.
pub fn xtask() -> &'static Path {
    static XTASK: OnceLock<PathBuf> = OnceLock::new();
    XTASK.get_or_init(|| build("clawback-xtask"))
}

/// Builds a binary if need be, as cargo builds a package's binary only for that package's own tests.
fn build(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/test").to_owned();
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // For the whole workspace: with the features of one package alone, every dependency would be built again.
    build.args(["build", "--quiet", "-j2", "--workspace", "--bin", name]);
    if folder.file_name().is_some_and(|profile| profile == "release") {
        build.arg("--release");
    }
    if let Some(target) = folder.parent() {
        build.env("CARGO_TARGET_DIR", target);
    }
    // What cargo says about this package: the build of `ring` reads it, so that all that uses TLS would be built again.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            build.env_remove(name);
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let status = build.current_dir(root).status().expect("cargo built this test");
    assert!(status.success(), "the binary `{name}` does not build");
    folder.join(name)
}

/// Copies a folder recursively, with modification times, which are part of a Maildir.
pub fn copy_folder(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().expect("cp is everywhere");
    assert!(status.success(), "{} was not copied", from.display());
}

/// Writes a file with a secret, for its owner alone.
pub fn write_secret(path: &Path, secret: &str) -> std::io::Result<()> {
    std::fs::write(path, secret)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
}
