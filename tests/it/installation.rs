//! From the package to the first dry run: `cargo xtask dist` packages the program of this build, and the package is
//! installed, upgraded and purged in a throw-away view of this machine (`tests/installation.sh`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use clawback_tests::binary::{binary, xtask};
use clawback_tests::dovecot::{ADMIN_PASSWORD, Dovecot, Options, user};

/// The time of the files in the packages.
const EPOCH: &str = "1700000000";

/// Runs a command that must succeed. Returns its standard output.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    out.into_owned()
}

/// Packages the program of this build under this umask. Returns the package and the checksums of the release files.
fn package(folder: &Path, revision: &str, umask: &str) -> (PathBuf, BTreeMap<String, String>) {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"]).arg(xtask());
    shell.args(["dist", "--level", "1", "--revision", revision, "--folder"]).arg(folder);
    run(shell.arg("--program").arg(binary()).env("SOURCE_DATE_EPOCH", EPOCH));
    run(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(folder));
    let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let mut sums: BTreeMap<String, String> = sums
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, name)| (name.to_owned(), sum.to_owned()))
        .collect();
    let name = sums.keys().find(|name| Path::new(name).extension().is_some_and(|is| is == "deb")).unwrap().clone();
    // Of the package, the files: its name and version are those of the revision.
    sums.remove(&name);
    let files = format!("dpkg-deb --fsys-tarfile {} | sha256sum", folder.join(&name).display());
    sums.insert("files of the package".to_owned(), run(Command::new("sh").args(["-c", &files])));
    (folder.join(name), sums)
}

#[test]
fn a_package_is_installed_upgraded_and_purged_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (old, first) = package(&folder.join("old"), "1", "022");
    let (new, second) = package(&folder.join("new"), "2", "077");
    assert_eq!(first, second, "the same program gives the same bytes");
    assert_eq!(first.len(), 4, "{first:?}");

    let server = Dovecot::start(&Options { users: 1, ..Options::default() });
    let mail = b"From: Payroll <payroll@evil.example>\r\nTo: u0001@acme.test\r\nSubject: Your salary statement\r\n\
        Message-ID: <1@evil.example>\r\nDate: Tue, 14 Nov 2023 10:00:00 +0000\r\n\r\nSee the attached file.\r\n";
    server.deliver(&user(1), "INBOX", mail, &[]);
    std::fs::write(folder.join("imap.password"), ADMIN_PASSWORD).unwrap();
    std::fs::copy(server.authority(), folder.join("authority.pem")).unwrap();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("installation.sh");
    let mut shell = Command::new("sh");
    shell.arg(script).arg(folder).args([old, new]).arg(server.imaps().port().to_string());
    let said = run(&mut shell);
    let facts: BTreeMap<&str, &str> = said.lines().filter_map(|line| line.split_once(": ")).collect();
    let plan: serde_json::Value = serde_json::from_str(facts["plan"]).unwrap();
    assert_eq!(plan["counts"]["remediable"], 1, "{plan}");
    let took: u32 = facts["milliseconds-to-first-dry-run"].parse().unwrap();
    assert!(took < 60_000, "the first dry run is {took} ms after the package");
    assert!(facts["version"].starts_with(concat!("clawback ", env!("CARGO_PKG_VERSION"))), "{said}");
    assert!(facts["upgraded-to"].ends_with("-2"), "{said}");
    let units = "clawback-serve.service clawback-worker.service";
    assert_eq!(facts["asked-by-the-upgrade"], format!("daemon-reload;try-restart {units};"), "what runs is restarted");
    assert_eq!(facts["asked-by-the-removal"], format!("stop {units};daemon-reload;"));
    assert_eq!(std::fs::read_dir(folder.join("view")).unwrap().count(), 0, "the view is gone");
}
