//! Reminders and escalation, on both databases: each once over all nodes and over restarts, none once it is decided,
//! and again if none could be delivered.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clawback_app::Api;
use clawback_model::{Clock as _, Decision, PublicUrl, Remediation, Role, Status};
use clawback_runtime::{Approvals, Notifier, NotifierConfig, Outbox};
use clawback_tests::hooks::Hooks;
use clawback_tests::site::{person, submission};
use clawback_tests::world;

const EVE: &str = "eve@evil.example";
const PLAYBOOK: &str = "playbook: purge
on: { manual: {} }
steps:
  - search: { where: { from: eve@evil.example } }
  - approve: { expires: 4h }
  - remediate: { action: soft-delete }
  - notify: { to: [approvers], on: [pending] }
";

struct World {
    site: world::World,
    hooks: Hooks,
}

impl World {
    async fn both() -> [Self; 2] {
        world::World::both(&[("purge", PLAYBOOK)]).await.map(|site| {
            site.store.deliver("ann@corp.example", EVE, "Invoice", site.clock.now());
            Self { site, hooks: Hooks::start() }
        })
    }

    /// A node of the site; the same as one after a restart.
    async fn node(&self) -> Api {
        let mut site = self.site.node().await;
        for name in ["approvers", "desk", "chief"] {
            site.notifiers.insert(name.to_owned(), self.site.webhook(name, &self.hooks.url, false));
        }
        let [notify, escalate_to] = ["desk", "chief"].map(|name| vec![name.to_owned()]);
        site.approvals = Approvals { notify, escalate_to, ..Approvals::default() };
        site.public_url = Some(PublicUrl::try_from("https://clawback.example".to_owned()).unwrap());
        Api::new(Arc::new(site))
    }

    /// A remediation that waits for approval.
    async fn pending(&self) -> Remediation {
        let api = self.node().await;
        let submitted = api.submit(&person("ann", &[Role::Analyst]), submission("purge", &[])).await.unwrap();
        let pending = world::worker(&api).run(&submitted.id).await.unwrap();
        assert_eq!(pending.status, Status::PendingApproval);
        pending
    }

    /// Runs all nodes after this many minutes. Returns what was sent since, as `path type`.
    async fn tick_after(&self, minutes: u64) -> Vec<String> {
        let before = self.hooks.so_far().len();
        self.site.clock.advance(Duration::from_mins(minutes));
        let (a, b, c) = (self.node().await, self.node().await, self.node().await);
        let nodes = [a, b, c].map(|node| Outbox::new(Arc::clone(node.site())));
        tokio::join!(nodes[0].send_due(), nodes[1].send_due(), nodes[2].send_due());
        told(&self.hooks, before)
    }
}

fn told(hooks: &Hooks, before: usize) -> Vec<String> {
    let mut told: Vec<_> = hooks.so_far()[before..]
        .iter()
        .map(|hook| format!("{} {}", hook.path, hook.body["type"].as_str().unwrap()))
        .collect();
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn approvers_are_reminded_once_and_then_others_are() {
    for world in World::both().await {
        let pending = world.pending().await;
        assert_eq!(
            told(&world.hooks, 0),
            ["/approvers remediation.pending-approval", "/desk remediation.pending-approval"]
        );
        assert_eq!(world.tick_after(119).await, [""; 0]);
        assert_eq!(world.tick_after(1).await, ["/approvers remediation.reminder", "/desk remediation.reminder"]);
        assert_eq!(world.tick_after(59).await, [""; 0]);
        assert_eq!(world.tick_after(1).await, ["/chief remediation.escalation"]);
        assert_eq!(world.tick_after(30).await, [""; 0]);
        let hooks = world.hooks.so_far();
        let mut ids: Vec<_> = hooks.iter().map(|hook| hook.field("webhook-id").to_owned()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3, "one for each of the three notices: {ids:?}");
        for hook in &hooks {
            let page = format!("https://clawback.example/remediations/{}", pending.id);
            assert_eq!(hook.body["data"]["url"], page.as_str());
            assert!(hook.body["data"]["deadline"].is_string());
            assert!(!hook.body.to_string().contains(EVE), "a notification has no message content: {}", hook.body);
        }
        world.node().await.site().history.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn decided_or_late_approvals_send_no_reminder_twice() {
    for world in World::both().await {
        let decided = world.pending().await;
        let ben = person("ben", &[Role::Approver]);
        world.node().await.decide(&ben, &decided.id, Decision::Reject, None, None).await.unwrap();
        let waits = world.pending().await;
        // No node was up when the first reminder was due: only the second is sent.
        assert_eq!(world.tick_after(200).await, ["/chief remediation.escalation"]);
        assert_eq!(world.hooks.so_far().last().unwrap().body["data"]["id"], waits.id.as_str());
        assert_eq!(world.tick_after(60).await, [""; 0]);

        // No recipient can be reached: any node retries.
        let third = world.pending().await;
        world.hooks.refuse(true);
        assert_eq!(world.tick_after(121).await, [""; 0]);
        world.hooks.refuse(false);
        assert_eq!(world.tick_after(1).await, [""; 0]);
        assert_eq!(world.tick_after(1).await, ["/approvers remediation.reminder", "/desk remediation.reminder"]);
        // Made again, the plan waits again.
        let api = world.node().await;
        api.replan(&person("ann", &[Role::Analyst]), &third.id).await.unwrap();
        let again = world::worker(&api).run(&third.id).await.unwrap();
        assert_eq!(again.status, Status::PendingApproval);
        assert_eq!(world.tick_after(119).await, [""; 0]);
        assert_eq!(world.tick_after(1).await, ["/approvers remediation.reminder", "/desk remediation.reminder"]);
    }
}

#[test]
fn relative_paths_of_secrets_begin_at_the_configuration() {
    let config = NotifierConfig::Slack { url_file: "none".into() };
    let refused = Notifier::open("chat", &config, Path::new("/nowhere")).err().unwrap().to_string();
    assert!(refused.contains("/nowhere/none"), "{refused}");
}
