//! The page of people: all callers see whom to ask; administrators see and change roles and tokens.

use clawback_model::{PrincipalKind, Role};

use super::desk;

#[tokio::test]
async fn an_administrator_adds_people_and_changes_their_access() {
    let desk = desk().await;
    let center = &desk.center;
    for (name, role) in [("root", Role::Admin), ("vic", Role::Viewer)] {
        center.add(name, PrincipalKind::Person, &[role]).await;
        center.password(name).await;
    }
    let cookie = center.sign_in("root").await;
    let send = async |path: &str, fields: &str| {
        let token = center.page(&cookie, "/people").await.form_token();
        center.form(&cookie, path, &format!("form_token={token}&{fields}")).await
    };
    let added = send("/people", "name=siem&kind=service&role=analyst&role=viewer&owner=ann").await;
    assert_eq!((added.status, added.header("location")), (303, "/people"));
    assert_eq!(send("/people", "name=siem&kind=person").await.status, 409, "there is one already");
    assert_eq!(send("/people", "name=a%2Fb&kind=person").await.status, 422, "no name");
    assert_eq!(send("/people", "name=x&kind=robot").await.status, 400, "no kind");
    assert_eq!(send("/people", "name=x&kind=person&role=king").await.status, 400, "no role");

    // The user signs in with a password that the administrator set; those that they had end.
    let before = center.sign_in("vic").await;
    assert_eq!(send("/people/first-password", "name=vic&password=short").await.status, 422);
    assert_eq!(send("/people/first-password", "name=vic&password=another+horse+battery").await.status, 303);
    assert_eq!(center.page(&before, "/people").await.status, 303, "the session has ended");
    let signed_in = center.form("", "/sign-in", "name=vic&password=another+horse+battery").await;
    assert_eq!(signed_in.status, 303, "{}", signed_in.text);
    center.password("vic").await;

    assert_eq!(send("/people/roles", "name=root&role=viewer").await.status, 409, "there is no other administrator");
    assert_eq!(send("/people/tokens", "name=siem&label=").await.status, 400, "loaded again it would make another");

    let made = send("/people/tokens", "name=siem&label=prod&days=30&role=viewer").await;
    let secret = made.text.split("<code>").nth(1).and_then(|rest| rest.split('<').next()).unwrap().to_owned();
    let me = center.call(&secret, "GET", "/api/v1/me", None).await.json();
    assert_eq!((&me["name"], &me["roles"]), (&"siem".into(), &serde_json::json!(["viewer"])));
    let page = center.page(&cookie, "/people").await.text;
    assert!(page.contains("prod") && !page.contains(&secret), "{page}");

    assert_eq!(send("/people/roles", "name=siem").await.status, 303);
    assert_eq!(center.call(&secret, "GET", "/api/v1/me", None).await.status, 403, "the role is removed");
    assert_eq!(send("/people/revoke", "name=siem&label=prod").await.status, 303);
    assert_eq!(center.call(&secret, "GET", "/api/v1/me", None).await.status, 401);

    // A caller who is no administrator sees names and roles, their own tokens, and forms for these only.
    let cookie = center.sign_in("vic").await;
    let page = center.page(&cookie, "/people").await;
    assert!(page.text.contains("siem") && page.text.contains("Revoke test of vic"), "{}", page.text);
    for hidden in ["prod", "Add user", "Set a password", "Change the roles"] {
        assert!(!page.text.contains(hidden), "{hidden}: {}", page.text);
    }
    let token = page.form_token();
    for (path, fields) in [
        ("/people", "name=eve&kind=person&role=admin"),
        ("/people/roles", "name=vic&role=admin"),
        ("/people/tokens", "name=root&label=x"),
        ("/people/revoke", "name=root&label=test"),
        ("/people/first-password", "name=root&password=another+horse+battery"),
    ] {
        let refused = center.form(&cookie, path, &format!("form_token={token}&{fields}")).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.text);
    }
    assert_eq!(center.refusals().await.iter().filter(|one| one.contains("POST /people")).count(), 5);
    assert_eq!(
        center.form(&cookie, "/people/revoke", &format!("form_token={token}&name=vic&label=test")).await.status,
        303
    );
}

#[tokio::test]
async fn a_principal_changes_their_password_with_the_current_one() {
    let desk = desk().await;
    let center = &desk.center;
    center.password("ann").await;
    let cookie = center.sign_in("ann").await;
    let send = async |fields: &str| {
        let token = center.page(&cookie, "/people").await.form_token();
        center.form(&cookie, "/people/password", &format!("form_token={token}&{fields}")).await
    };
    let new = "a+sentence+of+my+own";
    assert_eq!(send(&format!("current=wrong&password={new}")).await.status, 403);
    assert_eq!(send("current=correct+horse+battery&password=short").await.status, 422);
    let same = send("current=correct+horse+battery&password=correct+horse+battery").await;
    assert!(same.status == 400 && same.text.contains("the present one"), "{}", same.text);
    let changed = send(&format!("current=correct+horse+battery&password={new}")).await;
    assert_eq!((changed.status, changed.header("location")), (303, "/sign-in"));
    assert_eq!(center.page(&cookie, "/people").await.status, 303, "the session has ended");
    let again = center.form("", "/sign-in", &format!("name=ann&password={new}")).await;
    assert_eq!(again.status, 303, "{}", again.text);
    center.api.site().history.verify(None, |_| {}).await.unwrap();
}
