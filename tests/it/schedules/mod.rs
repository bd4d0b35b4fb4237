//! Timers: slots compared with another cron, firing on both databases, sweeps, and a month in seconds.

mod commands;
mod concurrent_sweeps;
mod differential;
mod fire;
mod looks_again;
mod month;
mod sweeps;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clawback_app::Api;
use clawback_connectors::MailStore;
use clawback_model::{ManualClock, Principal, Remediation, Role, Status, Timestamp};
use clawback_runtime::{Site, Timers};
use clawback_store::{HistoryFilter, Store};
use clawback_tests::fake_store::FakeStore;
use clawback_tests::site::{NOON, person, random, site};
use clawback_tests::world;
use sqlx::Connection as _;

/// A site with a folder of playbooks and a clock that the test sets.
pub(crate) struct World {
    pub(crate) store: Arc<FakeStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) api: Api,
    pub(crate) timers: Timers,
    folder: tempfile::TempDir,
    url: String,
}

impl World {
    /// One on SQLite and one on PostgreSQL.
    pub(crate) async fn both(playbooks: &[(&str, &str)]) -> [Self; 2] {
        [Self::new(playbooks).await, Self::on(clawback_tests::postgres::database().await, playbooks, NOON).await]
    }

    pub(crate) async fn new(playbooks: &[(&str, &str)]) -> Self {
        Self::on(String::new(), playbooks, NOON).await
    }

    /// On a database; an empty URL means a new SQLite file.
    pub(crate) async fn on(url: String, playbooks: &[(&str, &str)], at: Timestamp) -> Self {
        let folder = world::in_memory();
        let url = if url.is_empty() { format!("sqlite:{}", folder.path().join("test.db").display()) } else { url };
        let (store, clock) = (Arc::new(FakeStore::new("corp")), Arc::new(ManualClock::new(at)));
        for (name, text) in playbooks {
            std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
        }
        let site = node(&url, &folder.path().to_owned(), &store, &clock, random).await;
        let api = Api::new(Arc::new(site));
        for who in [ann(), ben()] {
            api.site().history.add_principal(&who, "root", at).await.unwrap();
        }
        Self { store, clock, timers: Timers::new(Arc::clone(api.site())), api, folder, url }
    }

    /// Another node of the same site.
    pub(crate) async fn another(&self) -> Timers {
        let folder = self.folder.path().to_owned();
        Timers::new(Arc::new(node(&self.url, &folder, &self.store, &self.clock, random).await))
    }

    pub(crate) fn write(&self, playbook: &str, text: &str) {
        std::fs::write(self.playbook(playbook), text).unwrap();
    }

    pub(crate) fn playbook(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.yaml"))
    }

    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn history(&self) -> &Store {
        &self.api.site().history
    }

    pub(crate) fn pass(&self, minutes: u64) {
        self.clock.advance(Duration::from_mins(minutes));
    }

    /// Ticks after this many minutes. Returns the number of remediations that began.
    pub(crate) async fn tick_after(&mut self, minutes: u64) -> u64 {
        self.pass(minutes);
        turn(&mut self.timers).await
    }

    /// Works until nothing is due.
    pub(crate) async fn work(&self) -> Vec<Remediation> {
        let worker = world::worker(&self.api);
        let mut done = Vec::new();
        while let Some(remediation) = worker.run_next().await.unwrap() {
            done.push(remediation);
        }
        done
    }

    /// Every remediation, oldest first.
    pub(crate) async fn all(&self) -> Vec<Remediation> {
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.history().history(&HistoryFilter::default(), cursor, 1_000).await.unwrap();
            all.extend(page.remediations);
            cursor = page.next;
            if cursor.is_none() {
                all.reverse();
                return all;
            }
        }
    }

    /// Slots as `minutes after noon: fate`, oldest first.
    pub(crate) async fn slots(&self, name: &str) -> Vec<String> {
        let minute = |at: Timestamp| (at.0 - NOON.0) / 60_000_000;
        let slots = self.history().slots(name, 1_000).await.unwrap();
        let told = slots.iter().rev().map(|slot| {
            let fate = slot.reason.map_or("ran".to_owned(), |reason| reason.to_string());
            if slot.slots == 1 {
                format!("{} {fate}", minute(slot.first))
            } else {
                format!("{}-{} {fate}", minute(slot.first), minute(slot.last))
            }
        });
        told.collect()
    }

    /// Runs SQL without the store, as an intruder would.
    pub(crate) async fn sql(&self, sql: &'static str) {
        if self.url.starts_with("sqlite") {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
    }

    pub(crate) async fn verify(&self) {
        self.history().verify(None, |_| {}).await.unwrap();
    }
}

/// Does all that is due. Returns the number of remediations that began.
pub(crate) async fn turn(timers: &mut Timers) -> u64 {
    Box::pin(timers.tick()).await.unwrap() + timers.looked().await.unwrap()
}

pub(crate) async fn node(
    url: &str,
    playbooks: &PathBuf,
    store: &Arc<FakeStore>,
    clock: &Arc<ManualClock>,
    random: fn() -> u64,
) -> Site {
    let stores: Vec<Arc<dyn MailStore>> = vec![Arc::clone(store) as _];
    let mut site = site(Store::open(url).await.unwrap(), stores, &[], Arc::clone(clock) as _);
    site.library.shipped_workflows.clear();
    site.library.workflows.clone_from(playbooks);
    site.library.scripts.clone_from(playbooks);
    site.tuning.backoff = Duration::from_micros(1);
    site.random = random;
    // One look after the other, so that the seed determines everything.
    site.tuning.looks = 1;
    site
}

pub(crate) fn ann() -> Principal {
    person("ann", &[Role::Analyst])
}

pub(crate) fn ben() -> Principal {
    person("ben", &[Role::Approver])
}

pub(crate) fn statuses(of: &[Remediation]) -> Vec<Status> {
    of.iter().map(|remediation| remediation.status).collect()
}
