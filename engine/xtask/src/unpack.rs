//! Mail servers for tests that cannot be installed together, because Debian's packages conflict. They are downloaded
//! and unpacked under `target/tools/servers`, with the libraries that this machine lacks. Nothing is configured, no
//! user is created, no service is started.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A server and its packages; the libraries follow from these.
const SERVERS: [(&str, &[&str]); 2] = [
    (
        "courier",
        &[
            "courier-imap",
            "courier-base",
            "courier-authlib",
            "courier-authdaemon",
            "courier-authlib-userdb",
            "libgamin0",
            "gamin",
        ],
    ),
    ("cyrus", &["cyrus-common", "cyrus-caldav", "cyrus-imapd", "sasl2-bin", "libsasl2-modules", "libsasl2-modules-db"]),
];
/// Relations of `apt-cache depends` that are not dependencies.
const NO_NEEDS: [&str; 6] =
    ["--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances"];

/// Unpacks every server below `tools`, unless it is there.
pub(crate) fn install(tools: &Path) -> Result<(), Box<dyn Error>> {
    for (name, packages) in SERVERS {
        let folder = tools.join("servers").join(name);
        let done = folder.join("installed");
        let wanted = packages.join(" ");
        if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
            continue;
        }
        crate::test::say(&format!("==> unpack {wanted}"));
        // The new folder is built next to its final place, so that an interrupted download leaves nothing that looks
        // complete.
        let _ = fs::remove_dir_all(&folder);
        unpack(&folder, packages)?;
        fs::write(done, wanted)?;
    }
    Ok(())
}

fn unpack(folder: &Path, packages: &[&str]) -> Result<(), Box<dyn Error>> {
    let downloads = folder.join("packages");
    fs::create_dir_all(&downloads)?;
    let wanted = with_libraries(packages)?;
    if !download(&downloads, &wanted)? {
        // Old package lists name versions that the mirrors no longer have.
        let _ = Command::new("apt-get").args(["--quiet", "update"]).status()?;
        if !download(&downloads, &with_libraries(packages)?)? {
            let names = packages.join(" ");
            return Err(format!("apt-get could not download {names}; as root: apt-get update").into());
        }
    }
    for entry in fs::read_dir(&downloads)? {
        let package = entry?.path();
        if !Command::new("dpkg-deb").arg("--extract").arg(&package).arg(folder).status()?.success() {
            return Err(format!("dpkg-deb could not unpack {}", package.display()).into());
        }
    }
    Ok(fs::remove_dir_all(&downloads)?)
}

/// Returns the packages and every library that they need, directly or indirectly, and that is not installed here.
fn with_libraries(packages: &[&str]) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let mut all: BTreeSet<String> = packages.iter().map(|name| (*name).to_owned()).collect();
    let mut next: Vec<String> = all.iter().cloned().collect();
    while !next.is_empty() {
        let output = Command::new("apt-cache").arg("depends").args(NO_NEEDS).args(&next).output()?;
        let needed = libraries(&String::from_utf8_lossy(&output.stdout));
        next = needed.into_iter().filter(|name| !is_installed(name) && !all.contains(name)).collect();
        all.extend(next.iter().cloned());
    }
    Ok(all)
}

/// Returns the libraries in the output of `apt-cache depends`; names in angle brackets are virtual packages.
fn libraries(answer: &str) -> BTreeSet<String> {
    answer
        .lines()
        .filter_map(|line| line.trim_start_matches([' ', '|']).split_once("Depends: "))
        .map(|(_, name)| name.trim().to_owned())
        .filter(|name| name.starts_with("lib") && !name.contains(':'))
        .collect()
}

fn is_installed(package: &str) -> bool {
    let output = Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]).output();
    output.is_ok_and(|output| output.stdout == b"installed")
}

fn download(into: &Path, packages: &BTreeSet<String>) -> Result<bool, Box<dyn Error>> {
    let mut apt = Command::new("apt-get");
    // As this user, because only this user may write to the folder.
    apt.current_dir(into).args(["--quiet", "--option", "APT::Sandbox::User=root", "download"]).args(packages);
    Ok(apt.status()?.success())
}

#[cfg(test)]
mod tests {
    use super::libraries;

    #[test]
    fn libraries_are_what_is_needed_and_is_a_package() {
        let answer = "cyrus-common\n  PreDepends: libc6\n |Depends: libfam0\n  Depends: <libdb-any>\n  Depends: adduser\n  \
                      Depends: libical3\nlibical3\n  Depends: libicu72\n";
        assert_eq!(libraries(answer).into_iter().collect::<Vec<_>>(), ["libc6", "libfam0", "libical3", "libicu72"]);
    }
}
