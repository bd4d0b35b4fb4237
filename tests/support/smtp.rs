//! A throw-away SMTP server for submission: aiosmtpd, with STARTTLS and a password. It accepts mail after a login over
//! TLS, puts each message into a Maildir, and ends when its standard input does, so that a killed test leaves none
//! behind.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use super::openssl;

/// The user who may log in.
pub const USER: &str = "clawback";
/// Their password.
pub const PASSWORD: &str = "secret-of-clawback";

/// Debian's own interpreter, which has aiosmtpd once `python3-aiosmtpd` is installed.
pub const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = r#"
import asyncio, ssl, sys
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult

folder, user, password = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + "/server.pem", folder + "/server.key")

def check(server, session, envelope, mechanism, given):
    right = given.login == user.encode() and given.password == password.encode()
    return AuthResult(success=right, handled=False)

def session():
    return SMTP(
        Mailbox(folder + "/mail"), hostname="localhost", tls_context=context, require_starttls=True,
        authenticator=check, auth_required=True,
    )

async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)

asyncio.run(serve())
"#;
/// How long a mail may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// A running server.
pub struct Smtp {
    /// Where it listens, on 127.0.0.1; the certificate is for `localhost` too.
    pub port: u16,
    folder: PathBuf,
    child: Child,
    input: Option<ChildStdin>,
}

/// One mail as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The recipients of the envelope.
    pub recipients: String,
    /// Header and body.
    pub text: String,
}

impl Received {
    /// The values of a field, unfolded; one for each occurrence.
    pub fn fields(&self, name: &str) -> Vec<String> {
        let head = self.text.split("\n\n").next().unwrap_or_default().replace("\n ", " ").replace("\n\t", " ");
        let name = format!("{}:", name.to_lowercase());
        let lines = head.lines().filter(|line| line.to_lowercase().starts_with(&name));
        lines.map(|line| line[name.len()..].trim().to_owned()).collect()
    }
}

impl Smtp {
    /// Starts a server in a folder of its own.
    pub fn start(folder: &Path) -> io::Result<Self> {
        openssl::write_certificates(folder)?;
        let mut child = Command::new(PYTHON)
            .args(["-c", SCRIPT])
            .arg(folder)
            .args([USER, PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It reports every client that breaks off, as those do that do not trust it.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{PYTHON} does not start: {error}")))?;
        let mut said = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut said)?;
        let port = said.trim().parse().map_err(|_| {
            io::Error::other(format!("aiosmtpd did not start (is python3-aiosmtpd installed?): {said}"))
        })?;
        let input = child.stdin.take();
        Ok(Self { port, folder: folder.to_owned(), child, input })
    }

    /// The certificate of the authority that signed the server's.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Waits for this many mails. Returns those that have arrived, oldest first.
    pub fn received(&self, count: usize) -> io::Result<Vec<Received>> {
        let until = Instant::now() + ARRIVES_WITHIN;
        loop {
            let mails = self.mails()?;
            if mails.len() >= count || Instant::now() > until {
                return Ok(mails);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn mails(&self) -> io::Result<Vec<Received>> {
        let mut files: Vec<_> = std::fs::read_dir(self.folder.join("mail/new"))?.collect::<Result<_, _>>()?;
        files.sort_by_key(|file| file.metadata().and_then(|file| file.modified()).ok());
        files
            .iter()
            .map(|file| {
                let text = std::fs::read_to_string(file.path())?.replace("\r\n", "\n");
                let mail = Received { recipients: String::new(), text };
                Ok(Received { recipients: mail.fields("X-RcptTo").join(", "), ..mail })
            })
            .collect()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
