//! Once there are two administrators, one alone cannot make an approver: neither with a role for an invented principal,
//! nor with a password for a principal who has the role.

use clawback_model::{PrincipalKind, Role};
use clawback_tests::center::PASSWORD;
use serde_json::{Value, json};

use super::World;
use crate::store::harness::Database;

const OWN: &str = "a sentence of my own";

impl World {
    /// A second administrator, with a token of their own.
    async fn second(&self) -> String {
        self.center.add("zoe", PrincipalKind::Person, &[Role::Admin]).await
    }

    /// The steps with which an administrator impersonates a principal: sets a password, makes a token, and takes over
    /// the account.
    async fn impersonate(&self, by: &str, name: &str) -> (String, Value) {
        self.call(by, "PUT", &format!("principals/{name}/password"), json!({ "password": PASSWORD }), 204).await;
        let order = json!({ "label": "lent" });
        let lent = self.call(by, "POST", &format!("principals/{name}/tokens"), order, 201).await;
        let asked = json!({ "password": PASSWORD, "new_password": OWN, "token": { "label": "taken" } });
        let made = self.call(lent["token"].as_str().unwrap(), "PUT", "take-over", asked, 200).await;
        (made["token"].as_str().unwrap().to_owned(), made["pending"].clone())
    }

    async fn shown(&self, name: &str) -> Value {
        let all = self.call(&self.root, "GET", "principals", Value::Null, 200).await;
        all.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone()
    }

    async fn give(&self, by: &str, name: &str, roles: &[&str], status: u16) -> Value {
        self.call(by, "PUT", &format!("principals/{name}/roles"), json!({ "roles": roles }), status).await
    }

    async fn confirm(&self, by: &str, name: &str, status: u16) -> Value {
        self.call(by, "POST", &format!("principals/{name}/roles/confirm"), Value::Null, status).await
    }
}

#[tokio::test]
async fn an_administrator_who_is_alone_gives_every_role() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        world.give(&world.root, "ann", &["analyst", "approver"], 204).await;
        // A second administrator who has only what the first made for them does not count yet.
        let new = json!({ "name": "zoe", "kind": "person", "roles": ["admin"] });
        world.call(&world.root, "POST", "principals", new, 201).await;
        world.give(&world.root, "ann", &["analyst"], 204).await;
        let (_, pending) = world.impersonate(&world.root, "zoe").await;
        assert_eq!(pending, Value::Null, "there was nobody who could confirm it");
        world.give(&world.root, "ann", &["analyst", "approver"], 202).await;
    }
}

#[tokio::test]
async fn with_two_administrators_a_role_waits_for_the_other() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let zoe = world.second().await;
        world.give(&world.root, "ann", &["viewer"], 204).await;
        world.give(&world.root, "ann", &["analyst", "approver"], 202).await;
        let shown = world.shown("ann").await;
        assert_eq!(shown["roles"], json!(["analyst"]));
        assert_eq!(shown["pending"], json!({ "roles": ["analyst", "approver"], "asked_by": "root" }));

        assert_eq!(world.confirm(&world.root, "ann", 403).await["code"], "second-administrator");
        assert_eq!(world.confirm(&world.ann, "ann", 403).await["code"], "forbidden");
        let order = json!({ "label": "lent" });
        let lent = world.call(&world.root, "POST", "principals/zoe/tokens", order, 201).await;
        let lent = lent["token"].as_str().unwrap();
        assert_eq!(world.confirm(lent, "ann", 403).await["code"], "own-credential");
        let bot = world.center.add_service("bot", &[Role::Admin], "root").await;
        assert_eq!(world.confirm(&bot, "ann", 403).await["code"], "second-administrator", "a service");
        world.confirm(&zoe, "ann", 204).await;
        assert_eq!(world.shown("ann").await["roles"], json!(["analyst", "approver"]));
        assert_eq!(world.confirm(&zoe, "ann", 409).await["code"], "nothing-pending");

        // The owner of a service cannot confirm what the service asked for.
        world.give(&bot, "ann", &["analyst", "admin"], 202).await;
        assert_eq!(world.confirm(&world.root, "ann", 403).await["code"], "second-administrator");
        // Roles that are set replace those that wait.
        world.give(&world.root, "ann", &["analyst"], 204).await;
        assert_eq!(world.shown("ann").await["pending"], Value::Null);
        // Nor does one administrator take the role from the other.
        world.give(&world.root, "zoe", &["viewer"], 202).await;
        assert_eq!(world.shown("zoe").await["roles"], json!(["viewer", "admin"]));
        world.give(&zoe, "ann", &["analyst", "approver"], 202).await;
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn an_invented_approver_cannot_vote() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let zoe = world.second().await;
        let (id, digest) = world.pending().await;
        let vote = json!({ "plan_digest": digest });
        let new = json!({ "name": "sham", "kind": "person", "roles": ["approver", "viewer"] });
        world.call(&world.root, "POST", "principals", new, 201).await;
        let (sham, pending) = world.impersonate(&world.root, "sham").await;
        assert_eq!(pending, json!({ "roles": ["viewer", "approver"], "asked_by": "root" }));
        let refused = world.call(&sham, "POST", &format!("remediations/{id}/approve"), vote.clone(), 403).await;
        assert_eq!(refused["code"], "approver-role", "{refused}");
        assert_eq!(world.confirm(&world.root, "sham", 403).await["code"], "second-administrator");
        world.confirm(&zoe, "sham", 204).await;
        world.call(&sham, "POST", &format!("remediations/{id}/approve"), vote, 200).await;
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_new_password_makes_nobody_an_approver_or_a_second_administrator() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let zoe = world.second().await;
        world.center.add("ben", PrincipalKind::Person, &[Role::Approver]).await;
        let (id, digest) = world.pending().await;
        let vote = json!({ "plan_digest": digest });
        let (ben, pending) = world.impersonate(&world.root, "ben").await;
        assert_eq!(pending, json!({ "roles": ["approver"], "asked_by": "root" }));
        world.call(&ben, "POST", &format!("remediations/{id}/approve"), vote, 403).await;

        // Impersonating the other administrator does not evade the rule, and neither does being the only one then.
        let (taken, pending) = world.impersonate(&world.root, "zoe").await;
        assert_eq!(pending, json!({ "roles": ["admin"], "asked_by": "root" }));
        assert_eq!(world.confirm(&taken, "ben", 403).await["code"], "forbidden");
        assert_eq!(world.confirm(&zoe, "ben", 403).await["code"], "forbidden");
        world.give(&world.root, "root", &["admin", "approver"], 202).await;
        assert_eq!(world.confirm(&world.root, "root", 403).await["code"], "second-administrator");
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn the_page_shows_what_waits_and_confirms_it() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        world.second().await;
        world.give(&world.root, "ann", &["analyst", "approver"], 202).await;
        for (name, may) in [("root", false), ("zoe", true)] {
            world.center.password(name).await;
            let cookie = world.center.sign_in(name).await;
            let page = world.center.page(&cookie, "/people").await;
            assert!(page.text.contains("Pending: analyst, approver, asked for by"), "{}", page.text);
            assert_eq!(page.text.contains("Confirm the roles of ann"), may, "{name}");
            let fields = format!("form_token={}&name=ann", page.form_token());
            let answer = world.center.form(&cookie, "/people/confirm", &fields).await;
            assert_eq!(answer.status, if may { 303 } else { 403 }, "{}", answer.text);
        }
        assert_eq!(world.shown("ann").await["roles"], json!(["analyst", "approver"]));
    }
}
