//! The credentials of actors: each event names one, and a credential that somebody else issued does not vote.

mod named;
mod second_administrator;
mod services;
mod taken_over;

use std::sync::Arc;

use clawback_model::{PrincipalKind, Role};
use clawback_tests::center::TestCenter;
use clawback_tests::fake_store::FakeStore;
use clawback_tests::site::NOON;
use serde_json::{Value, json};

use crate::store::harness::Database;

const SENDER: &str = "eve@evil.example";
const PLAYBOOK: &str = "playbook: purge
description: Everything by one sender, once somebody has approved it.
severity: high
on: { manual: {}, suggestion: { verdict: [malicious] } }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - approve: { votes: 1 }
  - remediate: { action: soft-delete }
";

/// A site on one database, with the tokens of an administrator and of an analyst, which they made themselves.
struct World {
    center: TestCenter,
    store: Arc<FakeStore>,
    root: String,
    ann: String,
}

impl World {
    async fn new(database: &Database) -> Self {
        let store = Arc::new(FakeStore::new("corp"));
        let center = TestCenter::start(database.store.clone(), vec![Arc::clone(&store) as _], &[("purge", PLAYBOOK)]);
        let root = center.add("root", PrincipalKind::Person, &[Role::Admin]).await;
        let ann = center.add("ann", PrincipalKind::Person, &[Role::Analyst]).await;
        Self { center, store, root, ann }
    }

    /// Calls the API; the answer must have this status.
    async fn call(&self, token: &str, method: &str, path: &str, body: Value, status: u16) -> Value {
        let body = Some(body).filter(|body| !body.is_null());
        let answer = self.center.call(token, method, &format!("/api/v1/{path}"), body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    /// A token that the administrator makes for another principal.
    async fn token_by_root(&self, name: &str, label: &str) -> String {
        let order = json!({ "label": label });
        let made = self.call(&self.root, "POST", &format!("principals/{name}/tokens"), order, 201).await;
        made["token"].as_str().unwrap().to_owned()
    }

    /// A plan that waits for a vote. Returns its ID and its digest.
    async fn pending(&self) -> (String, String) {
        self.store.deliver("u1@corp.example", SENDER, "Salary", NOON);
        let body = json!({ "playbook": "purge", "inputs": { "sender": SENDER } });
        let id = self.call(&self.ann, "POST", "remediations", body, 202).await["id"].as_str().unwrap().to_owned();
        self.center.work().await;
        let shown = self.call(&self.ann, "GET", &format!("remediations/{id}"), Value::Null, 200).await;
        assert_eq!(shown["remediation"]["status"], "pending-approval", "{shown}");
        (id, shown["remediation"]["plan_digest"].as_str().unwrap().to_owned())
    }
}
