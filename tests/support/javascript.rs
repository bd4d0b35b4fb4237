//! The connector in JavaScript, built by a compiler from npm. `cargo xtask test` installs that in `target/tools`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the component into a folder, with its manifest next to it. Returns its path.
///
/// # Panics
/// If the compiler is not installed or fails: a test that needs the component never passes without it.
pub fn build(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = root.join("target/tools/node_modules/componentize-qjs/bin/componentize-qjs");
    assert!(program.is_file(), "`componentize-qjs` was not found: `cargo xtask test --install-only` installs it");
    let sources = root.join("plugins/examples/javascript");
    let component = folder.join("eml.wasm");
    let mut command = Command::new("node");
    command.arg(program).arg("--wit").arg(root.join("plugins/wit")).args(["--world", "mail-store"]);
    command.arg("--js").arg(sources.join("connector.js")).arg("--module-root").arg(&sources);
    command.args(["--stub-wasi", "--sync", "--opt-size", "--output"]).arg(&component);
    let output = command.output().expect("node starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::copy(sources.join("eml.toml"), folder.join("eml.toml")).expect("the manifest is copied");
    component
}
