//! The Debian package, made by `dpkg-deb`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::contents::Contents;
use super::output;
use super::program::Needs;
use super::release::Release;
use super::stage::{READ, RUN, Stage};

/// The scripts that dpkg runs.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Makes the package in a folder. Returns its name.
pub(super) fn make(
    contents: &Contents,
    release: &Release,
    needs: &Needs,
    staging: &Path,
    folder: &Path,
) -> Result<String, Box<dyn Error>> {
    let stage = Stage::new(staging)?;
    files(&stage, contents)?;
    // Before the files that describe the package itself.
    let sums = checksums(&stage)?;
    let size = stage.files()?.iter().try_fold(0, |sum, file| -> Result<u64, Box<dyn Error>> {
        Ok(sum + std::fs::metadata(stage.folder().join(file))?.len().div_ceil(1024))
    })?;
    stage.put("DEBIAN/md5sums", &sums, READ)?;
    stage.put("DEBIAN/control", control(release, needs, size)?.as_bytes(), READ)?;
    for script in SCRIPTS {
        let text = contents.debian.get(script).ok_or_else(|| format!("assets/debian has no {script}"))?;
        stage.put(&format!("DEBIAN/{script}"), text, RUN)?;
    }
    stage.finish(release.epoch)?;
    let name = format!("clawback_{}_{}.deb", release.debian_version(), release.architecture()?);
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.args(["--root-owner-group", "-Zgzip", &format!("-z{}", release.level), "--build"])
        .arg(stage.folder())
        .arg(folder.join(&name))
        .env("SOURCE_DATE_EPOCH", release.epoch.to_string());
    output(&mut dpkg, "dpkg")?;
    Ok(name)
}

/// Puts every file where Debian has it.
fn files(stage: &Stage, contents: &Contents) -> Result<(), Box<dyn Error>> {
    stage.put("usr/bin/clawback", &contents.program, RUN)?;
    for (name, text) in &contents.units {
        // The program of a package is not the administrator's own.
        let text = String::from_utf8(text.clone())?.replace("/usr/local/bin/", "/usr/bin/");
        stage.put(&format!("usr/lib/systemd/system/{name}"), text.as_bytes(), READ)?;
    }
    for (shell, text) in &contents.completions {
        let place = match shell.as_str() {
            "bash" => "usr/share/bash-completion/completions/clawback",
            "fish" => "usr/share/fish/vendor_completions.d/clawback.fish",
            _ => "usr/share/zsh/vendor-completions/_clawback",
        };
        stage.put(place, text, READ)?;
    }
    for (name, text) in &contents.pages {
        stage.put(&format!("usr/share/man/man1/{name}"), text, READ)?;
    }
    let pages = contents.pages.keys().map(|name| stage.folder().join("usr/share/man/man1").join(name));
    output(Command::new("gzip").args(["--best", "--no-name"]).args(pages), "gzip")?;
    for (name, text) in &contents.examples {
        stage.put(&format!("usr/share/doc/clawback/examples/{name}"), text, READ)?;
    }
    for (name, text) in contents.papers.iter().filter(|(name, _)| *name != "LICENSE") {
        stage.put(&format!("usr/share/doc/clawback/{name}"), text, READ)?;
    }
    for name in ["copyright", "README.Debian"] {
        let text = contents.debian.get(name).ok_or_else(|| format!("assets/debian has no {name}"))?;
        stage.put(&format!("usr/share/doc/clawback/{name}"), text, READ)?;
    }
    Ok(())
}

/// The checksums that `dpkg --verify` reads.
fn checksums(stage: &Stage) -> Result<Vec<u8>, Box<dyn Error>> {
    output(Command::new("md5sum").current_dir(stage.folder()).args(stage.files()?), "coreutils")
}

/// The description of the package; `size` is in KiB.
fn control(release: &Release, needs: &Needs, size: u64) -> Result<String, Box<dyn Error>> {
    let mut depends = needs.packages()?;
    depends.extend(["adduser", "ca-certificates"].map(str::to_owned));
    let mut text = format!("Package: clawback\nVersion: {}\n", release.debian_version());
    let _ = write!(text, "Architecture: {}\nInstalled-Size: {size}\n", release.architecture()?);
    let _ = writeln!(text, "Depends: {}", depends.join(", "));
    text.push_str(
        "Suggests: postgresql\nSection: mail\nPriority: optional\nMaintainer: Clawback <clawback@localhost>\n\
         Description: pulls delivered phishing out of mailboxes\n \
         Clawback removes delivered phishing and malware from mailboxes on IMAP and JMAP\n servers, in Maildirs, at \
         Microsoft 365 and at Gmail. It collects the approvals\n that a policy asks for, and records every outcome in a \
         tamper-evident history.\n",
    );
    Ok(text)
}
