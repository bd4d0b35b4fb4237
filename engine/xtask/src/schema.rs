//! Writes the JSON Schema of the playbook language, or checks that the committed one is up to date.

use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

/// Options of `cargo xtask schema`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write nothing; exit 1 if `workflows/playbook.schema.json` differs.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows/playbook.schema.json");
    let schema = clawback_playbooks::schema();
    if !options.check {
        fs::write(path, schema)?;
        return Ok(ExitCode::SUCCESS);
    }
    match fs::read_to_string(&path) {
        Ok(committed) if committed == schema => Ok(ExitCode::SUCCESS),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => {
            Err("workflows/playbook.schema.json differs from the language: run `cargo xtask schema` and commit it"
                .into())
        }
    }
}
