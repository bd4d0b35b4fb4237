//! What a release is called: its version, its commit with the time of it, and the machines that it is for.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::Command;

use super::output;

/// Digits of a commit.
const DIGITS: &str = "--short=12";

/// The names of a release.
#[derive(Debug)]
pub(super) struct Release {
    /// Such as `1.2.3`.
    pub(super) version: &'static str,
    /// The revision of the Debian package.
    pub(super) revision: u32,
    /// The commit; `-modified` is added where files differ from it. None outside a checkout.
    pub(super) commit: Option<String>,
    /// The time of every file, in seconds since 1970: that of the commit, or `SOURCE_DATE_EPOCH`.
    pub(super) epoch: u64,
    /// How much packages are compressed, from 1 to 9.
    pub(super) level: u8,
    /// Such as `x86_64-unknown-linux-gnu`.
    pub(super) target: String,
}

impl Release {
    /// Reads the names from the checkout and the environment.
    pub(super) fn of(root: &Path, revision: u32, level: u8) -> Result<Self, Box<dyn Error>> {
        let epoch = match env::var("SOURCE_DATE_EPOCH") {
            Ok(seconds) => seconds,
            Err(_) => git(root, &["log", "-1", "--format=%ct"])
                .ok_or("there is no commit to take the time from; set SOURCE_DATE_EPOCH")?,
        };
        let version = env!("CARGO_PKG_VERSION");
        Ok(Self { version, revision, commit: commit(root), epoch: epoch.parse()?, level, target: host()? })
    }

    /// The version of the Debian package. `~` sorts before everything, so a preview is older than its release.
    pub(super) fn debian_version(&self) -> String {
        format!("{}-{}", self.version.replace('-', "~"), self.revision)
    }

    /// Debian's name of the machines.
    pub(super) fn architecture(&self) -> Result<&'static str, Box<dyn Error>> {
        match self.target.split('-').next() {
            Some("x86_64") => Ok("amd64"),
            Some("aarch64") => Ok("arm64"),
            _ => Err(format!("no name of Debian's is known for {}", self.target).into()),
        }
    }
}

/// Returns the target that programs are built for.
pub(super) fn host() -> Result<String, Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = String::from_utf8(output(Command::new(rustc).arg("-vV"), "rustc")?)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not say its host")?;
    Ok(host.to_owned())
}

fn commit(root: &Path) -> Option<String> {
    let commit = git(root, &["rev-parse", DIGITS, "HEAD"])?;
    let is_clean = git(root, &["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(if is_clean { commit } else { commit + "-modified" })
}

/// Returns the answer of git; none outside a checkout.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let answer = output(Command::new("git").current_dir(root).args(arguments), "git").ok()?;
    Some(String::from_utf8(answer).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_older_than_its_release() {
        let named =
            |version| Release { version, revision: 2, commit: None, epoch: 0, level: 9, target: "aarch64-x".into() };
        assert_eq!(named("1.2.3-rc.1").debian_version(), "1.2.3~rc.1-2");
        assert_eq!(
            (named("1.2.3").debian_version().as_str(), named("1.2.3").architecture().unwrap()),
            ("1.2.3-2", "arm64")
        );
    }
}
