//! Checkpoints of the history are sent without a command: each hour while events are recorded, and before messages are
//! deleted for good.

use std::sync::Arc;
use std::time::Duration;

use clawback_app::Api;
use clawback_connectors::MailStore;
use clawback_model::{Clock as _, ManualClock, Role, Status};
use clawback_runtime::{
    Checkpoints, Notifier, NotifierConfig, Outbox, SiteKey, Witnesses, Worker, open_checkpoint, silent,
};
use clawback_store::{Store, TrustedHeads};
use clawback_tests::binary::write_secret;
use clawback_tests::fake_store::FakeStore;
use clawback_tests::hooks::{Hook, Hooks};
use clawback_tests::site::{noon, person, site, submission};

const PLAYBOOK: &str = "playbook: purge
on: { manual: {} }
steps:
  - search: { where: { from: eve@evil.example } }
  - remediate: { action: hard-delete }
";

/// A site whose checkpoints one program receives.
struct World {
    url: String,
    store: Arc<FakeStore>,
    clock: Arc<ManualClock>,
    keeper: Hooks,
    folder: tempfile::TempDir,
}

fn key() -> SiteKey {
    SiteKey::generate("corp.example/clawback", &[5; 32]).unwrap().0
}

impl World {
    async fn both() -> [Self; 2] {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let other = (clawback_tests::postgres::database().await, tempfile::tempdir().unwrap());
        [(url, folder), other].map(|(url, folder)| {
            write_secret(&folder.path().join("key"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
            let (store, clock) = (Arc::new(FakeStore::new("corp")), noon());
            store.deliver("ann@corp.example", "eve@evil.example", "Invoice", clock.now());
            Self { url, store, clock, keeper: Hooks::start(), folder }
        })
    }

    async fn node(&self) -> Api {
        let stores: Vec<Arc<dyn MailStore>> = vec![Arc::clone(&self.store) as _];
        // As the binary does; a second call is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let history = Store::open(&self.url).await.unwrap();
        let mut site = site(history, stores, &[("purge", PLAYBOOK)], Arc::clone(&self.clock) as _);
        let url = format!("{}/keeper", self.keeper.url);
        let config = NotifierConfig::Webhook { url, secret_file: "key".into(), every_change: false };
        let notifier = Notifier::open("keeper", &config, self.folder.path()).unwrap();
        site.notifiers = [("keeper".to_owned(), notifier)].into();
        site.checkpoints = Some(Checkpoints {
            key: key(),
            notify: vec!["keeper".into()],
            bucket: None,
            witnesses: Witnesses::default(),
        });
        Api::new(Arc::new(site))
    }

    async fn tell_after(&self, time: Duration) {
        self.clock.advance(time);
        Outbox::new(Arc::clone(self.node().await.site())).tell_due().await;
    }
}

/// The size that a checkpoint signs; it must be one of this site.
fn size(hook: &Hook) -> u64 {
    assert_eq!(hook.body["type"], "history.checkpoint");
    let checkpoint = open_checkpoint(hook.body["data"]["checkpoint"].as_str().unwrap(), key().public()).unwrap();
    assert_eq!(hook.body["data"]["size"], checkpoint.size);
    assert_eq!(hook.body["data"]["root"], checkpoint.root.to_string());
    checkpoint.size
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_sent_each_hour_while_events_are_recorded() {
    for world in World::both().await {
        let node = world.node().await;
        let history = &node.site().history;
        let purger = person("ann", &[Role::Analyst, Role::Purger]);
        world.tell_after(Duration::ZERO).await;
        assert_eq!(world.keeper.so_far().len(), 0, "there is no event yet");
        node.submit(&purger, submission("purge", &[])).await.unwrap();
        world.tell_after(Duration::ZERO).await;
        let told = world.keeper.so_far();
        assert_eq!(told.iter().map(size).collect::<Vec<_>>(), [1]);
        node.submit(&purger, submission("purge", &[])).await.unwrap();
        world.tell_after(Duration::from_mins(59)).await;
        assert_eq!(world.keeper.so_far().len(), 1, "the hour is not over");
        // The receiver refuses it: the next run retries.
        world.keeper.refuse(true);
        world.tell_after(Duration::from_mins(1)).await;
        assert_eq!((world.keeper.so_far().len(), world.keeper.refused().len()), (1, 1));
        world.keeper.refuse(false);
        world.tell_after(Duration::from_mins(1)).await;
        let told = world.keeper.so_far();
        assert_eq!(told.iter().map(size).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(told[1].field("webhook-id"), world.keeper.refused()[0].field("webhook-id"), "the same in each try");
        world.tell_after(Duration::from_hours(5)).await;
        assert_eq!(world.keeper.so_far().len(), 2, "nothing has happened since");
        // The history is checked against the received checkpoint.
        let kept = told[0].body["data"]["checkpoint"].as_str().unwrap();
        let kept = open_checkpoint(kept, key().public()).unwrap();
        let noted = TrustedHeads { log: Some((kept.size, kept.root)), now: Some(world.clock.now()), head: None };
        history.verify(noted, |_| {}).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_sent_before_messages_are_deleted_for_good() {
    for world in World::both().await {
        let node = world.node().await;
        let purger = person("ann", &[Role::Analyst, Role::Purger]);
        let submitted = node.submit(&purger, submission("purge", &[])).await.unwrap();
        let ended = Worker::new(Arc::clone(node.site()), silent()).run(&submitted.id).await.unwrap();
        assert_eq!(ended.status, Status::Completed);
        let told = world.keeper.so_far();
        assert_eq!(told.len(), 1);
        let events = node.site().history.events(&submitted.id).await.unwrap();
        let number = |kind: &str| events.iter().find(|entry| entry.link.kind == kind).unwrap().link.seq.unsigned_abs();
        assert!((number("started")..number("batch-started")).contains(&size(&told[0])), "{:?}", told[0].body);
        // A receiver that does not answer does not delay the work.
        world.keeper.refuse(true);
        world.clock.advance(Duration::from_hours(2));
        world.store.deliver("ann@corp.example", "eve@evil.example", "Again", world.clock.now());
        let again = node.submit(&purger, submission("purge", &[])).await.unwrap();
        let ended = Worker::new(Arc::clone(node.site()), silent()).run(&again.id).await.unwrap();
        assert_eq!((ended.status, world.keeper.refused().len()), (Status::Completed, 1));
    }
}
