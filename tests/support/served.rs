//! A running `clawback serve`, stopped when it is dropped.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use super::binary::Clawback;

/// `clawback serve` on a free port of loopback.
pub struct Served {
    process: Child,
    address: String,
    log: Option<JoinHandle<String>>,
}

impl Served {
    /// Starts it as this principal, and waits until it listens.
    pub fn start(who: &Clawback, options: &[&str]) -> Self {
        Self::listening(who.command(&[&["serve", "--listen", "127.0.0.1:0"], options].concat()))
    }

    /// The same with a log of what this filter lets through.
    pub fn start_with_log(who: &Clawback, filter: &str) -> Self {
        let mut command = who.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("CLAWBACK_LOG", filter);
        Self::listening(command)
    }

    /// The same with a limit of open files and connections for the process.
    pub fn start_with_descriptors(who: &Clawback, most: u32, options: &[&str]) -> Self {
        let command = who.command(&[&["serve", "--listen", "127.0.0.1:0"], options].concat());
        // `prlimit` replaces itself with the program.
        let mut limited = Command::new("prlimit");
        limited.arg(format!("--nofile={most}:{most}")).arg(command.get_program()).args(command.get_args());
        limited.env_remove("CLAWBACK_TOKEN");
        Self::listening(limited)
    }

    fn listening(mut command: Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the binary starts");
        let mut lines = BufReader::new(process.stderr.take().expect("it is piped")).lines();
        let told = lines.find_map(|line| line.ok()?.strip_prefix("Action Center at ").map(str::to_owned));
        let log = Some(std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n")));
        Self { process, address: told.expect("it says where it serves").trim_end_matches('/').to_owned(), log }
    }

    /// Stops it, and returns all that it wrote to standard error after its address.
    pub fn log(mut self) -> String {
        let _ = self.process.kill();
        self.log.take().and_then(|log| log.join().ok()).unwrap_or_default()
    }

    /// Its address, such as `http://127.0.0.1:8025`.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// The same as a socket.
    pub fn socket(&self) -> SocketAddr {
        self.address.trim_start_matches("http://").parse().expect("it listens at a number")
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Child {
        &mut self.process
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
