//! A server process that ends with the value that holds it, and with this process however that dies: a small shell
//! waits at the other end of a pipe, so a killed test leaves no server behind.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// How long a server may take until it greets: it needs 0.1 to 1 s on an idle machine.
const START_WITHIN: Duration = Duration::from_secs(30);
/// Starts the arguments after the folder as a process group of their own and stops the group when the pipe closes. With
/// a first argument of `hard`, it is killed at once.
const SCRIPT: &str = r#"
    folder=$1; manner=$2; shift 2
    trap : INT TERM HUP
    setsid "$@" </dev/null >>"$folder/log" 2>&1 &
    server=$!
    read -r order
    if [ "$manner" = soft ]; then
        kill -s TERM $server 2>/dev/null
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            kill -0 $server 2>/dev/null || break
            sleep 0.1
        done
    fi
    kill -s KILL -- -$server 2>/dev/null
    wait $server
    [ "$order" = keep ] || rm -rf "$folder"
    exit 0"#;

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// By SIGTERM, and by SIGKILL if it is still there two seconds later.
    Soft,
    /// By SIGKILL at once.
    Hard,
}

/// A running process. Dropping it ends it.
#[derive(Debug)]
pub struct Supervised {
    // Its standard input is the pipe whose end stops the server.
    shell: Child,
}

impl Supervised {
    /// Starts `words`; the output goes to `folder/log`. The folder is removed if this process dies.
    pub fn start<S: AsRef<OsStr>>(
        folder: &Path,
        manner: Manner,
        words: impl IntoIterator<Item = S>,
    ) -> io::Result<Self> {
        let manner = if manner == Manner::Soft { "soft" } else { "hard" };
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "supervisor"])
            .arg(folder)
            .arg(manner)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { shell })
    }

    /// Waits until the server at `address` sends a greeting that contains `greeting`; the error is the text of its log.
    pub fn wait_for(&mut self, address: SocketAddr, greeting: &str, log: &Path) -> Result<(), String> {
        let until = Instant::now() + START_WITHIN;
        while Instant::now() < until {
            if let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let mut bytes = [0_u8; 2048];
                let count = stream.read(&mut bytes).unwrap_or(0);
                // Another instance may hold the port by now; the greeting names the instance.
                if String::from_utf8_lossy(&bytes[..count]).contains(greeting) {
                    return Ok(());
                }
            }
            let text = fs::read_to_string(log).unwrap_or_default();
            if text.contains("Fatal:") || text.contains("Address already in use") || self.has_ended() {
                return Err(text.trim().to_owned());
            }
            thread::sleep(Duration::from_millis(10));
        }
        let text = fs::read_to_string(log).unwrap_or_default();
        Err(format!("no greeting within {START_WITHIN:?}; its log says: {}", text.trim()))
    }

    fn has_ended(&mut self) -> bool {
        self.shell.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Ends the server as the death of this process would, and waits for it.
    pub fn lose(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.shell.stdin.take() {
            let _ = pipe.write_all(b"keep\n");
        }
        let _ = self.shell.wait();
    }
}

/// A port of loopback that is free at this moment.
pub fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
