//! Credentials that an administrator made for a principal can do everything but vote, until the principal has taken
//! over.

use clawback_model::{CredentialKind, Digest, PrincipalKind, Role};
use clawback_store::NewSession;
use clawback_tests::center::PASSWORD;
use clawback_tests::site::NOON;
use serde_json::{Value, json};

use super::World;
use crate::store::harness::Database;

const OWN: &str = "a sentence of my own";

#[tokio::test]
async fn what_an_administrator_made_for_somebody_does_not_vote() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let center = &world.center;
        world
            .call(
                &world.root,
                "POST",
                "principals",
                json!({ "name": "ben", "kind": "person", "roles": ["approver"] }),
                201,
            )
            .await;
        let laptop = world.token_by_root("ben", "laptop").await;
        let with = |old: &str| json!({ "password": old, "new_password": OWN, "token": { "label": "mine" } });
        let refused = world.call(&laptop, "PUT", "take-over", with(PASSWORD), 409).await;
        assert_eq!(refused["code"], "no-password", "{refused}");
        world.call(&world.root, "PUT", "principals/ben/password", json!({ "password": PASSWORD }), 204).await;
        let (id, digest) = world.pending().await;
        let vote = json!({ "plan_digest": digest });
        let path = format!("remediations/{id}");

        // With such a token, in every way.
        for verb in ["approve", "reject"] {
            let refused = world.call(&laptop, "POST", &format!("{path}/{verb}"), vote.clone(), 403).await;
            assert_eq!(refused["code"], "own-credential", "{refused}");
            let said = refused["detail"].as_str().unwrap();
            assert!(
                said.contains("the token `laptop` of ben was made by root") && said.contains("take-over"),
                "{said}"
            );
        }
        // With such a password, and with what is made with either.
        let cookie = center.sign_in("ben").await;
        let page = center.page(&cookie, &format!("/remediations/{id}")).await;
        assert!(page.text.contains("Somebody else set your password") && !page.text.contains("name=\"seen\""));
        let pending = center.page(&cookie, "/pending").await;
        assert!(pending.text.contains("change your password first"), "{}", pending.text);
        assert!(!pending.text.contains("name=\"pick\""), "{}", pending.text);
        let known = center.api.site().history.load(&id.parse().unwrap()).await.unwrap();
        let (token, seen) = (page.form_token(), known.updated_at.0);
        let fields = format!("form_token={token}&decision=approve&confirmed=yes&pick={id}+{digest}+{seen}");
        let refused = center.form(&cookie, "/pending", &fields).await;
        assert_eq!(refused.status, 403);
        assert!(refused.text.contains("0 of 1 were decided. Not decided: purge ("), "{}", refused.text);
        assert!(!refused.text.contains("\\u{a}"), "{}", refused.text);
        let fields = format!("form_token={token}&decision=approve&digest={digest}&seen={seen}");
        let refused = center.form(&cookie, &format!("/remediations/{id}/decide"), &fields).await;
        assert_eq!(refused.status, 403);
        assert!(refused.text.contains("the password of ben was set by root"), "{}", refused.text);
        let fields = format!("form_token={token}&name=ben&label=mine");
        assert_eq!(center.form(&cookie, "/people/tokens", &fields).await.status, 403);
        world.call(&laptop, "POST", "principals/ben/tokens", json!({ "label": "mine" }), 403).await;
        let order = json!({ "label": "reads", "roles": ["viewer"] });
        world.call(&laptop, "POST", "principals/ben/tokens", order, 201).await;
        world.call(&laptop, "GET", &path, Value::Null, 200).await;

        // A token alone takes nothing over; together with the password that was set, both are replaced by his own.
        world.call(&laptop, "PUT", "take-over", with("a wrong password"), 403).await;
        let same_label = json!({ "password": PASSWORD, "new_password": OWN, "token": { "label": "laptop" } });
        world.call(&laptop, "PUT", "take-over", same_label, 409).await;
        let same = json!({ "password": PASSWORD, "new_password": PASSWORD, "token": { "label": "mine" } });
        world.call(&laptop, "PUT", "take-over", same, 400).await;
        let made = world.call(&laptop, "PUT", "take-over", with(PASSWORD), 200).await;
        let mine = made["token"].as_str().unwrap();
        world.call(&laptop, "POST", &format!("{path}/approve"), vote.clone(), 403).await;
        world.call(mine, "POST", &format!("{path}/approve"), vote, 200).await;
        center.work().await;
        let ended = world.call(mine, "GET", &path, Value::Null, 200).await;
        assert_eq!(ended["remediation"]["decided_by"], "ben");
        let listed = world.call(mine, "GET", "tokens", Value::Null, 200).await;
        let by = |label: &str| {
            let found = listed.as_array().unwrap().iter().find(|token| token["label"] == label);
            found.map(|token| token["issued_by"].clone())
        };
        assert_eq!(
            (by("laptop"), by("mine"), by("reads")),
            (Some(json!("root")), Some(json!("ben")), Some(json!("root")))
        );

        // From then on he can vote on the page too, and make tokens that vote; until somebody else sets his password
        // again.
        let signed = center.form("", "/sign-in", &format!("name=ben&password={}", OWN.replace(' ', "+"))).await;
        let cookie = signed.header("set-cookie").split(';').next().unwrap().to_owned();
        let token = center.page(&cookie, "/people").await.form_token();
        let more = center.form(&cookie, "/people/tokens", &format!("form_token={token}&name=ben&label=more")).await;
        assert_eq!(more.status, 200, "{}", more.text);
        world.call(&world.root, "PUT", "principals/ben/password", json!({ "password": PASSWORD }), 204).await;
        let cookie = center.sign_in("ben").await;
        let token = center.page(&cookie, "/people").await.form_token();
        let again = center.form(&cookie, "/people/tokens", &format!("form_token={token}&name=ben&label=again")).await;
        assert_eq!(again.status, 403, "{}", again.text);
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn an_administrator_with_a_credential_that_another_issued_gives_no_deciding_role() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        world.center.add("zoe", PrincipalKind::Person, &[Role::Admin]).await;
        world.center.add("ben", PrincipalKind::Person, &[Role::Approver]).await;
        let zoe = world.token_by_root("zoe", "laptop").await;
        for (method, path, body) in [
            ("POST", "principals", json!({ "name": "eve", "kind": "person", "roles": ["approver"] })),
            ("PUT", "principals/zoe/roles", json!({ "roles": ["admin", "approver"] })),
            ("POST", "principals/ben/tokens", json!({})),
            ("POST", "principals/ben/tokens", json!({ "roles": ["purger"] })),
        ] {
            let refused = world.call(&zoe, method, path, body, 403).await;
            assert_eq!(refused["code"], "own-credential", "{refused}");
        }
        world
            .call(&zoe, "POST", "principals", json!({ "name": "eve", "kind": "person", "roles": ["viewer"] }), 201)
            .await;
        world.call(&zoe, "POST", "principals/ben/tokens", json!({ "roles": ["viewer"] }), 201).await;
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_token_with_fewer_roles_gains_none() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let all = world.center.add("zoe", PrincipalKind::Person, &[Role::Analyst, Role::Admin]).await;
        let made = world.call(&all, "POST", "principals/zoe/tokens", json!({ "roles": ["admin"] }), 201).await;
        let less = made["token"].as_str().unwrap();
        for order in [json!({}), json!({ "roles": ["analyst"] }), json!({ "roles": ["admin", "analyst"] })] {
            let refused = world.call(less, "POST", "principals/zoe/tokens", order, 403).await;
            assert_eq!(refused["code"], "more-than-it-brings", "{refused}");
        }
        let password = json!({ "password": PASSWORD });
        world.call(less, "PUT", "principals/zoe/password", password.clone(), 403).await;
        let order = json!({ "roles": ["admin"], "label": "as much" });
        world.call(less, "POST", "principals/zoe/tokens", order, 201).await;
        world.call(&all, "PUT", "principals/zoe/password", password, 204).await;
    }
}

#[tokio::test]
async fn a_session_from_the_identity_provider_is_an_own_credential() {
    for database in Database::all().await {
        let (store, issuer) = (&database.store, "https://id.example");
        store.principal_of_identity(issuer, "s-1", "ben", &[Role::Approver], NOON).await.unwrap();
        // An administrator may have set a password in addition.
        store.set_password("ben", "$argon2id$x", "root", NOON).await.unwrap();
        for (id, at_provider, kind, issued_by) in
            [(b"p", true, CredentialKind::Provider, issuer), (b"h", false, CredentialKind::Password, "root")]
        {
            let id = Digest::of(id);
            let expires = NOON.plus(std::time::Duration::from_hours(1));
            let new = NewSession { id, secret: id, principal: "ben", at: NOON, expires, at_provider };
            store.begin_session(&new, NOON).await.unwrap();
            let who = store.session(&id, clawback_model::Timestamp(0)).await.unwrap().unwrap().principal;
            let credential = who.credential.clone().unwrap();
            assert_eq!((credential.kind, credential.issued_by.as_str()), (kind, issued_by));
            assert_eq!(who.own_credential("vote").is_ok(), at_provider);
        }
        store.verify(None, |_| {}).await.unwrap();
    }
}
