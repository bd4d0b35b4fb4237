//! Prism, a validating proxy that we did not write: it compares requests and answers with the OpenAPI document, and
//! refuses what does not fit. `cargo xtask test` installs it in `target/tools`.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running proxy. Dropping it stops it.
pub struct Prism {
    child: Child,
    port: u16,
}

impl Prism {
    /// Starts one in front of this server.
    ///
    /// # Panics
    /// If it is not installed or does not start: a test that needs it never passes without it.
    pub fn start(upstream: &str) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = tests.join("../target/tools/node_modules/@stoplight/prism-cli/dist/index.js");
        assert!(program.is_file(), "`prism-cli` was not found: `cargo xtask test --install-only` installs it");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut command = Command::new("node");
        command.arg(program).arg("proxy").arg(tests.join("data/graph-mail.json")).arg(upstream);
        command.args(["--errors", "--host", "127.0.0.1", "--port", &port.to_string()]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("node starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("is listening") {
            said.clear();
            assert!(lines.read_line(&mut said).expect("it speaks") > 0, "Prism ended");
        }
        // Its log would fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, port }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
