//! A message in a file starts an investigation, by a form that works without a script.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, header};
use clawback_action_center::Settings;
use clawback_model::{PrincipalKind, Role, is_deceptive};
use clawback_store::Store;
use clawback_tests::center::{Answer, PASSWORD, TestCenter};
use clawback_tests::chromium::Chromium;
use clawback_tests::components;
use clawback_tests::hostile::PAYLOADS;
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::served::Served;
use super::{Desk, desk};

const INVESTIGATE: &str = include_str!("../../../workflows/investigate.yaml");
const SECRET: &str = "xylophone-of-the-examined-message";
const LARGEST: usize = 2 << 20;
const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

fn settings() -> Settings {
    Settings { host: Some(Arc::new(components::host())), ..Settings::default() }
}

async fn with_investigations() -> Desk {
    let Desk { store, .. } = desk().await;
    let folder = tempfile::tempdir().unwrap();
    let history = Store::open(&format!("sqlite:{}", folder.path().join("files.db").display())).await.unwrap();
    let mut center = TestCenter::start(history, vec![Arc::clone(&store) as _], &[("investigate", INVESTIGATE)]);
    center.serve_with(settings());
    let ann = center.add("ann", PrincipalKind::Person, &[Role::Analyst]).await;
    center.password("ann").await;
    Desk { center, store, ann, ben: String::new(), folder }
}

fn message(subject: &str) -> String {
    format!(
        "From: Payroll <eve@evil.example>\r\nTo: ann@corp.example\r\nSubject: {subject}\r\nMessage-ID: <1@evil.example>\r\n\
         Content-Type: text/plain\r\n\r\nPlease confirm your salary account before Friday noon, {SECRET}, or the \
         payment will be delayed until the next month: https://pay.evil.example/confirm\r\n"
    )
}

fn forwarded(message: &str) -> String {
    format!(
        "From: bob@corp.example\r\nTo: soc@corp.example\r\nSubject: Is this real?\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nI got this today.\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\n{message}\r\n--b--\r\n"
    )
}

/// The form as a browser sends it.
fn form(cookie: &str, token: &str, name: &str, file: &[u8], attached: &str) -> Request<Body> {
    let field = |name: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
    let mut body = format!("{}\r\n\r\n{token}\r\n{}; filename=\"{name}\"\r\n", field("form_token"), field("message"));
    body += "Content-Type: message/rfc822\r\n\r\n";
    let mut body = body.into_bytes();
    body.extend(file);
    if !attached.is_empty() {
        body.extend(format!("\r\n{}\r\n\r\n{attached}", field("attached")).as_bytes());
    }
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let request = Request::post("/search/file").header(header::COOKIE, cookie);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    request.header(header::CONTENT_TYPE, kind).body(Body::from(body)).unwrap()
}

impl Desk {
    async fn upload(&self, cookie: &str, name: &str, file: &[u8], attached: &str) -> Answer {
        let token = self.center.page(cookie, "/search").await.form_token();
        self.center.send(form(cookie, &token, name, file, attached)).await
    }

    async fn remediations(&self) -> Value {
        self.center.call(&self.ann, "GET", "/api/v1/remediations", None).await.json()["items"].clone()
    }
}

#[tokio::test]
async fn a_message_file_starts_the_investigation_that_its_root_starts() {
    let desk = with_investigations().await;
    let cookie = desk.center.sign_in("ann").await;
    let mail = message("Salary");
    for (file, attached) in [(mail.clone(), ""), (forwarded(&mail), "true"), (forwarded(&mail), "false")] {
        let answer = desk.upload(&cookie, "salary.eml", file.as_bytes(), attached).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let id = answer.header("location").strip_prefix("/remediations/").unwrap().split('?').next().unwrap();
        let raw = json!({ "raw": BASE64.encode(file.as_bytes()) });
        let examined = desk.center.call(&desk.ann, "POST", "/api/v1/examinations", Some(raw)).await.json();
        let made = desk.center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
        let made = &made["remediation"];
        assert_eq!((&made["playbook"], &made["requested_by"]), (&json!("investigate"), &json!("ann")), "{made}");
        assert_eq!(made["action_source"], "manual");
        let root = examined[usize::from(attached == "true")]["root"].as_str().unwrap();
        let made = desk.center.api.site().history.load(&id.parse().unwrap()).await.unwrap();
        assert_eq!(made.request.inputs.get("like"), Some(&root.to_owned()), "{:?}", made.request.inputs);
    }
    // Neither its text nor the name of the file is kept.
    for file in std::fs::read_dir(desk.folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap();
        for text in [SECRET, "salary.eml"] {
            assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()), "{text} in {}", file.display());
        }
    }
}

