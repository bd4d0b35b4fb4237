//! A throw-away pymap, an IMAP server in Python that we did not write, with mailboxes in memory: plain `IMAP4rev1` with
//! MOVE and UIDPLUS, without NAMESPACE, SPECIAL-USE and ESEARCH. It has one user with some mail of its own.
//! `cargo xtask test` installs it in `target/tools/python`.

use std::io;
use std::net::SocketAddr;

use tempfile::TempDir;

use super::access::{Access, Login};
use super::servers::tools;
use super::supervised::{Manner, Supervised, free_port};

/// Its only user.
const USER: &str = "u0001";
/// Their password.
const PASSWORD: &str = "secret-of-a-user";

/// A running server.
#[derive(Debug)]
pub struct Pymap {
    _process: Supervised,
    address: SocketAddr,
    _folder: TempDir,
}

impl Pymap {
    /// Starts a server and waits until it greets. Panics with a sentence if it cannot.
    pub fn start() -> Self {
        Self::try_start().unwrap_or_else(|error| panic!("pymap did not start: {error}"))
    }

    fn try_start() -> io::Result<Self> {
        let program = tools().join("python/bin/pymap");
        if !program.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "it is not installed: `cargo xtask test --install-only` does that",
            ));
        }
        let folder = tempfile::Builder::new().prefix("pymap").tempdir()?;
        let address = free_port()?;
        let program = program.canonicalize()?.display().to_string();
        let port = address.port().to_string();
        let words = [
            program.as_str(),
            "--host",
            "127.0.0.1",
            "--port",
            port.as_str(),
            "--no-tls",
            "--no-service",
            "admin",
            "dict",
            "--demo-user",
            USER,
            "--demo-password",
            PASSWORD,
        ];
        let mut process = Supervised::start(folder.path(), Manner::Soft, words)?;
        process.wait_for(address, "* OK", &folder.path().join("log")).map_err(io::Error::other)?;
        Ok(Self { _process: process, address, _folder: folder })
    }

    /// Access to its mailbox.
    pub fn access(&self) -> Access {
        Access::new(self.address, Login::Own { password: PASSWORD.to_owned() }, vec![USER.to_owned()])
    }
}
