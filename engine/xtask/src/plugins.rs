//! Builds the connectors, and verifies that the committed ones match the source.
//!
//! `plugins/dist` is committed so that a new machine needs no WebAssembly target. The bytes need not be trusted: the
//! build is reproducible, and `--verify` repeats it in an empty folder and compares.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::test::say;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A component in `plugins/dist`.
pub(crate) struct Guest {
    /// Its package in the workspace `plugins`.
    pub(crate) package: &'static str,
    /// The file of its library.
    file: &'static str,
    /// Its place in `plugins/dist`.
    pub(crate) place: &'static str,
}

/// The connectors inside the program.
pub(crate) const EMBEDDED: [Guest; 6] = [
    Guest { package: "clawback-connector-doveadm", file: "clawback_connector_doveadm.wasm", place: "doveadm.wasm" },
    Guest { package: "clawback-connector-gmail", file: "clawback_connector_gmail.wasm", place: "gmail.wasm" },
    Guest { package: "clawback-connector-graph", file: "clawback_connector_graph.wasm", place: "graph.wasm" },
    Guest { package: "clawback-connector-imap", file: "clawback_connector_imap.wasm", place: "imap.wasm" },
    Guest { package: "clawback-connector-jmap", file: "clawback_connector_jmap.wasm", place: "jmap.wasm" },
    Guest { package: "clawback-connector-maildir", file: "clawback_connector_maildir.wasm", place: "maildir.wasm" },
];

/// The connector of the tests that breaks rules.
const HOSTILE: Guest = Guest {
    package: "clawback-connector-hostile",
    file: "clawback_connector_hostile.wasm",
    place: "hostile/hostile.wasm",
};

/// Every component of `plugins/dist`.
fn guests() -> impl Iterator<Item = Guest> {
    EMBEDDED.into_iter().chain([HOSTILE])
}

const SUMS: &str = "SHA256SUMS";

/// Options of `cargo xtask plugins`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Build in an empty folder and compare with plugins/dist instead of writing it; exit 1 if anything differs.
    #[arg(long)]
    verify: bool,
    /// How many compilers run concurrently.
    #[arg(long, short, default_value_t = 2)]
    jobs: u16,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot {what} `{path}`")]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot run cargo")]
    Cargo(#[source] io::Error),
    #[error("cargo could not build the guests; is the target there? (`rustup target add {TARGET}`)")]
    Build,
    #[error("`{guest}` is not a component: {why}")]
    Encode { guest: &'static str, why: String },
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let plugins = plugins.canonicalize().map_err(|source| io_error("find", &plugins, source))?;
    let dist = plugins.join("dist");
    if options.verify {
        let fresh = tempfile::tempdir()?;
        return Ok(verify(&dist, &build(&plugins, fresh.path(), options.jobs)?)?);
    }
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| plugins.join("target"), |dir| Path::new(&dir).join("guests"));
    write(&dist, &build(&plugins, &target, options.jobs)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds all components, by their place in `dist`.
fn build(plugins: &Path, target: &Path, jobs: u16) -> Result<BTreeMap<&'static str, Vec<u8>>, Error> {
    let mut cargo = crate::cargo::cargo();
    cargo
        .current_dir(plugins)
        .args(["build", "--release", "--locked", "--target", TARGET, "--jobs", &jobs.to_string(), "--target-dir"])
        .arg(target)
        .env("CARGO_ENCODED_RUSTFLAGS", remaps(plugins)?.join("\x1f"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_BUILD_RUSTFLAGS");
    for guest in guests() {
        cargo.args(["--package", guest.package]);
    }
    if !cargo.status().map_err(Error::Cargo)?.success() {
        return Err(Error::Build);
    }
    guests()
        .map(|guest| {
            let path = target.join(TARGET).join("release").join(guest.file);
            let module = fs::read(&path).map_err(|source| io_error("read", &path, source))?;
            Ok((guest.place, component(guest.package, &module)?))
        })
        .collect()
}

/// Returns the options that make source paths in panic messages the same on every machine.
fn remaps(plugins: &Path) -> Result<Vec<String>, Error> {
    let remaps = prefixes(plugins)?;
    Ok(remaps.iter().map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display())).collect())
}

/// Returns the folder of cargo's downloads.
pub(crate) fn cargo_home() -> PathBuf {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    home.unwrap_or_default()
}

/// Returns the folders of sources on this machine, each with the name that it has in programs.
pub(crate) fn prefixes(sources: &Path) -> Result<Vec<(PathBuf, &'static str)>, Error> {
    let mut remaps = vec![(sources.to_owned(), "/src")];
    let registry = cargo_home().join("registry/src");
    // Cargo creates this folder at its first download; without it there is nothing to remap.
    if registry.is_dir() {
        let entries = fs::read_dir(&registry).map_err(|source| io_error("list", &registry, source))?;
        for entry in entries {
            let entry = entry.map_err(|source| io_error("list", &registry, source))?;
            remaps.push((entry.path(), "/deps"));
        }
    }
    remaps.sort_unstable();
    Ok(remaps)
}

fn component(guest: &'static str, module: &[u8]) -> Result<Vec<u8>, Error> {
    let encode = || wit_component::ComponentEncoder::default().validate(true).module(module)?.encode();
    encode().map_err(|error| Error::Encode { guest, why: format!("{error:#}") })
}

fn write(dist: &Path, components: &BTreeMap<&'static str, Vec<u8>>) -> Result<(), Error> {
    for (place, bytes) in components {
        let path = dist.join(place);
        let folder = path.parent().unwrap_or(dist);
        fs::create_dir_all(folder).map_err(|source| io_error("make", folder, source))?;
        fs::write(&path, bytes).map_err(|source| io_error("write", &path, source))?;
        say(&format!("{} {:>9} bytes  {place}", digest(bytes), bytes.len()));
    }
    let path = dist.join(SUMS);
    fs::write(&path, sums(components)).map_err(|source| io_error("write", &path, source))
}

fn verify(dist: &Path, components: &BTreeMap<&'static str, Vec<u8>>) -> Result<ExitCode, Error> {
    let mut same = true;
    let mut compare = |place: &str, built: &[u8]| {
        let path = dist.join(place);
        let committed = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(io_error("read", &path, source)),
        };
        let verdict = if committed == built { "ok" } else { "DIFFERS" };
        same &= committed == built;
        say(&format!("{verdict:<8} {place}: committed {}, built {}", digest(&committed), digest(built)));
        Ok(())
    };
    for (place, bytes) in components {
        compare(place, bytes)?;
    }
    compare(SUMS, sums(components).as_bytes())?;
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the checksums in the format of `sha256sum`.
fn sums(components: &BTreeMap<&'static str, Vec<u8>>) -> String {
    components.iter().fold(String::new(), |sums, (place, bytes)| format!("{sums}{}  {place}\n", digest(bytes)))
}

fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io { what, path: path.to_owned(), source }
}
