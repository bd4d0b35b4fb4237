//! Every event names the credential of its actor: in the chain, the API, the pages and the exports.

use clawback_model::{PrincipalKind, Role, Timestamp};
use clawback_tests::site::NOON;
use serde_json::{Value, json};

use super::World;
use crate::store::harness::Database;

#[tokio::test]
async fn every_event_names_the_credential_of_its_actor() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let center = &world.center;
        let ben = center.add("ben", PrincipalKind::Person, &[Role::Approver]).await;
        center.password("ben").await;
        // What the test itself writes without the API has no credential.
        let before = database.store.head().await.unwrap().seq;
        let laptop = world.token_by_root("ben", "laptop").await;
        center.clock.advance(std::time::Duration::from_mins(1));
        let cookie = center.sign_in("ben").await;

        // With the token that the administrator made, with his own, and with a session.
        let (id, _) = world.pending().await;
        let path = format!("remediations/{id}");
        world.call(&laptop, "POST", &format!("{path}/replan"), Value::Null, 200).await;
        center.work().await;
        let shown = world.call(&ben, "GET", &path, Value::Null, 200).await;
        let digest = &shown["remediation"]["plan_digest"];
        world.call(&ben, "POST", &format!("{path}/approve"), json!({ "plan_digest": digest }), 200).await;
        let (other, _) = world.pending().await;
        let token = center.page(&cookie, "/people").await.form_token();
        let (form, fields) = (format!("/remediations/{other}/cancel"), format!("form_token={token}&confirmed=yes"));
        assert_eq!(center.form(&cookie, &form, &fields).await.status, 303);
        center.work().await;

        let events =
            async |id: &str| world.call(&ben, "GET", &format!("remediations/{id}/events"), Value::Null, 200).await;
        let credential = |events: &Value, kind: &str| {
            let found = events.as_array().unwrap().iter().find(|event| event["event"] == kind);
            found.unwrap_or_else(|| panic!("{kind}: {events}"))["credential"].clone()
        };
        let told = events(&id).await;
        let by = |kind: &str, field: &str| credential(&told, kind)[field].as_str().unwrap_or_default().to_owned();
        assert_eq!((by("submitted", "label"), by("submitted", "issued_by")), ("test".into(), "ann".into()));
        assert_eq!(
            (by("replan-requested", "label"), by("replan-requested", "issued_by")),
            ("laptop".into(), "root".into())
        );
        assert_eq!((by("voted", "kind"), by("voted", "issued_by")), ("token".into(), "ben".into()));
        assert_eq!(by("voted", "issued_at"), NOON.to_string());
        assert_eq!(credential(&told, "planned"), Value::Null, "the program itself");
        let session = credential(&events(&other).await, "cancel-requested");
        assert_eq!((&session["kind"], &session["issued_by"]), (&json!("password"), &json!("ben")));
        assert_eq!(session["issued_at"], Timestamp(NOON.0 + 60_000_000).to_string());

        // Events of the site name it too, and the session's label refers to its own event.
        let chain = database.store.chain(before, 100).await.unwrap();
        let of = |kind: &str| chain.iter().rfind(|entry| entry.link.kind == kind).unwrap();
        let made = of("token-added");
        assert_eq!((made.link.actor.as_str(), made.credential().unwrap().issued_by.as_str()), ("root", "root"));
        let signed_in = of("signed-in");
        let label = signed_in.credential().unwrap().label;
        assert_eq!(session["label"], label.as_str());
        assert!(signed_in.link.body.contains(&format!("\"session\":\"{label}")), "{}", signed_in.link.body);
        for entry in &chain {
            let person = ["ann", "ben", "root"].contains(&entry.link.actor.as_str());
            // A worker carries out what was requested with a credential before.
            let asked = entry.link.kind != "cancelled";
            assert_eq!(entry.credential().is_some(), person && asked, "{:?}", entry.link);
        }

        let said = "token `laptop`, made by root at";
        let page = center.page(&cookie, &format!("/remediations/{id}?tab=timeline")).await.text;
        assert!(page.contains(said), "{page}");
        let export = center.call(&ben, "GET", &format!("/api/v1/remediations/{id}/export"), None).await;
        let lines: Vec<Value> = export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let voted = lines.iter().find(|line| line["kind"] == "voted").unwrap_or_else(|| panic!("{}", export.text));
        assert_eq!(voted["credential"]["issued_by"], "ben");
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn who_made_a_credential_is_a_part_of_the_history() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        world.token_by_root("ann", "laptop").await;
        let password = json!({ "password": "correct horse battery" });
        world.call(&world.root, "PUT", "principals/ann/password", password, 204).await;
        database.store.verify(None, |_| {}).await.unwrap();
        for (change, back) in [
            (
                "UPDATE tokens SET issued_by = 'ann' WHERE label = 'laptop'",
                "UPDATE tokens SET issued_by = 'root' WHERE label = 'laptop'",
            ),
            ("UPDATE accounts SET password_by = 'ann'", "UPDATE accounts SET password_by = 'root'"),
        ] {
            assert!(database.force(change).await);
            let found = database.store.verify(None, |_| {}).await.unwrap_err().to_string();
            assert!(found.contains("ann"), "{}: {change}: {found}", database.name);
            assert!(database.force(back).await);
        }
        database.store.verify(None, |_| {}).await.unwrap();
    }
}
