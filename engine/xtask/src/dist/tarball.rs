//! The archive for systems without Debian's packages: one folder with the program, and what belongs to it.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use super::contents::Contents;
use super::output;
use super::release::Release;
use super::stage::{READ, RUN, Stage};

/// Makes the archive in a folder. Returns its name.
pub(super) fn make(
    contents: &Contents,
    release: &Release,
    staging: &Path,
    folder: &Path,
) -> Result<String, Box<dyn Error>> {
    let stage = Stage::new(staging)?;
    let name = format!("clawback-{}-{}", release.version, release.target);
    stage.put(&format!("{name}/clawback"), &contents.program, RUN)?;
    let groups = [
        ("man", &contents.pages),
        ("completions", &contents.completions),
        ("systemd", &contents.units),
        ("examples", &contents.examples),
        (".", &contents.papers),
    ];
    for (place, files) in groups {
        for (file, bytes) in files {
            stage.put(&format!("{name}/{place}/{file}"), bytes, READ)?;
        }
    }
    stage.finish(release.epoch)?;
    let archive = format!("{name}.tar.gz");
    let mut tar = Command::new("tar");
    // Without the time and the name that gzip would write.
    tar.args(["--create", "--sort=name", "--owner=root:0", "--group=root:0", "--format=gnu"])
        .arg(format!("--use-compress-program=gzip --no-name -{}", release.level))
        .arg("--file")
        .arg(folder.join(&archive))
        .arg("--directory")
        .arg(stage.folder())
        .arg(&name);
    output(&mut tar, "tar")?;
    Ok(archive)
}
