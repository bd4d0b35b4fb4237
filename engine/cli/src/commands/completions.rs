//! `clawback completions` and the man pages.

use std::io::Write as _;
use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::failure::{Exit, Failure};
use crate::output;

pub(crate) fn run(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    // `generate` panics where a write fails, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "clawback", &mut script);
    output::Out.write_all(&script)?;
    Ok(Exit::Done)
}

pub(crate) fn man(folder: &Path) -> Result<Exit, Failure> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    output::line(&format!("wrote man pages into {}", folder.display()))?;
    Ok(Exit::Done)
}
