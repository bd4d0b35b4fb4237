//! Checkpoints of the history are sent without a command: each hour while events are recorded, and before messages are
//! deleted for good.

use std::sync::Arc;
use std::time::Duration;

use clawback_app::Api;
use clawback_model::{Clock as _, Role, Status};
use clawback_runtime::{Checkpoints, Outbox, SiteKey, Witnesses, open_checkpoint};
use clawback_store::TrustedHeads;
use clawback_tests::hooks::{Hook, Hooks};
use clawback_tests::site::{person, submission};
use clawback_tests::world;

const PLAYBOOK: &str = "playbook: purge
on: { manual: {} }
steps:
  - search: { where: { from: eve@evil.example } }
  - remediate: { action: hard-delete }
";

/// A site whose checkpoints one program receives.
struct World {
    site: world::World,
    keeper: Hooks,
}

fn key() -> SiteKey {
    SiteKey::generate("corp.example/clawback", &[5; 32]).unwrap().0
}

impl World {
    async fn both() -> [Self; 2] {
        world::World::both(&[("purge", PLAYBOOK)]).await.map(|site| {
            site.store.deliver("ann@corp.example", "eve@evil.example", "Invoice", site.clock.now());
            Self { site, keeper: Hooks::start() }
        })
    }

    async fn node(&self) -> Api {
        let mut site = self.site.node().await;
        site.notifiers = [("keeper".to_owned(), self.site.webhook("keeper", &self.keeper.url, false))].into();
        site.checkpoints = Some(Checkpoints {
            key: key(),
            notify: vec!["keeper".into()],
            bucket: None,
            witnesses: Witnesses::default(),
        });
        Api::new(Arc::new(site))
    }

    async fn tell_after(&self, time: Duration) {
        self.site.clock.advance(time);
        Outbox::new(Arc::clone(self.node().await.site())).send_due().await;
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
        let noted = TrustedHeads { log: Some((kept.size, kept.root)), now: Some(world.site.clock.now()), head: None };
        history.verify(noted, |_| {}).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_sent_before_messages_are_deleted_for_good() {
    for world in World::both().await {
        let node = world.node().await;
        let purger = person("ann", &[Role::Analyst, Role::Purger]);
        let submitted = node.submit(&purger, submission("purge", &[])).await.unwrap();
        let ended = world::worker(&node).run(&submitted.id).await.unwrap();
        assert_eq!(ended.status, Status::Completed);
        let told = world.keeper.so_far();
        assert_eq!(told.len(), 1);
        let events = node.site().history.events(&submitted.id).await.unwrap();
        let number = |kind: &str| events.iter().find(|entry| entry.link.kind == kind).unwrap().link.seq.unsigned_abs();
        assert!((number("started")..number("batch-started")).contains(&size(&told[0])), "{:?}", told[0].body);
        // A receiver that does not answer does not delay the work.
        world.keeper.refuse(true);
        world.site.clock.advance(Duration::from_hours(2));
        world.site.store.deliver("ann@corp.example", "eve@evil.example", "Again", world.site.clock.now());
        let again = node.submit(&purger, submission("purge", &[])).await.unwrap();
        let ended = world::worker(&node).run(&again.id).await.unwrap();
        assert_eq!((ended.status, world.keeper.refused().len()), (Status::Completed, 1));
    }
}
