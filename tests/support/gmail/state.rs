//! The server: its mailboxes, what was asked of it, and what a test may do to it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpListener;

use super::faults::Faults;
use super::mailbox::{Mail, Mailbox};
use super::tokens::Key;
use super::{ADMIN, DIRECTORY, MODIFY, routes};

/// A request that was answered.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Of whom the token is.
    pub subject: String,
    /// Method and path without the query.
    pub request: String,
    /// The query.
    pub query: String,
    /// The units it cost.
    pub units: u64,
    /// The status of the answer.
    pub status: u16,
}

/// A running server.
#[derive(Clone)]
pub struct Gmail {
    pub(super) shared: Arc<Mutex<Shared>>,
    pub(super) key: Arc<Key>,
    port: u16,
}

/// What all requests share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) mailboxes: BTreeMap<String, Mailbox>,
    /// The scopes that the administrator delegated.
    pub(super) delegated: Vec<String>,
    /// The subject and the scopes of each token.
    pub(super) tokens: BTreeMap<String, (String, Vec<String>)>,
    pub(super) seen: Vec<Seen>,
    pub(super) faults: Faults,
    /// The units that each user may still use, and until when.
    pub(super) budgets: BTreeMap<String, (u64, Instant)>,
    /// The times between which no request of this user is welcome.
    pub(super) closed: Vec<(String, Instant, Instant)>,
    pub(super) impatient: usize,
    pub(super) running: BTreeMap<String, usize>,
    pub(super) most_at_once: usize,
    pub(super) issued: u64,
}

impl Gmail {
    /// Starts one with this many users. Two scopes are delegated: [`MODIFY`] and [`DIRECTORY`].
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(users: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let mailboxes = (1..=users).map(|number| (super::user(number), Mailbox::default()));
        let delegated = [MODIFY, DIRECTORY].map(str::to_owned).to_vec();
        let shared = Shared { mailboxes: mailboxes.collect(), delegated, ..Shared::default() };
        let gmail = Self { shared: Arc::new(Mutex::new(shared)), key: Arc::new(Key::new()), port };
        let router = routes::router(gmail.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        gmail
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no request panics")
    }

    /// Puts a message into a mailbox, with these labels, and returns its id.
    ///
    /// # Panics
    /// If there is no such mailbox.
    pub fn deliver(&self, user: &str, raw: &[u8], labels: &[&str]) -> String {
        self.with(user, |mailbox| mailbox.deliver(raw, labels))
    }

    /// Does something to a mailbox, as its owner could.
    ///
    /// # Panics
    /// If there is no such mailbox.
    pub fn with<T>(&self, user: &str, task: impl FnOnce(&mut Mailbox) -> T) -> T {
        task(self.lock().mailboxes.get_mut(user).expect("a mailbox of the server"))
    }

    /// The labels of a message, in order; none if it is not there.
    pub fn labels(&self, user: &str, id: &str) -> Option<Vec<String>> {
        self.with(user, |mailbox| mailbox.mails.get(id).map(|mail| mail.labels.iter().cloned().collect()))
    }

    /// All messages of a mailbox.
    pub fn mails(&self, user: &str) -> Vec<Mail> {
        self.with(user, |mailbox| mailbox.mails.values().cloned().collect())
    }

    /// Delegates one more scope.
    pub fn delegate(&self, scope: &str) {
        self.lock().delegated.push(scope.to_owned());
    }

    /// Takes the delegation of a scope back.
    pub fn revoke(&self, scope: &str) {
        self.lock().delegated.retain(|known| known != scope);
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Returns what was asked since the last call of this.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.lock().seen)
    }

    /// How many requests came before the time that an answer had named.
    pub fn impatient(&self) -> usize {
        self.lock().impatient
    }

    /// The most requests at once in one mailbox.
    pub fn most_at_once(&self) -> usize {
        self.lock().most_at_once
    }

    /// Every token that was issued.
    pub fn tokens(&self) -> Vec<String> {
        self.lock().tokens.keys().cloned().collect()
    }

    /// `http://localhost:PORT`.
    pub fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The text of a store's configuration that reads this server, with a key file in `folder`.
    ///
    /// # Panics
    /// If the key file cannot be written.
    pub fn config(&self, folder: &Path, scope: &str, rest: &str) -> String {
        let account = json!({
            "type": "service_account",
            "client_email": "clawback@project.example",
            "private_key": self.key.pem,
            "token_uri": format!("{}/token", self.origin()),
        });
        let key = folder.join("service-account.json");
        crate::binary::write_secret(&key, &account.to_string()).expect("the folder can be written");
        let key = key.display();
        let auth = |scope: &str, subject: &str| {
            format!(
                "{{ kind = \"service-account\", key-file = \"{key}\", scope = \"{scope}\", subject = \"{subject}\", \
                 allow-private-network = true }}"
            )
        };
        let origin = self.origin();
        format!(
            "connector = \"gmail\"\n{rest}\n[endpoints.gmail]\nurl = \"{origin}\"\nallow-private-network = true\n\
             auth = {}\n[endpoints.directory]\nurl = \"{origin}\"\nallow-private-network = true\nauth = {}\n",
            auth(scope, "{mailbox}"),
            auth(DIRECTORY, ADMIN),
        )
    }
}

impl Shared {
    /// Counts the units of a request; returns when to come again if the user has none left.
    pub(super) fn spend(&mut self, user: &str, units: u64) -> Option<Duration> {
        let (most, window) = self.faults.quota?;
        let now = Instant::now();
        let budget = self.budgets.entry(user.to_owned()).or_insert((most, now + window));
        if budget.1 <= now {
            *budget = (most, now + window);
        }
        if budget.0 < units {
            return Some(budget.1 - now);
        }
        budget.0 -= units;
        None
    }
}
