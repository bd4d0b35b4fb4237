//! Playbooks and scripts: the shipped ones, cases in folders, mistakes with their full diagnostics, hostile scripts.

mod cases;
mod command;
mod documented;
mod hostile;
mod invalid;
mod message;
mod scripts;
mod shipped;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clawback_playbooks::Env;

/// A path in the repository.
fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The folders or files in a folder, sorted by name.
fn entries(path: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(root(path)).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The shipped scripts by file name.
fn scripts() -> BTreeMap<String, String> {
    let files = entries("scripts").into_iter().filter(|path| path.extension().is_some_and(|end| end == "rhai"));
    files.map(|path| (name(&path), read(&path))).collect()
}

fn env() -> Env {
    Env { scripts: scripts(), ..Env::default() }
}

/// Compares with the file. Writes it if it is missing, and then fails once, so that a person reviews it.
fn expect(path: &Path, found: &str) -> Result<(), String> {
    match fs::read_to_string(path) {
        Ok(expected) if expected == found => Ok(()),
        Ok(expected) => Err(format!("{}\n--- expected\n{expected}\n--- found\n{found}", path.display())),
        Err(_) => {
            fs::write(path, found).unwrap();
            Err(format!("{} was missing; it is written now, look at it", path.display()))
        }
    }
}
