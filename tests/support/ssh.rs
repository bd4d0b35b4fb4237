//! SSH keys and their signatures, made by `ssh-keygen`.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The key of a user.
#[derive(Debug)]
pub struct SshKey {
    /// The file of the private key.
    pub file: PathBuf,
    /// The public key.
    pub public: String,
}

impl SshKey {
    /// Makes a key of this kind (`ed25519`, `ecdsa`, `rsa`), without a passphrase.
    pub fn make(folder: &Path, name: &str, kind: &str) -> Self {
        let file = folder.join(format!("{name}-{kind}"));
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", "", "-C", name, "-f"])
            .arg(&file)
            .status()
            .expect("ssh-keygen is installed: `cargo xtask test --install-only`");
        assert!(made.success());
        let public = std::fs::read_to_string(file.with_extension("pub")).unwrap().trim().to_owned();
        Self { file, public }
    }

    /// Its line in the file of approvers' keys.
    pub fn line(&self, name: &str) -> String {
        format!("{name} {}\n", self.public)
    }

    /// Its signature of a text in a namespace.
    pub fn sign(&self, namespace: &str, text: &str) -> String {
        let mut child = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
            .arg(&self.file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }
}
