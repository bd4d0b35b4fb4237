//! The Action Center: API, pages, sign-in. `browser` tests them in a real browser.

mod access;
mod accessibility;
mod api;
mod browser;
mod columns;
mod deciding;
mod design;
mod events;
mod forms;
mod handling;
mod help;
mod hostile;
mod investigating;
mod live;
mod message;
mod oidc;
mod people;
mod reading;
mod retrying;
mod rotation;
mod saved_searches;
mod saving;
mod schemathesis;
mod searching;
mod served;
mod settings;
mod sign_in;
mod site;
mod slow;
mod starting;
mod unsent;
mod upload;
mod whole_job;

use std::sync::Arc;

use clawback_model::{PrincipalKind, Role};
use clawback_store::Store;
use clawback_tests::center::TestCenter;
use clawback_tests::fake_store::FakeStore;
use clawback_tests::site::NOON;

const SENDER: &str = "eve@evil.example";
const PLAYBOOK: &str = "playbook: purge
description: Everything by one sender.
severity: high
on: { manual: {}, suggestion: { verdict: [malicious] } }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - approve: { votes: 1, from: [approver], expires: 7d }
  - remediate: { action: soft-delete }
";

/// A site of two mailboxes with three messages of [`SENDER`], and principals with the usual roles.
struct Desk {
    center: TestCenter,
    store: Arc<FakeStore>,
    ann: String,
    ben: String,
    folder: tempfile::TempDir,
}

async fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let history = Store::open(&format!("sqlite:{}", folder.path().join("history.db").display())).await.unwrap();
    let store = Arc::new(FakeStore::new("corp"));
    for (mailbox, subject) in [("u1", "Salary"), ("u1", "Salary again"), ("u2", "Salary")] {
        store.deliver(&format!("{mailbox}@corp.example"), SENDER, subject, NOON);
    }
    let center = TestCenter::start(history, vec![Arc::clone(&store) as _], &[("purge", PLAYBOOK)]);
    let ann = center.add("ann", PrincipalKind::Person, &[Role::Analyst, Role::Approver]).await;
    let ben = center.add("ben", PrincipalKind::Person, &[Role::Approver]).await;
    Desk { center, store, ann, ben, folder }
}

impl Desk {
    /// Submits the purge as ann and plans it. Returns its ID and its plan's digest.
    async fn pending(&self) -> (String, String) {
        let body = serde_json::json!({ "playbook": "purge", "inputs": { "sender": SENDER } });
        let submitted = self.center.call(&self.ann, "POST", "/api/v1/remediations", Some(body)).await;
        assert_eq!(submitted.status, 202, "{}", submitted.text);
        let id = submitted.json()["id"].as_str().unwrap().to_owned();
        self.center.work().await;
        let shown = self.center.call(&self.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
        assert_eq!(shown["remediation"]["status"], "pending-approval", "{shown}");
        (id, shown["remediation"]["plan_digest"].as_str().unwrap().to_owned())
    }
}
