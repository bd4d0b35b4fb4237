//! Sign-in with a real identity provider: who can sign in, with which roles, and who cannot.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use clawback_action_center::{Oidc, OidcConfig, OidcError, Settings};
use clawback_model::{PublicUrl, Role};
use clawback_tests::center::Answer;
use clawback_tests::oidc::{Claims, Provider, SECRET};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::unsent::{from_here, hidden};
use super::{Desk, desk};

const SITE: &str = "https://clawback.example";

/// A desk with sign-in at a provider.
async fn signed_in_by(provider: &Provider, secret: &str) -> Desk {
    let mut desk = desk().await;
    let oidc = oidc(provider, secret, "").unwrap();
    desk.center.serve_with(Settings { oidc: Some(oidc.into()), ..Settings::default() });
    desk
}

/// The provider's configuration, with more lines.
fn oidc(provider: &Provider, secret: &str, more: &str) -> Result<Oidc, OidcError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roles = "viewer = ['staff']\nanalyst = ['soc']\napprover = ['soc-leads']";
    let text = format!(
        "issuer = '{}'\nclient-id = 'clawback'\nclient-secret-file = '{}'\n{more}\n[roles]\n{roles}",
        provider.issuer(),
        provider.secret_file(secret).display()
    );
    let config: OidcConfig = toml::from_str(&text).unwrap();
    let public_url = PublicUrl::try_from(SITE.to_owned()).unwrap();
    Oidc::new(config, &public_url)
}

fn provider(claims: Claims) -> Provider {
    let provider = Provider::start(&format!("{SITE}/sign-in/oidc/return"), claims);
    provider.people(&json!({ "s-cara": { "preferred_username": "cara", "groups": ["soc", "soc-leads", "choir"] } }));
    provider
}

/// Starts a sign-in. Returns the provider's address and the cookie of the pending sign-in.
async fn leave(desk: &Desk, next: &str) -> (String, String) {
    let left = desk.center.page("", &format!("/sign-in/oidc?next={next}")).await;
    assert_eq!(left.status, 303, "{}", left.text);
    (left.header("location").to_owned(), first_cookie(left.header("set-cookie")))
}

fn first_cookie(header: &str) -> String {
    header.split(';').next().unwrap().to_owned()
}

/// A whole sign-in. Returns the answer to the browser that comes back.
async fn sign_in(desk: &Desk, provider: &Provider, who: &str) -> Answer {
    let (url, errand) = leave(desk, "/history").await;
    let back = provider.sign_in(&url, who, SITE).await;
    desk.center.page(&errand, &back).await
}

/// The cookie of the session that an answer begins.
fn session(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.cookie("clawback").expect("a session begins")
}

/// Navigates to a page as a browser does.
async fn go(desk: &Desk, cookie: &str, path: &str) -> Answer {
    let request = Request::get(path).header("cookie", cookie).header("sec-fetch-mode", "navigate");
    desk.center.send(request.body(Body::empty()).unwrap()).await
}

/// Keeps the session in use for this long. Returns the last cookie.
async fn stays(desk: &Desk, mut cookie: String, minutes: u64) -> String {
    for _ in 0..minutes / 10 {
        desk.center.clock.advance(Duration::from_mins(10));
        let answer = go(desk, &cookie, "/history").await;
        assert_eq!(answer.status, 200);
        cookie = answer.cookie("clawback").unwrap_or(cookie);
    }
    cookie
}

#[tokio::test]
async fn after_some_hours_the_provider_determines_the_roles_again() {
    let provider = provider(Claims::InIdToken);
    let desk = signed_in_by(&provider, SECRET).await;
    desk.center.password("ann").await;
    let cookie = session(&sign_in(&desk, &provider, "s-cara").await);
    let cookie = stays(&desk, cookie, 230).await;
    desk.center.clock.advance(Duration::from_mins(10));

    // Four hours. A request that is no navigation is not redirected to the provider, and does not use up the redirect.
    let fetched = desk.center.page(&cookie, "/history?name=a").await;
    assert_eq!((fetched.status, fetched.header("location")), (303, "/sign-in?next=/history%3Fname%3Da"));
    assert_eq!(desk.center.page(&cookie, "/api/v1/remediations").await.status, 401);
    let posted = desk.center.form(&cookie, "/connectors", "").await;
    assert_eq!((posted.status, posted.header("location")), (303, "/sign-in?unsent=yes&next=/"));
    // A form of our own page stays on the page of the sign-in, which the provider opens beside it.
    let kept = desk.center.send(from_here(&cookie, "/people/confirm", "name=typed")).await;
    assert_eq!(kept.status, 401);
    let beside = "href=\"/sign-in/oidc?next=/pending%3Fshow%3DR-1\" target=\"_blank\" rel=\"noopener\"";
    assert!(kept.text.contains(beside) && kept.text.contains("Continue</button>"), "{}", kept.text);
    let other = session(&sign_in(&desk, &provider, "s-cara").await);
    let fields = hidden(&kept.text, "/people/confirm");
    let asked = desk.center.send(from_here(&other, "/people/confirm", &fields)).await;
    assert_eq!(asked.status, 403, "{}", asked.text);
    assert!(asked.text.contains("Send it now as <bdi class=\"mail\">cara</bdi>"), "{}", asked.text);
    // A user who keeps working is redirected to the provider, once.
    let gone = go(&desk, &cookie, "/history?name=a").await;
    assert_eq!((gone.status, gone.header("location")), (303, "/sign-in/oidc?next=/history%3Fname%3Da"));
    let again = go(&desk, &cookie, "/history?name=a").await;
    assert_eq!((again.status, again.header("location")), (303, "/sign-in?next=/history%3Fname%3Da"));
    // Meanwhile she has lost a role; and she is redirected back to the requested address.
    provider.people(&json!({ "s-cara": { "preferred_username": "cara", "groups": "staff" } }));
    let (url, errand) = leave(&desk, "/history%3Fname%3Da").await;
    let back = provider.sign_in(&url, "s-cara", SITE).await;
    let answer = desk.center.page(&errand, &back).await;
    assert_eq!(answer.header("location"), "/history?name=a");
    let cookie = session(&answer);
    let page = desk.center.page(&cookie, "/connectors").await;
    assert!(page.status == 200 && !page.text.contains("Check now"), "{}", page.text);
    // The session of a local account is not shortened.
    let ann = stays(&desk, desk.center.sign_in("ann").await, 300).await;
    assert_eq!(go(&desk, &ann, "/history").await.status, 200);

    // A user who was idle, signed out, or sends an old copy of the cookie signs in as usual.
    let goes_to_sign_in = async |cookie: &str| {
        let answer = go(&desk, cookie, "/history").await;
        assert_eq!((answer.status, answer.header("location")), (303, "/sign-in?next=/history"));
    };
    goes_to_sign_in(&cookie).await;
    let first = session(&sign_in(&desk, &provider, "s-cara").await);
    let cookie = stays(&desk, first.clone(), 230).await;
    assert_ne!(first, cookie);
    desk.center.clock.advance(Duration::from_mins(10));
    goes_to_sign_in(&first).await;
    goes_to_sign_in(&cookie).await;
    let cookie = session(&sign_in(&desk, &provider, "s-cara").await);
    let token = desk.center.page(&cookie, "/history").await.form_token();
    assert_eq!(desk.center.form(&cookie, "/sign-out", &format!("form_token={token}")).await.status, 303);
    desk.center.clock.advance(Duration::from_hours(4));
    goes_to_sign_in(&cookie).await;
}

