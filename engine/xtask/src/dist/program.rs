//! The program of a release: built from the lock file, without symbols and without paths of this machine; and what it
//! needs of the system that it runs on.

use std::env;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::release::Release;
use super::{PROFILE, PROGRAM, output};
use crate::plugins::{cargo_home, prefixes};

/// The newest glibc that a program may need: that of Debian 12. It is documented in `engine/cli/docs/operation.md`.
const FLOOR: Version = Version(2, 36);

/// Builds the program. Returns its path.
pub(super) fn build(root: &Path, release: &Release) -> Result<PathBuf, Box<dyn Error>> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut flags = Vec::new();
    let mut of_c = String::new();
    // Build scripts write sources into the folder of the build, which need not be in the checkout.
    for (path, name) in prefixes(root)?.into_iter().chain([(target.clone(), "/build")]) {
        flags.push(format!("--remap-path-prefix={}={name}", path.display()));
        let _ = write!(of_c, " -ffile-prefix-map={}={name}", path.display());
    }
    let mut cargo = crate::cargo::cargo();
    // With the whole workspace: with the features of one package alone, every dependency would be built again.
    cargo
        .current_dir(root)
        .args(["build", "--profile", PROFILE, "--locked", "--workspace", "--bin", PROGRAM])
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("CFLAGS", env::var("CFLAGS").unwrap_or_default() + &of_c)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_BUILD_RUSTFLAGS");
    if let Some(commit) = &release.commit {
        cargo.env("CLAWBACK_COMMIT", commit);
    }
    if !cargo.status()?.success() {
        return Err("the program does not build".into());
    }
    let program = target.join(PROFILE).join(PROGRAM);
    for folder in [root, &target, &cargo_home()] {
        if contains(&program, folder)? {
            return Err(format!("the program contains the path {} of this machine", folder.display()).into());
        }
    }
    Ok(program)
}

/// Whether a file has the text of a path in it.
fn contains(file: &Path, path: &Path) -> Result<bool, Box<dyn Error>> {
    let status = Command::new("grep").args(["--quiet", "--fixed-strings", "--"]).arg(path).arg(file).status()?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(format!("grep failed on {}: {status}", file.display()).into()),
    }
}

/// Copies a program without its symbols.
pub(super) fn strip(program: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    output(Command::new("strip").arg("-o").arg(to).arg(program), "binutils")?;
    Ok(())
}

/// A version of glibc.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What a program needs of the system: libraries, and the highest version of glibc among its symbols.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    libraries: Vec<String>,
    glibc: Version,
}

impl Needs {
    /// Reads the program.
    pub(super) fn of(program: &Path) -> Result<Self, Box<dyn Error>> {
        let said = output(Command::new("objdump").arg("--private-headers").arg(program), "binutils")?;
        let needs = Self::read(&String::from_utf8_lossy(&said));
        if needs.libraries.is_empty() || needs.glibc == Version::default() {
            return Err(format!("objdump names no library that {} needs", program.display()).into());
        }
        Ok(needs)
    }

    /// Reads what `objdump --private-headers` says.
    fn read(said: &str) -> Self {
        let mut needs = Self::default();
        for line in said.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["NEEDED", library] = words[..] {
                needs.libraries.push(library.to_owned());
            }
            // `0x06969194 0x00 03 GLIBC_2.14`
            let version = words.last().and_then(|word| word.strip_prefix("GLIBC_")).and_then(|version| {
                let mut numbers = version.split('.').map(str::parse);
                Some(Version(numbers.next()?.ok()?, numbers.next()?.ok()?))
            });
            needs.glibc = needs.glibc.max(version.unwrap_or_default());
        }
        needs
    }

    /// The oldest glibc that the program runs on.
    pub(super) fn glibc(&self) -> Version {
        self.glibc
    }

    /// Refuses a program that the documented systems cannot run.
    pub(super) fn check(&self) -> Result<(), Box<dyn Error>> {
        if self.glibc > FLOOR {
            let said =
                format!("the program needs glibc {}, and the floor is {FLOOR}; build on an older system", self.glibc);
            return Err(said.into());
        }
        self.packages().map(|_| ())
    }

    /// Debian's packages of the libraries.
    pub(super) fn packages(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let mut packages = vec![format!("libc6 (>= {})", self.glibc)];
        for library in &self.libraries {
            match library.split('.').next() {
                Some("libc" | "libm" | "libdl" | "libpthread" | "librt" | "ld-linux-x86-64" | "ld-linux-aarch64") => {}
                Some("libgcc_s") => packages.push("libgcc-s1".to_owned()),
                _ => return Err(format!("the program needs {library}, and no package is known for it").into()),
            }
        }
        Ok(packages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Dynamic Section:\n  NEEDED               libgcc_s.so.1\n  NEEDED               libc.so.6\n\
        Version References:\n  required from libgcc_s.so.1:\n    0x0b792650 0x00 12 GCC_3.0\n  required from libc.so.6:\n    \
        0x06969194 0x00 03 GLIBC_2.14\n    0x09691a75 0x00 10 GLIBC_2.2.5\n    0x069691b4 0x00 02 GLIBC_2.34\n";

    #[test]
    fn the_highest_version_of_glibc_is_what_a_program_needs() {
        let mut needs = Needs::read(SAID);
        assert_eq!(needs.packages().unwrap(), ["libc6 (>= 2.34)", "libgcc-s1"]);
        needs.check().unwrap();
        needs.glibc = Version(2, 37);
        assert!(needs.check().unwrap_err().to_string().contains("the floor is 2.36"));
        needs = Needs::read(&SAID.replace("libgcc_s.so.1\n", "libssl.so.3\n"));
        assert!(needs.check().unwrap_err().to_string().contains("libssl.so.3"));
    }
}
