//! Files that are generated from the code and committed.

use std::path::Path;

/// Compares a committed file with what the code generates. Writes the file if they differ, so that it need only be
/// committed.
///
/// # Panics
/// If the file was not up to date.
pub fn check(path: &str, generated: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::fs::read_to_string(&file).unwrap_or_default() != generated {
        std::fs::write(&file, generated).expect("the checkout can be written");
        panic!("{path} was not up to date and is written: review the change, then commit it");
    }
}
