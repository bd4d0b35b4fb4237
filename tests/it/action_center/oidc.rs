//! Signing in at a real identity provider: who comes in, with which roles, and who does not.

use axum::body::Body;
use axum::http::Request;
use clawback_action_center::{Oidc, OidcConfig, Settings};
use clawback_model::{PublicUrl, Role};
use clawback_tests::center::Answer;
use clawback_tests::oidc::{Claims, Provider, SECRET};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::{Desk, desk};

const SITE: &str = "https://clawback.example";

/// A desk whose people sign in at a provider.
async fn signed_in_by(provider: &Provider, secret: &str) -> Desk {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut desk = desk().await;
    let roles = "viewer = ['staff']\nanalyst = ['soc']\napprover = ['soc-leads']";
    let text = format!(
        "issuer = '{}'\nclient-id = 'clawback'\nclient-secret-file = '{}'\n[roles]\n{roles}",
        provider.issuer(),
        provider.secret_file(secret).display()
    );
    let config: OidcConfig = toml::from_str(&text).unwrap();
    let public_url = PublicUrl::try_from(SITE.to_owned()).unwrap();
    let oidc = Oidc::new(config, &public_url).unwrap();
    desk.center.serve_with(Settings { oidc: Some(oidc.into()), ..Settings::default() });
    desk
}

fn provider(claims: Claims) -> Provider {
    let provider = Provider::start(&format!("{SITE}/sign-in/oidc/return"), claims);
    provider.people(&json!({ "s-cara": { "preferred_username": "cara", "groups": ["soc", "soc-leads", "choir"] } }));
    provider
}

/// Leaves for the provider: gives where to, and the cookie of the errand.
async fn leave(desk: &Desk, next: &str) -> (String, String) {
    let left = desk.center.page("", &format!("/sign-in/oidc?next={next}")).await;
    assert_eq!(left.status, 303, "{}", left.text);
    (left.header("location").to_owned(), first_cookie(left.header("set-cookie")))
}

fn first_cookie(header: &str) -> String {
    header.split(';').next().unwrap().to_owned()
}

/// The whole way; gives the answer to the browser that comes back.
async fn sign_in(desk: &Desk, provider: &Provider, who: &str) -> Answer {
    let (url, errand) = leave(desk, "/history").await;
    let back = provider.sign_in(&url, who, SITE).await;
    desk.center.page(&errand, &back).await
}

/// The cookie of the session that an answer begins.
fn session(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    let mut all = answer.headers.get_all("set-cookie").iter().map(|value| first_cookie(value.to_str().unwrap()));
    all.find(|cookie| cookie.starts_with("clawback=")).expect("a session begins")
}

