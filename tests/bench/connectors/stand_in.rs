//! A stand-in in a process of its own, so that its memory is not that of the node.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clawback_tests::binary::write_secret;
use clawback_tests::gmail::{Gmail, MODIFY, user};
use clawback_tests::graph::{CLIENT, Graph, Options, SECRET};

use super::{lazy_jmap, raw};

/// A running one. Dropping it stops it.
pub(super) struct StandIn {
    child: Child,
    /// The configuration of a store on it, without settings.
    pub(super) config: String,
    _folder: tempfile::TempDir,
}

impl StandIn {
    /// Starts a stand-in for `graph`, `gmail` or `jmap`, with so many messages in the mailbox [`mailbox`].
    pub(super) fn start(kind: &str, messages: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--serve", kind, "--messages", &messages.to_string(), "--folder"]).arg(folder.path());
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stand_in = Self { child, config: String::new(), _folder: folder };
        for line in BufReader::new(stand_in.child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line == "ready" {
                return stand_in;
            }
            stand_in.config.push_str(&line);
            stand_in.config.push('\n');
        }
        panic!("the stand-in ended");
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The mailbox of a stand-in.
pub(super) fn mailbox(kind: &str) -> String {
    if kind == "graph" { "ann@acme.test".to_owned() } else { user(1) }
}

/// Serves until its input ends. Prints the configuration of a store.
pub(super) async fn serve(kind: &str, messages: usize, folder: &Path) {
    let mailbox = mailbox(kind);
    let config = if kind == "jmap" {
        let origin = lazy_jmap::start(&mailbox, messages).await;
        let token = folder.join("token");
        write_secret(&token, "a token").unwrap();
        format!(
            "connector = \"jmap\"\nmailboxes = [{mailbox:?}]\n[endpoints.api]\nurl = {origin:?}\n\
             allow-private-network = true\ntoken-file = \"{}\"",
            token.display()
        )
    } else if kind == "graph" {
        let graph = Graph::start(Options::default(), &[&mailbox]).await;
        for number in 0..messages {
            let received = 1_700_000_000_000_000 + i64::try_from(number).unwrap() * 10_000_000;
            graph.deliver(&mailbox, "inbox", &raw(number, "friend@acme.test"), received);
        }
        let secret = folder.join("secret");
        write_secret(&secret, SECRET).unwrap();
        format!(
            "connector = \"graph\"\n[endpoints.api]\nurl = {:?}\nallow-private-network = true\n[endpoints.api.auth]\n\
             kind = \"client-credentials\"\ntoken-url = {:?}\nclient-id = {CLIENT:?}\n\
             scope = \"https://graph.microsoft.com/.default\"\nclient-secret-file = \"{}\"\n\
             allow-private-network = true",
            graph.url(),
            graph.token_url(),
            secret.display(),
        )
    } else {
        let gmail = Gmail::start(1).await;
        for number in 0..messages {
            gmail.deliver(&mailbox, &raw(number, "friend@acme.test"), &["INBOX"]);
        }
        gmail.config(folder, MODIFY, "")
    };
    println!("{config}\nready");
    let wait = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(wait).await.unwrap().unwrap();
}
