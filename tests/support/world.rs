//! A site in the test's own process, as most tests need one: a history, a store that fails on demand, and a clock that
//! the test sets.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::sync::Arc;

use clawback_app::Api;
use clawback_model::{ManualClock, Remediation, RemediationId};
use clawback_runtime::{Notifier, NotifierConfig, Site, Worker, silent};
use clawback_store::Store;

use crate::binary::write_secret;
use crate::fake_store::FakeStore;
use crate::site::{noon, site};

/// What the nodes of a site share.
pub struct World {
    /// The URL of the history.
    pub url: String,
    /// The store `corp`.
    pub store: Arc<FakeStore>,
    /// Sets the time of all nodes.
    pub clock: Arc<ManualClock>,
    /// The files of the site.
    pub folder: tempfile::TempDir,
    playbooks: Vec<(String, String)>,
}

impl World {
    /// A site with a new SQLite history and these playbooks (name and text).
    pub fn new(playbooks: &[(&str, &str)]) -> Self {
        Self::on(None, playbooks)
    }

    /// One on SQLite and one on PostgreSQL.
    pub async fn both(playbooks: &[(&str, &str)]) -> [Self; 2] {
        [Self::new(playbooks), Self::on(Some(crate::postgres::database().await), playbooks)]
    }

    /// A site with the history at `url`, or a new SQLite history.
    pub fn on(url: Option<String>, playbooks: &[(&str, &str)]) -> Self {
        let folder = in_memory();
        let url = url.unwrap_or_else(|| format!("sqlite:{}", folder.path().join("test.db").display()));
        let playbooks = playbooks.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Self { url, store: Arc::new(FakeStore::new("corp")), clock: noon(), folder, playbooks }
    }

    /// The same with another store.
    #[must_use]
    pub fn with_store(mut self, store: FakeStore) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// A node of the site with connections of its own to the history; the same as one after a restart.
    pub async fn node(&self) -> Site {
        let history = Store::open(&self.url).await.unwrap();
        let playbooks: Vec<(&str, &str)> =
            self.playbooks.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        site(history, vec![Arc::clone(&self.store) as _], &playbooks, Arc::clone(&self.clock) as _)
    }

    /// The application layer of a node after a change of it.
    pub async fn api(&self, change: impl FnOnce(&mut Site)) -> Api {
        let mut node = self.node().await;
        change(&mut node);
        Api::new(Arc::new(node))
    }

    /// A notifier that posts to `url`, signed with a key of the site.
    pub fn webhook(&self, name: &str, url: &str, every_change: bool) -> Notifier {
        // As the binary does; a second call is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = self.folder.path().join("key");
        if !key.exists() {
            write_secret(&key, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        }
        let config = NotifierConfig::Webhook { url: format!("{url}/{name}"), secret_file: "key".into(), every_change };
        Notifier::open(name, &config, self.folder.path()).unwrap()
    }
}

/// A folder in memory if the system has one: tests have many commits.
pub fn in_memory() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// A worker of this node.
pub fn worker(api: &Api) -> Worker {
    Worker::new(Arc::clone(api.site()), silent())
}

/// Works on a remediation until nothing is left to do now. The counts sum.
pub async fn run(api: &Api, id: &RemediationId) -> Remediation {
    let done = worker(api).run(id).await.unwrap();
    assert!(done.counts.is_consistent(), "{:?}", done.counts);
    done
}
