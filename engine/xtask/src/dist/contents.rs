//! What every package has: the program, its man pages and completions, units, examples and papers.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{BOM, PROGRAM, output};

/// Files by their names.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The contents.
#[derive(Debug)]
pub(super) struct Contents {
    /// The program.
    pub(super) program: Vec<u8>,
    /// Man pages.
    pub(super) pages: Files,
    /// Completions, named by their shells.
    pub(super) completions: Files,
    /// Units of systemd.
    pub(super) units: Files,
    /// Files to copy and to change.
    pub(super) examples: Files,
    /// The licence, the changes and the bill of materials.
    pub(super) papers: Files,
    /// What Debian's package has in addition.
    pub(super) debian: Files,
}

impl Contents {
    /// Collects them: from the assets, and from the program itself.
    pub(super) fn of(root: &Path, program: &Path, bom: &Path, staging: &Path) -> Result<Self, Box<dyn Error>> {
        let man = staging.join("man");
        output(Command::new(program).arg("man").arg(&man), PROGRAM)?;
        let assets = root.join("engine/cli/assets");
        let mut completions = Files::new();
        for shell in ["bash", "fish", "zsh"] {
            completions.insert(shell.to_owned(), output(Command::new(program).args(["completions", shell]), PROGRAM)?);
        }
        let mut papers = named(root, &["LICENSE", "CHANGELOG.md"])?;
        papers.insert(BOM.to_owned(), fs::read(bom)?);
        Ok(Self {
            program: fs::read(program)?,
            pages: all(&man)?,
            completions,
            units: named(&assets, &["clawback-serve.service", "clawback-worker.service"])?,
            examples: named(&assets, &["grafana-dashboard.json", "maildir.conf", "postgres-roles.sql"])?,
            papers,
            debian: all(&assets.join("debian"))?,
        })
    }
}

fn named(folder: &Path, names: &[&str]) -> Result<Files, Box<dyn Error>> {
    names.iter().map(|name| Ok(((*name).to_owned(), fs::read(folder.join(name))?))).collect()
}

fn all(folder: &Path) -> Result<Files, Box<dyn Error>> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?);
    }
    Ok(files)
}
