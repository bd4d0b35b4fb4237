//! The checksums of the release files, in the format of `sha256sum`.

use std::error::Error;
use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

const SUMS: &str = "SHA256SUMS";

/// Writes the checksums of these files of a folder next to them, and returns them.
pub(super) fn write(folder: &Path, names: &mut [String]) -> Result<String, Box<dyn Error>> {
    names.sort_unstable();
    let mut sums = String::new();
    for name in names {
        sums.push_str(&HEXLOWER.encode(&Sha256::digest(fs::read(folder.join(&*name))?)));
        sums.push_str("  ");
        sums.push_str(name);
        sums.push('\n');
    }
    fs::write(folder.join(SUMS), &sums)?;
    Ok(sums)
}
