//! Servers that `cargo xtask test` unpacks under `target/tools`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of what `cargo xtask test` installs.
pub(crate) fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools")
}

/// The root of an unpacked server. An error names the command that unpacks it.
pub(crate) fn unpacked(name: &str) -> io::Result<PathBuf> {
    let folder = tools().join("servers").join(name);
    if !folder.join("installed").is_file() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("{name} is not unpacked: `cargo xtask test --install-only` does that"),
        ));
    }
    folder.canonicalize()
}

/// Sets a variable in a file of lines `NAME=value`.
pub(crate) fn set(file: &Path, name: &str, value: &str) -> io::Result<()> {
    let begin = format!("{name}=");
    let text = fs::read_to_string(file)?;
    if !text.lines().any(|line| line.starts_with(&begin)) {
        return Err(io::Error::other(format!("{} has no {name}", file.display())));
    }
    let lines: Vec<String> = text
        .lines()
        .map(|line| if line.starts_with(&begin) { format!("{begin}{value}") } else { line.to_owned() })
        .collect();
    fs::write(file, lines.join("\n") + "\n")
}