#[tokio::test]
async fn people_come_in_by_their_groups_wherever_the_claims_stand() {
    for claims in [Claims::InIdToken, Claims::AtUserInfo] {
        let provider = provider(claims);
        let desk = signed_in_by(&provider, SECRET).await;
        let page = desk.center.page("", "/sign-in?next=/history").await;
        assert!(page.text.contains("/sign-in/oidc?next=/history"), "{}", page.text);
        let answer = sign_in(&desk, &provider, "s-cara").await;
        assert_eq!(answer.header("location"), "/history");
        let cookie = session(&answer);
        let page = desk.center.page(&cookie, "/history").await;
        assert!(page.status == 200 && page.text.contains("cara"), "{}", page.text);
        let history = &desk.center.api.site().history;
        let roles = async || {
            let all = history.principals().await.unwrap();
            all.into_iter().find(|one| one.name == "cara").unwrap().roles
        };
        assert_eq!(roles().await, [Role::Analyst, Role::Approver]);

        // She changes desks: the next time she signs in, her roles are those of her groups then, in the old session too.
        assert!(desk.center.page(&cookie, "/connectors").await.text.contains("Check now"));
        provider.people(&json!({ "s-cara": { "preferred_username": "cara", "groups": "staff" } }));
        session(&sign_in(&desk, &provider, "s-cara").await);
        assert_eq!(roles().await, [Role::Viewer]);
        assert_eq!(
            desk.center.form(&cookie, "/connectors", &format!("form_token={}", page.form_token())).await.status,
            403
        );

        // And leaves.
        provider.people(&json!({ "s-cara": { "preferred_username": "cara", "groups": ["choir"] } }));
        let answer = sign_in(&desk, &provider, "s-cara").await;
        assert_eq!(answer.status, 403);
        assert!(answer.text.contains("none of the groups"), "{}", answer.text);
        history.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn nobody_becomes_a_local_principal_by_what_a_provider_calls_them() {
    let provider = provider(Claims::InIdToken);
    let desk = signed_in_by(&provider, SECRET).await;
    provider.people(&json!({
        "s-ann": { "preferred_username": "ann", "groups": ["soc-leads"] },
        "s-blank": { "preferred_username": " ", "groups": ["soc-leads"] },
        "s-bidi": { "preferred_username": "nna\u{202e}", "groups": ["soc-leads"] },
        "s-none": { "groups": ["soc-leads"] },
    }));
    for (who, status) in [("s-ann", 409), ("s-blank", 403), ("s-bidi", 403), ("s-none", 403)] {
        let answer = sign_in(&desk, &provider, who).await;
        assert_eq!(answer.status, status, "{who}: {}", answer.text);
        assert!(!answer.headers.get_all("set-cookie").iter().any(|cookie| cookie.as_bytes().starts_with(b"clawback=")));
    }
    assert_eq!(desk.center.refusals().await.len(), 4);
}

#[tokio::test]
async fn an_answer_that_is_forged_replayed_or_anothers_lets_nobody_in() {
    let provider = provider(Claims::InIdToken);
    let desk = signed_in_by(&provider, SECRET).await;
    let altered = |errand: &str, field: &str| {
        let (name, value) = errand.split_once('=').unwrap();
        let mut kept: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(value.as_bytes()).unwrap()).unwrap();
        let other = "A".repeat(43);
        kept[field] = json!(other);
        format!("{name}={}", BASE64URL_NOPAD.encode(kept.to_string().as_bytes()))
    };
    for field in ["state", "nonce", "verifier"] {
        let (url, errand) = leave(&desk, "/").await;
        let back = provider.sign_in(&url, "s-cara", SITE).await;
        let answer = desk.center.page(&altered(&errand, field), &back).await;
        assert_eq!(answer.status, 403, "{field}: {}", answer.text);
        assert!(answer.text.contains("does not hold"), "{}", answer.text);
    }
    let (url, errand) = leave(&desk, "/").await;
    let back = provider.sign_in(&url, "s-cara", SITE).await;
    for (cookie, path) in [
        ("", back.as_str()),
        ("clawback-oidc=e30", &back),
        (&errand, "/sign-in/oidc/return?error=access_denied&error_description=%3Cscript%3E"),
        (&errand, "/sign-in/oidc/return"),
        (&errand, "/sign-in/oidc/return?code=made-up&state=made-up"),
    ] {
        let answer = desk.center.page(cookie, path).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
        assert!(!answer.text.contains("<script>"), "{}", answer.text);
    }
    session(&desk.center.page(&errand, &back).await);
    assert_eq!(desk.center.page(&errand, &back).await.status, 403, "the same code again");
    assert_eq!(desk.center.refusals().await.len(), 9);
    let elsewhere = desk.center.page("", "/sign-in/oidc?next=//evil.example").await;
    assert_eq!(elsewhere.status, 303);
    let request = Request::post("/sign-in/oidc").body(Body::empty()).unwrap();
    assert_eq!(desk.center.send(request).await.status, 405);
}

#[tokio::test]
async fn a_provider_that_is_down_or_refuses_the_site_is_named() {
    let mut provider = provider(Claims::InIdToken);
    let refused = signed_in_by(&provider, "another secret").await;
    let answer = sign_in(&refused, &provider, "s-cara").await;
    assert!(answer.status == 403 && answer.text.contains("invalid_client"), "{}", answer.text);
    let desk = signed_in_by(&provider, SECRET).await;
    provider.stop();
    let answer = desk.center.page("", "/sign-in/oidc").await;
    assert_eq!(answer.status, 502);
    assert!(answer.text.contains("identity provider could not be asked"), "{}", answer.text);
    // Local accounts still work.
    desk.center.password("ann").await;
    desk.center.sign_in("ann").await;
}
