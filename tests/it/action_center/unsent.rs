//! Forms that are sent without a session, or on a page of an earlier one: what was typed comes back, and nothing is
//! carried out before it is sent again. Forms of other sites do not come back.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use clawback_action_center::{Oidc, OidcConfig, Settings};
use clawback_model::{PrincipalKind, PublicUrl, Role, is_deceptive};
use clawback_tests::center::{Answer, form};
use clawback_tests::hostile::PAYLOADS;
use serde_json::{Value, json};

use super::{Desk, desk};

/// A form as a browser sends it from a page of the site.
pub(super) fn from_here(cookie: &str, path: &str, fields: &str) -> Request<Body> {
    let mut request = form(cookie, path, fields);
    for (name, value) in [("sec-fetch-site", "same-origin"), ("referer", "http://localhost:8025/pending?show=R-1")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

/// The hidden fields of the form that goes to this address, as a browser sends them again.
pub(super) fn hidden(page: &str, action: &str) -> String {
    let start =
        page.find(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("no form goes to {action}: {page}"));
    let form = page[start..].split("</form>").next().unwrap();
    let inputs = form.split("<input type=\"hidden\" name=\"").skip(1);
    let pairs = inputs.map(|rest| {
        let (name, rest) = rest.split_once("\" value=\"").unwrap();
        let value = rest.split('"').next().unwrap();
        format!("{}={}", encoded(&plain(name)), encoded(&plain(value)))
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn plain(html: &str) -> String {
    html.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// As a browser writes it: the token of a form is compared as it is sent.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    let written = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(written).collect()
}

const PASSWORD: &str = "password=correct+horse+battery";

/// The desk with a plan that waits, and the fields of ben's vote on it.
async fn waiting() -> (Desk, String, String) {
    let desk = desk().await;
    let (id, digest) = desk.pending().await;
    desk.center.password("ben").await;
    let shown = desk.center.page(&desk.center.sign_in("ben").await, &format!("/remediations/{id}")).await;
    let seen = shown.text.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let vote = format!("digest={digest}&seen={seen}&decision=approve");
    (desk, format!("/remediations/{id}/decide"), vote)
}

/// The votes on the plan.
async fn votes(desk: &Desk, address: &str) -> Vec<Value> {
    let path = format!("/api/v1{}", address.trim_end_matches("/decide"));
    let shown = desk.center.call(&desk.ann, "GET", &path, None).await.json();
    shown["approval"]["votes"].as_array().unwrap_or_else(|| panic!("{shown}")).clone()
}

/// Whether the page has a form that sends this again.
fn is_returned(answer: &Answer, typed: &str) -> bool {
    answer.text.contains("nothing was done") && answer.text.contains(typed)
}

#[tokio::test]
async fn a_session_that_ends_in_a_form_brings_its_text_back() {
    let (desk, address, vote) = waiting().await;
    let center = &desk.center;
    let cookie = center.sign_in("ben").await;
    let token = center.page(&cookie, "/pending").await.form_token();
    center.clock.advance(Duration::from_hours(13));
    let typed = format!("form_token={token}&{vote}&comment=two+lines%0D%0A%26+an+end&new_password=hidden");
    let asked = center.send(from_here(&cookie, &address, &typed)).await;
    assert_eq!(asked.status, 401, "{}", asked.text);
    assert!(is_returned(&asked, "an end") && asked.text.contains("action=\"/sign-in\""), "{}", asked.text);
    assert!(!asked.text.contains(&token) && !asked.text.contains("new_password"), "{}", asked.text);

    // A wrong password keeps it as well.
    let fields = format!("name=ben&password=wrong&{}", hidden(&asked.text, "/sign-in"));
    let wrong = center.send(from_here("", "/sign-in", &fields)).await;
    assert_eq!(wrong.status, 403, "{}", wrong.text);
    let fields = format!("name=ben&{PASSWORD}&{}", hidden(&wrong.text, "/sign-in"));
    let signed_in = center.send(from_here("", "/sign-in", &fields)).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.text);
    for said in ["Your form was not sent", "Send it now as <bdi class=\"mail\">ben</bdi>", "two lines", "Decision"] {
        assert!(signed_in.text.contains(said), "{said}: {}", signed_in.text);
    }
    assert!(signed_in.text.contains("href=\"/pending?show=R-1\""), "{}", signed_in.text);
    assert_eq!(votes(&desk, &address).await, [] as [Value; 0], "nothing is decided before it is sent");

    let cookie = signed_in.cookie("clawback").unwrap();
    let again = hidden(&signed_in.text, &address);
    let sent = center.send(from_here(&cookie, &address, &again)).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    let found = votes(&desk, &address).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["by"], &found[0]["comment"]), (&json!("ben"), &json!("two lines\r\n& an end")));
    // The same once more is refused, as any second vote.
    assert_eq!(center.send(from_here(&cookie, &address, &again)).await.status, 409);
    assert_eq!(votes(&desk, &address).await.len(), 1);
}

#[tokio::test]
async fn a_form_of_an_earlier_session_comes_back_and_asks_as_before() {
    let (desk, address, vote) = waiting().await;
    let center = &desk.center;
    let token = center.page(&center.sign_in("ben").await, "/pending").await.form_token();
    // Somebody else has signed in meanwhile, in another tab.
    desk.center.password("ann").await;
    let cookie = center.sign_in("ann").await;
    let asked = center.send(from_here(&cookie, &address, &format!("form_token={token}&{vote}&comment=seen"))).await;
    assert_eq!(asked.status, 403, "{}", asked.text);
    assert!(is_returned(&asked, "Send it now as <bdi class=\"mail\">ann</bdi>"), "{}", asked.text);
    let sent = center.send(from_here(&cookie, &address, &hidden(&asked.text, &address))).await;
    assert!(sent.status == 403 && sent.text.contains("ann"), "her own request: {}", sent.text);
    assert_eq!(votes(&desk, &address).await, [] as [Value; 0]);

    // What asks once more still does.
    let cancel = address.replace("/decide", "/cancel");
    let asked = center.send(from_here(&cookie, &cancel, "form_token=0")).await;
    let again = center.send(from_here(&cookie, &cancel, &hidden(&asked.text, &cancel))).await;
    assert!(again.status == 200 && again.text.contains("Cancel remediation?"), "{}", again.text);
    assert!(center.refusals().await.iter().any(|line| line.contains("not from a page of this session")));
}

#[tokio::test]
async fn a_form_of_another_site_does_not_come_back() {
    let (desk, address, vote) = waiting().await;
    let center = &desk.center;
    let cookie = center.sign_in("ben").await;
    let typed = format!("{vote}&comment=composed+elsewhere");
    let elsewhere: [&[(&str, &str)]; 6] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("host", "localhost:8025"), ("origin", "https://evil.example")],
        &[("host", "localhost:8025"), ("origin", "null")],
        &[],
    ];
    for headers in elsewhere {
        let ask = async |cookie: &str| {
            let mut request = form(cookie, &address, &typed);
            for (name, value) in headers {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
            center.send(request).await
        };
        let nobody = ask("").await;
        let location = nobody.header("location");
        assert_eq!((nobody.status, location), (303, "/sign-in?unsent=yes&next=/"), "{headers:?}");
        let signed_in = ask(&cookie).await;
        assert_eq!(signed_in.status, 403, "{headers:?}");
        assert!(!signed_in.text.contains("composed elsewhere"), "{headers:?}: {}", signed_in.text);
    }
    // Nor by a sign-in that another site composes, nor to an address of another site or none of a form.
    let brought = format!("name=ben&{PASSWORD}&unsent_to={}&unsent.comment=composed+elsewhere", encoded(&address));
    let mut request = form("", "/sign-in", &brought);
    request.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    assert_eq!(center.send(request).await.status, 403);
    for to in ["https://evil.example/pending", "//evil.example/pending", "/people/password", "/sign-out", "/x"] {
        let brought = format!("name=ben&{PASSWORD}&unsent_to={}&unsent.comment=x", encoded(to));
        let answer = center.send(from_here("", "/sign-in", &brought)).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{to}");
    }
    assert_eq!(votes(&desk, &address).await, [] as [Value; 0]);
    // `Origin` alone is enough of our own.
    let mut own = form("", &address, &typed);
    for (name, value) in [("host", "localhost:8025"), ("origin", "http://localhost:8025")] {
        own.headers_mut().insert(name, value.parse().unwrap());
    }
    assert!(is_returned(&center.send(own).await, "composed elsewhere"));
}

#[tokio::test]
async fn a_form_that_is_too_large_is_said_not_to_be_kept() {
    let desk = desk().await;
    let center = &desk.center;
    let sized = |bytes: usize| format!("comment={}", "x".repeat(bytes - "comment=".len()));
    let kept = center.send(from_here("", "/pending", &sized(16 << 10))).await;
    assert!(kept.status == 401 && is_returned(&kept, "xxxx"), "{}", kept.status);
    // It passes the sign-in, whose form it is encoded in again.
    center.password("ben").await;
    let fields = format!("name=ben&{PASSWORD}&{}", hidden(&kept.text, "/sign-in"));
    assert_eq!(center.send(from_here("", "/sign-in", &fields)).await.status, 200);
    let large = center.send(from_here("", "/pending", &sized((16 << 10) + 1))).await;
    let location = large.header("location");
    assert_eq!((large.status, location), (303, "/sign-in?unsent=too-large&next=/pending%3Fshow%3DR-1"));
    let page = center.page("", location).await;
    assert!(page.text.contains("larger than 16 KiB, so it is not kept"), "{}", page.text);
}

#[tokio::test]
async fn text_of_a_form_that_comes_back_is_no_markup() {
    let (desk, address, vote) = waiting().await;
    let center = &desk.center;
    let cookie = center.sign_in("ben").await;
    for payload in PAYLOADS {
        let typed = format!("{vote}&comment={0}&{0}=x", encoded(payload));
        let asked = center.send(from_here("", &address, &typed)).await;
        let stale = center.send(from_here(&cookie, &address, &typed)).await;
        assert_eq!((asked.status, stale.status), (401, 403), "{payload:?}");
        for page in [asked.text, stale.text] {
            assert!(page.contains("comment"), "{payload:?}: {page}");
            // The attributes of a hidden field are only returned to the user who sent them.
            let parts = page.split("<input type=\"hidden\" name=\"").enumerate();
            let shown: String =
                parts.map(|(at, rest)| if at == 0 { rest } else { rest.split_once("\">").unwrap().1 }).collect();
            for broken in ["<script>", "<img", "<svg onload", "<iframe", "\"javascript:alert(1)", "\" onmouseover=\""] {
                assert!(!shown.contains(broken), "{payload:?} is markup: {page}");
            }
            assert!(shown.chars().all(|c| !is_deceptive(c) || c == '\n'), "{payload:?} hides: {shown}");
        }
    }
    assert_eq!(votes(&desk, &address).await, [] as [Value; 0]);
}

#[tokio::test]
async fn the_sign_in_at_a_provider_opens_beside_the_form() {
    let (mut desk, address, vote) = waiting().await;
    let cookie = desk.center.sign_in("ben").await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let text = "issuer = 'http://127.0.0.1:9'\nclient-id = 'clawback'\n[roles]\napprover = ['soc']";
    let config: OidcConfig = toml::from_str(text).unwrap();
    let public_url = PublicUrl::try_from("https://clawback.example".to_owned()).unwrap();
    let oidc = Oidc::new(config, &public_url).unwrap();
    desk.center.serve_with(Settings { oidc: Some(oidc.into()), ..Settings::default() });
    let asked = desk.center.send(from_here("", &address, &format!("{vote}&comment=typed"))).await;
    assert_eq!(asked.status, 401, "{}", asked.text);
    let beside = "href=\"/sign-in/oidc?next=/pending%3Fshow%3DR-1\" target=\"_blank\" rel=\"noopener\"";
    assert!(asked.text.contains(beside) && asked.text.contains("Continue</button>"), "{}", asked.text);
    // The session has begun in the other tab.
    let going_on = desk.center.send(from_here(&cookie, &address, &hidden(&asked.text, &address))).await;
    assert!(going_on.status == 403 && is_returned(&going_on, "Send it now as"), "{}", going_on.text);
    let sent = desk.center.send(from_here(&cookie, &address, &hidden(&going_on.text, &address))).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    assert_eq!(votes(&desk, &address).await[0]["comment"], "typed");
}

#[tokio::test]
async fn who_may_not_do_it_may_not_do_it_with_a_form_that_came_back() {
    let (desk, address, vote) = waiting().await;
    let center = &desk.center;
    let _ = center.add("vic", PrincipalKind::Person, &[Role::Viewer]).await;
    center.password("vic").await;
    let asked = center.send(from_here("", &address, &vote)).await;
    let fields = format!("name=vic&{PASSWORD}&{}", hidden(&asked.text, "/sign-in"));
    let signed_in = center.send(from_here("", "/sign-in", &fields)).await;
    assert!(signed_in.text.contains("Send it now as <bdi class=\"mail\">vic</bdi>"), "{}", signed_in.text);
    let cookie = signed_in.cookie("clawback").unwrap();
    let sent = center.send(from_here(&cookie, &address, &hidden(&signed_in.text, &address))).await;
    assert_eq!(sent.status, 403, "{}", sent.text);
    assert_eq!(votes(&desk, &address).await, [] as [Value; 0]);
}