#[tokio::test]
async fn a_mistake_is_shown_above_the_form_and_starts_nothing() {
    let desk = with_investigations().await;
    let cookie = desk.center.sign_in("ann").await;
    let outlook = [&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1][..], &[0; 100]].concat();
    let large = vec![b'a'; LARGEST + 1];
    for (file, attached, status, said) in [
        (&b""[..], "", 400, "choose a message file"),
        (message("x").as_bytes(), "true", 400, "no message is attached to this one"),
        (&outlook, "", 422, "Outlook"),
        (&large, "", 413, "the file is larger than 2 MiB"),
    ] {
        let answer = desk.upload(&cookie, "x.eml", file, attached).await;
        assert_eq!(answer.status, status, "{said}: {}", answer.text);
        assert!(answer.text.contains("role=\"alert\"") && answer.text.contains(said), "{}", answer.text);
        assert!(answer.text.contains("enctype=\"multipart/form-data\""), "the form is there to send again");
    }
    // Far more than a form may have is read to its end, and is no form.
    let answer = desk.upload(&cookie, "x.eml", &vec![b'a'; 3 * LARGEST], "").await;
    assert_eq!((answer.status, answer.text.contains("The form is larger than 2 MiB")), (413, true), "{}", answer.text);
    assert_eq!(desk.remediations().await, json!([]));
}

#[tokio::test]
async fn a_file_with_an_attached_message_is_investigated_once_a_person_says_which_is_meant() {
    let desk = with_investigations().await;
    let cookie = desk.center.sign_in("ann").await;
    let file = forwarded(&message("Salary"));
    for unsaid in ["", "on"] {
        let asked = desk.upload(&cookie, "x.eml", file.as_bytes(), unsaid).await;
        assert_eq!(asked.status, 422, "{}", asked.text);
        let form = asked.text.split_once("action=\"/search/file\"").unwrap().1.split_once("</form>").unwrap().0;
        assert!(form.contains("Which message is meant?") && form.contains("role=\"alert\""), "{form}");
        for one in ["true", "false"] {
            let choice = format!("<input type=\"radio\" name=\"attached\" value=\"{one}\" required>");
            assert!(form.contains(&choice), "{form}");
        }
        assert!(form.contains("type=\"file\"") && !form.contains("checkbox"), "{form}");
    }
    assert_eq!(desk.remediations().await, json!([]), "nothing was submitted");
    let started = desk.upload(&cookie, "x.eml", file.as_bytes(), "true").await;
    assert_eq!(started.status, 303, "{}", started.text);
}

#[tokio::test]
async fn only_a_form_of_this_session_is_accepted_and_only_of_those_who_may_submit() {
    let desk = with_investigations().await;
    let (cookie, mail) = (desk.center.sign_in("ann").await, message("x"));
    let good = desk.center.page(&cookie, "/search").await.form_token();
    let other = desk.center.page(&desk.center.sign_in("ann").await, "/search").await.form_token();
    for token in ["", "0", other.as_str(), &good[..10]] {
        let answer = desk.center.send(form(&cookie, token, "x.eml", mail.as_bytes(), "")).await;
        assert_eq!(answer.status, 403, "{token}: {}", answer.text);
    }
    let mut elsewhere = form(&cookie, &good, "x.eml", mail.as_bytes(), "");
    elsewhere.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    assert_eq!(desk.center.send(elsewhere).await.status, 403);
    desk.center.add("vic", PrincipalKind::Person, &[Role::Viewer]).await;
    desk.center.password("vic").await;
    let viewer = desk.center.sign_in("vic").await;
    assert!(!desk.center.page(&viewer, "/search").await.text.contains("/search/file"));
    assert_eq!(desk.upload(&viewer, "x.eml", mail.as_bytes(), "").await.status, 403);
    let nobody = desk.center.send(form("", &good, "x.eml", mail.as_bytes(), "")).await;
    assert_eq!((nobody.status, nobody.header("location")), (303, "/sign-in?unsent=yes&next=/"));
    assert_eq!(desk.remediations().await, json!([]));
}

#[tokio::test]
async fn attackers_text_in_a_file_is_no_markup() {
    let desk = with_investigations().await;
    let cookie = desk.center.sign_in("ann").await;
    for payload in PAYLOADS {
        let line = payload.replace(['\r', '\n', '\0'], " ");
        // A browser writes a quote so.
        let name = line.replace('"', "%22").replace(|c: char| c.is_control(), "");
        let started = desk.upload(&cookie, &name, message(&line).as_bytes(), "").await;
        assert_eq!(started.status, 303, "{payload:?}: {}", started.text);
        let shown = desk.center.page(&cookie, started.header("location")).await;
        let refused = desk.upload(&cookie, &name, message(&line).as_bytes(), "true").await;
        assert_eq!((shown.status, refused.status), (200, 400), "{payload:?}");
        for page in [shown, refused] {
            let hidden = page.text.chars().find(|c| is_deceptive(*c) && *c != '\n');
            assert_eq!(hidden, None, "{payload:?}");
            assert!(!page.text.contains("<script>") && !page.text.contains("<img"), "{payload:?}: {}", page.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_sends_a_message_file() {
    let desk = with_investigations().await;
    let served = Served::start_with(&desk, settings()).await;
    let file = desk.folder.path().join("salary.eml");
    std::fs::write(&file, message("Salary of November")).unwrap();
    let browser = Chromium::start(1280, 900).await;
    let at = |page: &str| format!("http://{}{page}", served.address);
    browser.sign_in(&at(""), "ann", PASSWORD).await;
    browser.go(&at("/search")).await;
    let chosen = browser.client.find(fantoccini::Locator::Css("input[type=file]")).await.unwrap();
    chosen.send_keys(&file.display().to_string()).await.unwrap();
    browser.press("Investigate").await;
    browser.sees("Salary of November").await;
    assert_eq!(desk.remediations().await.as_array().unwrap().len(), 1);
    drop(browser);
    served.stop().await;
}
