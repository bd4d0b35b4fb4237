//! `cargo xtask test`: runs everything, on a machine that has only cargo.
//!
//! The tests use real servers. Missing ones are installed from Debian's packages, or reported with the exact command if
//! this user may not install. **Invariant:** nothing is skipped; a server that is not available is a failure.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use std::{env, fs};

/// The programs that tests start, each with its Debian package.
const NEEDED: [(&str, &str); 21] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("dovecot", "dovecot-imapd"),
    ("initdb", "postgresql"),
    ("postgres", "postgresql"),
    ("openssl", "openssl"),
    ("aiosmtpd", "python3-aiosmtpd"),
    ("ssh-keygen", "openssh-client"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
    ("systemd-analyze", "systemd"),
    ("adduser", "adduser"),
    ("objdump", "binutils"),
    ("gzip", "gzip"),
    ("mbsync", "isync"),
    ("faketime", "faketime"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("python3", "python3-venv"),
    ("go", "golang-go"),
    ("go", "golang-golang-x-mod-dev"),
];

/// The packages from npm and PyPI that tests use, with all dependencies, each pinned by its hash.
const TOOLS: &str = "tests/tools";

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Install what is missing, and exit
    #[arg(long)]
    install_only: bool,
    /// How many compilers run concurrently; default: one per core
    #[arg(long, short)]
    jobs: Option<u16>,
}

/// The totals that the test programs report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    programs: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    install()?;
    install_from_npm()?;
    install_from_pypi()?;
    crate::unpack::install(&root()?.join("target/tools"))?;
    if options.install_only {
        return Ok(ExitCode::SUCCESS);
    }
    let root = root()?;
    let started = Instant::now();
    let mut tally = Tally::default();
    // The binaries are built first, in the same build as the tests, because some tests run them. Benches are only checked,
    // by clippy: to link them takes longer than most tests.
    let targets = ["build", "--workspace", "--bins", "--tests"];
    let built = step("build", &mut tally, &mut cargo(&root, options, &targets))?;
    if !built {
        return Ok(ExitCode::FAILURE);
    }
    let filter = options.filter.as_deref();
    let threads = threads();
    let mut tests = |name: &str, folder: &Path| {
        let mut command = cargo(folder, options, &["test", "--workspace", "--no-fail-fast"]);
        command.env("RUST_TEST_THREADS", &threads);
        step(name, &mut tally, command.args(filter))
    };
    let engine = tests("test the engine, end to end", &root)?;
    let guests = tests("test the connectors' own logic, natively", &root.join("plugins"))?;

    let failed = !engine || !guests || tally.failed > 0;
    let Tally { programs, passed, failed: failures, ignored } = tally;
    say(&format!(
        "==> {}: {passed} tests passed, {failures} failed, {ignored} ignored in {programs} programs, {}",
        if failed { "FAILED" } else { "all is well" },
        seconds(started.elapsed())
    ));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Returns how many tests run concurrently, unless the environment says it: three for two cores, because the tests wait
/// for servers and deadlines for about a third of their time.
fn threads() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    env::var("RUST_TEST_THREADS").unwrap_or_else(|_| (cores + cores.div_ceil(2)).to_string())
}

/// Installs the needed programs that are missing.
fn install() -> Result<(), Box<dyn Error>> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let install = ["install", "--yes", "--no-install-recommends"];
    let by_hand = format!(
        "missing: {}; as root: apt-get update && apt-get {} {}",
        missing.iter().map(|(program, _)| *program).collect::<Vec<_>>().join(", "),
        install.join(" "),
        packages(&missing).join(" "),
    );
    if find("apt-get").is_none() {
        return Err(format!("{by_hand} (this system has no apt-get: install the same from its own packages)").into());
    }
    let prefix: &[&str] = if fs::metadata("/proc/self")?.uid() == 0 {
        &[]
    } else if Command::new("sudo").args(["-n", "true"]).output().is_ok_and(|output| output.status.success()) {
        &["sudo", "-n"]
    } else {
        return Err(by_hand.into());
    };
    say(&format!("==> install {}", packages(&missing).join(" ")));
    let apt = |arguments: &[&str]| {
        // With env, because sudo does not pass the environment on.
        let mut words = prefix.iter().chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]);
        let mut command = Command::new(words.next().expect("env is always there"));
        command.args(words).args(arguments).status()
    };
    // Old package lists name versions that the mirrors no longer have.
    let updated = apt(&["update"])?.success();
    let installed = apt(&[install.as_slice(), &packages(&missing)].concat())?.success();
    let left = self::missing();
    if left.is_empty() {
        return Ok(());
    }
    let why = if updated && installed { "still" } else { "apt-get failed;" };
    Err(format!("{why} {by_hand}").into())
}