#[tokio::test]
async fn the_hours_of_a_session_are_configured() {
    let provider = provider(Claims::InIdToken);
    for wrong in ["0", "-1", "0.1", "12.1", "nan", "inf"] {
        let error = oidc(&provider, SECRET, &format!("session-hours = {wrong}")).unwrap_err().to_string();
        assert!(error.contains("session-hours must be a number from 0.25 to 12"), "{wrong}: {error}");
    }
    for (hours, minutes) in [("0.25", 15), ("1.5", 90), ("12", 720)] {
        let mut desk = desk().await;
        let oidc = oidc(&provider, SECRET, &format!("session-hours = {hours}")).unwrap();
        desk.center.serve_with(Settings { oidc: Some(oidc.into()), ..Settings::default() });
        let cookie = stays(&desk, session(&sign_in(&desk, &provider, "s-cara").await), minutes - 5).await;
        desk.center.clock.advance(Duration::from_mins((minutes - 5) % 10 + 4));
        assert_eq!(go(&desk, &cookie, "/history").await.status, 200, "{hours}");
        let cookie = desk.center.page(&cookie, "/history").await.cookie("clawback").unwrap_or(cookie);
        desk.center.clock.advance(Duration::from_mins(1));
        assert_eq!(go(&desk, &cookie, "/history").await.header("location"), "/sign-in/oidc?next=/history", "{hours}");
    }
}

#[tokio::test]
async fn users_sign_in_by_their_groups_wherever_the_claims_are() {
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

        // Her groups change: at the next sign-in her roles are those of her groups at that time, in the old session
        // too.
        assert!(desk.center.page(&cookie, "/connectors").await.text.contains("Check now"));
        provider.people(&json!({ "s-cara": { "preferred_username": "cara", "groups": "staff" } }));
        session(&sign_in(&desk, &provider, "s-cara").await);
        assert_eq!(roles().await, [Role::Viewer]);
        assert_eq!(
            desk.center.form(&cookie, "/connectors", &format!("form_token={}", page.form_token())).await.status,
            403
        );

        // She loses her last group with a role.
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
        "s-twin": { "preferred_username": "аnn", "groups": ["soc-leads"] },
        "s-two": { "preferred_username": "ann, cara", "groups": ["soc-leads"] },
        "s-loop": { "preferred_username": "Automation", "groups": ["soc-leads"] },
        "s-blank": { "preferred_username": " ", "groups": ["soc-leads"] },
        "s-bidi": { "preferred_username": "nna\u{202e}", "groups": ["soc-leads"] },
        "s-none": { "groups": ["soc-leads"] },
    }));
    let all = [("s-ann", 409), ("s-twin", 403), ("s-two", 403), ("s-loop", 403), ("s-blank", 403), ("s-bidi", 403)];
    for (who, status) in all.into_iter().chain([("s-none", 403)]) {
        let answer = sign_in(&desk, &provider, who).await;
        assert_eq!(answer.status, status, "{who}: {}", answer.text);
        let names_the_setting = answer.text.contains("name-claim") && answer.text.contains("preferred_username");
        assert_eq!(names_the_setting, ["s-twin", "s-two", "s-loop"].contains(&who), "{who}: {}", answer.text);
        assert!(!answer.headers.get_all("set-cookie").iter().any(|cookie| cookie.as_bytes().starts_with(b"clawback=")));
    }
    assert_eq!(desk.center.refusals().await.len(), 7);
}

#[tokio::test]
async fn a_forged_replayed_or_foreign_answer_signs_nobody_in() {
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
        assert!(answer.text.contains("is not valid"), "{}", answer.text);
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
    assert!(answer.text.contains("identity provider cannot be reached"), "{}", answer.text);
    // Local accounts still work.
    desk.center.password("ann").await;
    desk.center.sign_in("ann").await;
}
