//! A real S3 server that we did not write: `s3rver`, on loopback, its objects files of a temporary folder. It checks
//! signatures. `cargo xtask test` installs it in `target/tools`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Its only pair of keys, as a file of keys.
pub const KEYS: &str = "[default]\naws_access_key_id = S3RVER\naws_secret_access_key = S3RVER\n";
/// Its only bucket.
pub const BUCKET: &str = "evidence";

/// A running server. Dropping it stops it.
pub struct Server {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
    tls: Option<(PathBuf, PathBuf)>,
}

impl Server {
    /// Starts one, with TLS if a certificate and its key are given.
    ///
    /// # Panics
    /// If it is not installed or does not start: a test that needs it never passes without it.
    pub fn start(tls: Option<(PathBuf, PathBuf)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it has an address").port();
        drop(listener);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let child = run(folder.path(), port, tls.as_ref());
        Self { child, port, folder, tls }
    }

    /// `http://127.0.0.1:PORT`, or `https://localhost:PORT`.
    pub fn endpoint(&self) -> String {
        let (scheme, host) = if self.tls.is_some() { ("https", "localhost") } else { ("http", "127.0.0.1") };
        format!("{scheme}://{host}:{}", self.port)
    }

    /// Stops it, as a crash of its machine would.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same port, with its objects.
    pub fn start_again(&mut self) {
        self.child = run(self.folder.path(), self.port, self.tls.as_ref());
    }

    /// Names of the objects in a folder, in order.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path().join(BUCKET).join(prefix)).expect("the server has the folder");
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> =
            names.filter_map(|name| name.strip_suffix("._S3rver_object").map(str::to_owned)).collect();
        names.sort();
        names
    }

    /// The file that an object is kept in.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn object(&self, key: &str) -> PathBuf {
        let path = self.folder.path().join(BUCKET).join(format!("{key}._S3rver_object"));
        assert!(path.is_file(), "no object {}", path.display());
        path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(folder: &Path, port: u16, tls: Option<&(PathBuf, PathBuf)>) -> Child {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/node_modules/s3rver/bin/s3rver.js");
    assert!(program.is_file(), "`s3rver` was not found: `cargo xtask test --install-only` installs it");
    let mut command = Command::new("node");
    command.arg(program).arg("--directory").arg(folder).args(["--address", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--silent", "--no-vhost-buckets", "--configure-bucket", BUCKET]);
    if let Some((certificate, key)) = tls {
        command.arg("--cert").arg(certificate).arg("--key").arg(key);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("node starts");
    // Its first line confirms that it listens.
    let output = child.stdout.as_mut().expect("piped");
    let mut lines = BufReader::new(output);
    let mut said = String::new();
    while !said.contains("listening") {
        said.clear();
        assert!(lines.read_line(&mut said).expect("it speaks") > 0, "s3rver ended");
    }
    child
}

/// Writes the server's keys to a file of its owner alone.
pub fn write_keys(path: &Path, keys: &str) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).expect("the folder is ours");
    file.write_all(keys.as_bytes()).expect("the disk has room");
}