/// Installs the npm packages into `target/tools`, unless they are there.
fn install_from_npm() -> Result<(), Box<dyn Error>> {
    let (root, lock) = (root()?, "package-lock.json");
    let folder = root.join("target/tools");
    let done = folder.join("installed");
    let wanted = fs::read_to_string(root.join(TOOLS).join(lock))?;
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say(&format!("==> install {TOOLS}/{lock}"));
    fs::create_dir_all(&folder)?;
    for file in ["package.json", lock] {
        fs::copy(root.join(TOOLS).join(file), folder.join(file))?;
    }
    // Compares every package with the hash in the lock file.
    let mut npm = Command::new("npm");
    npm.args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
    if !npm.status()?.success() {
        return Err(format!("npm could not install {TOOLS}/{lock}").into());
    }
    Ok(fs::write(done, wanted)?)
}

/// Installs the PyPI packages into a separate environment, `target/tools/python`, unless it is there.
fn install_from_pypi() -> Result<(), Box<dyn Error>> {
    let root = root()?;
    let (folder, lock) = (root.join("target/tools/python"), root.join(TOOLS).join("pip.txt"));
    let done = folder.join("installed");
    let wanted = fs::read_to_string(&lock)?;
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say(&format!("==> install {TOOLS}/pip.txt"));
    if !Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).status()?.success() {
        return Err("python3 makes no environments; as root: apt-get install python3-venv".into());
    }
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]).arg(lock);
    if !pip.status()?.success() {
        return Err(format!("pip could not install {TOOLS}/pip.txt").into());
    }
    Ok(fs::write(done, wanted)?)
}

/// Returns the missing programs. Python may be installed without its module for environments.
fn missing() -> Vec<(&'static str, &'static str)> {
    let is_there = |program: &str| match program {
        "python3" => Command::new(program)
            .args(["-c", "import ensurepip"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success()),
        _ => find(program).is_some(),
    };
    NEEDED.into_iter().filter(|(program, _)| !is_there(program)).collect()
}

fn packages(missing: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

/// Finds a program. Servers are not in every user's PATH, and Debian installs PostgreSQL's programs in a folder per
/// version.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/bin"].map(PathBuf::from)).chain(versions);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Returns the root of the repository.
pub(crate) fn root() -> Result<PathBuf, Box<dyn Error>> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?)
}

fn cargo(folder: &Path, options: &Options, arguments: &[&str]) -> Command {
    let mut command = crate::cargo::cargo();
    command.current_dir(folder).args(arguments);
    if let Some(jobs) = options.jobs {
        command.args(["--jobs", &jobs.to_string()]);
    }
    command
}

/// Runs one command, shows its output line by line, and counts the results that test programs report.
fn step(name: &str, tally: &mut Tally, command: &mut Command) -> Result<bool, Box<dyn Error>> {
    say(&format!("==> {name}"));
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().expect("piped");
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        say(&line);
        tally.read(&line);
    }
    let success = child.wait()?.success();
    say(&format!("==> {name}: {} in {}", if success { "ok" } else { "FAILED" }, seconds(started.elapsed())));
    Ok(success)
}

impl Tally {
    /// Reads a line such as `test result: ok. 5 passed; 0 failed; 0 ignored; ...`.
    fn read(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        self.programs += 1;
        for (count, word) in counts.split("; ").filter_map(|part| part.split_once(' ')) {
            let count = count.parse().unwrap_or(0);
            match word {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}

#[expect(clippy::print_stdout, reason = "the results are what the command is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::{Tally, packages};

    #[test]
    fn counts_what_test_programs_report() {
        let mut tally = Tally::default();
        tally.read("test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s");
        tally.read("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tally.read("test result_of_something ... ok");
        assert_eq!(tally, Tally { programs: 2, passed: 8, failed: 2, ignored: 1 });
    }

    #[test]
    fn names_a_package_once() {
        let missing = [("initdb", "postgresql"), ("postgres", "postgresql"), ("openssl", "openssl")];
        assert_eq!(packages(&missing), ["postgresql", "openssl"]);
    }
}
