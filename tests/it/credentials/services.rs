//! Services: each is owned by a person, and neither it nor its owner can be the second person for what it asks for.

use clawback_model::{Principal, PrincipalKind, Role};
use clawback_store::Store;
use clawback_tests::binary::Clawback;
use clawback_tests::maildirs;
use clawback_tests::site::NOON;
use serde_json::{Value, json};

use super::{SENDER, World};
use crate::store::harness::Database;

#[tokio::test]
async fn a_service_belongs_to_a_person() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let service =
            |name: &str, owner: Value| json!({ "name": name, "kind": "service", "roles": ["analyst"], "owner": owner });
        let person = json!({ "name": "eve", "kind": "person", "roles": ["viewer"], "owner": "ann" });
        world.call(&world.root, "POST", "principals", service("bot", json!("ann")), 201).await;
        for (body, status, said) in [
            (json!({ "name": "x", "kind": "service", "roles": [] }), 422, "the service x needs an owner"),
            (service("x", Value::Null), 422, "the service x needs an owner"),
            (service("x", json!("x")), 404, "there is no principal `x`"),
            (service("x", json!("nobody")), 404, "there is no principal `nobody`"),
            (service("x", json!("bot")), 422, "bot cannot own x"),
            (person, 422, "ann cannot own eve"),
        ] {
            let refused = world.call(&world.root, "POST", "principals", body, status).await;
            assert!(refused["detail"].as_str().unwrap().starts_with(said), "{refused}");
        }
        let cookie_of = async |name: &str| {
            world.center.password(name).await;
            world.center.sign_in(name).await
        };
        let cookie = cookie_of("root").await;
        let token = world.center.page(&cookie, "/people").await.form_token();
        let add = async |rest: &str| world.center.form(&cookie, "/people", &format!("form_token={token}&{rest}")).await;
        assert_eq!(add("name=air&kind=service&role=suggester").await.status, 422);
        assert_eq!(add("name=air&kind=service&role=suggester&owner=ann").await.status, 303);
        let listed = world.call(&world.ann, "GET", "principals", Value::Null, 200).await;
        let owners: Vec<_> = listed.as_array().unwrap().iter().map(|one| (&one["name"], &one["owner"])).collect();
        let null = Value::Null;
        let (air, ann, bot, root) = (json!("air"), json!("ann"), json!("bot"), json!("root"));
        assert_eq!(owners, [(&air, &ann), (&ann, &null), (&bot, &ann), (&root, &null)]);
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn neither_a_service_nor_its_owner_is_the_second_person() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let center = &world.center;
        let ben = center.add("ben", PrincipalKind::Person, &[Role::Approver]).await;
        let eve = center.add("eve", PrincipalKind::Person, &[Role::Approver]).await;
        let air = center.add_service("air", &[Role::Suggester], "ben").await;
        let bot = center.add_service("bot", &[Role::Analyst, Role::Approver], "ann").await;

        // The permission to suggest is enough for suggestions, and for nothing else.
        world.store.deliver("u1@corp.example", SENDER, "Salary", NOON);
        let run = json!({ "playbook": "purge", "inputs": { "sender": SENDER } });
        let refused = world.call(&air, "POST", "remediations", run, 403).await;
        assert_eq!(refused["code"], "forbidden");
        let suggestion = json!({ "playbook": "purge", "verdict": "malicious", "inputs": { "sender": SENDER } });
        let id = world.call(&air, "POST", "suggestions", suggestion, 202).await["id"].as_str().unwrap().to_owned();
        let path = format!("remediations/{id}");
        world.call(&air, "POST", &format!("{path}/cancel"), Value::Null, 403).await;
        center.work().await;
        let shown = world.call(&ben, "GET", &path, Value::Null, 200).await;
        let vote = json!({ "plan_digest": shown["remediation"]["plan_digest"] });

        let refused = world.call(&bot, "POST", &format!("{path}/approve"), vote.clone(), 403).await;
        let code = |refused: &Value| refused["code"].as_str().unwrap().to_owned();
        assert_eq!(code(&refused), "people-decide");
        assert!(refused["detail"].as_str().unwrap().starts_with("rule people-decide: bot is a service"), "{refused}");
        world.call(&bot, "POST", &format!("{path}/reject"), vote.clone(), 403).await;
        let refused = world.call(&ben, "POST", &format!("{path}/approve"), vote.clone(), 403).await;
        assert_eq!(code(&refused), "two-step");
        let said = "rule two-step: air requested this remediation, and ben owns it";
        assert!(refused["detail"].as_str().unwrap().starts_with(said), "{refused}");
        world.call(&eve, "POST", &format!("{path}/approve"), vote, 200).await;

        // The history records the owner, so that later changes have no effect on it.
        let submitted = database.store.chain(0, 100).await.unwrap();
        let submitted = submitted.iter().find(|entry| entry.link.kind == "submitted").unwrap();
        let body: Value = serde_json::from_str(&submitted.link.body).unwrap();
        assert_eq!(body["request"]["owner"], "ben", "{body}");
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn an_existing_service_without_an_owner_works_and_doctor_names_it() {
    let folder = tempfile::tempdir().unwrap();
    maildirs::write(&folder.path().join("mail"), &maildirs::Options::default()).unwrap();
    let store = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";
    let admin = Clawback::init(folder.path(), store);
    let history = Store::open(folder.path().join("clawback.db").to_str().unwrap()).await.unwrap();
    let old = Principal::new("siem", PrincipalKind::Service, vec![Role::Analyst]);
    history.add_principal(&old, "root", NOON).await.unwrap();
    history.close().await;
    admin.ok(&["principals", "add", "air", "--service", "--owner", "admin", "--role", "suggester"]);
    assert!(admin.fails(2, &["principals", "add", "x", "--service", "--role", "viewer"]).contains("--owner"));
    assert!(admin.fails(2, &["principals", "add", "x", "--owner", "admin", "--role", "viewer"]).contains("--service"));
    let token = folder.path().join("siem.token");
    admin.ok(&["principals", "token", "siem", "--output", token.to_str().unwrap()]);
    admin.with_token(&token).ok(&["history"]);
    let said = String::from_utf8(admin.run(&["doctor"]).stdout).unwrap();
    assert!(said.contains("NOTE   service siem: nobody owns it") && !said.contains("service air"), "{said}");
}
