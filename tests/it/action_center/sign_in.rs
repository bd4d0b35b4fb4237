//! Sessions and forms: passwords, lockout, forged and replayed cookies, cross-site forms. All refusals are recorded.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use clawback_model::{Digest, PrincipalKind, Role, Timestamp};
use clawback_store::FailedAttempt;
use clawback_tests::center::{Answer, form};

use super::desk;

/// The page without the name that was typed, which it repeats.
fn without_name(answer: &Answer) -> String {
    let (before, rest) = answer.text.split_once("name=\"name\" value=\"").expect("the form is shown again");
    let (_, after) = rest.split_once('"').unwrap();
    format!("{before}{after}")
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_the_same_and_lock() {
    let desk = desk().await;
    desk.center.password("ann").await;
    let wrong = desk.center.form("", "/sign-in", "name=ann&password=wrong").await;
    let unknown = desk.center.form("", "/sign-in", "name=nobody&password=wrong").await;
    assert_eq!((wrong.status, unknown.status), (403, 403));
    assert_eq!(without_name(&wrong), without_name(&unknown));
    for _ in 0..4 {
        desk.center.form("", "/sign-in", "name=ann&password=wrong").await;
    }
    // Now even the right one is not checked.
    let locked = desk.center.form("", "/sign-in", "name=ann&password=correct+horse+battery").await;
    assert_eq!(locked.status, 429);
    assert!(locked.text.contains("try again in 30 s"), "{}", locked.text);
    desk.center.clock.advance(Duration::from_secs(31));
    desk.center.sign_in("ann").await;
    assert_eq!(desk.center.refusals().await.len(), 7);
}

#[tokio::test]
async fn a_series_of_wrong_passwords_does_not_reveal_which_names_exist() {
    let desk = desk().await;
    desk.center.password("ann").await;
    desk.center.add("robot", PrincipalKind::Service, &[Role::Analyst]).await;
    // A principal with a password, one without, a service, an unknown name, and invalid names.
    let names = ["ann", "ben", "robot", "nobody", "", "ann%00", "no+body%E2%80%AE%27"];
    let mut waits = Vec::new();
    for round in 0..24 {
        let mut first: Option<Answer> = None;
        for (number, name) in names.into_iter().enumerate() {
            let fields = format!("name={name}&password=wrong+{round}");
            let answer = desk.center.form_from(&format!("192.0.2.{number}"), "", "/sign-in", &fields).await;
            let first = first.get_or_insert_with(|| answer.clone());
            let (seen, known) = (without_name(&answer), without_name(first));
            assert_eq!((answer.status, seen), (first.status, known), "`{name}`, round {round}");
            let headers = |answer: &Answer| {
                let mut headers = answer.headers.clone();
                headers.remove(header::CONTENT_LENGTH);
                headers
            };
            assert_eq!(headers(&answer), headers(first), "`{name}`, round {round}");
        }
        let text = first.unwrap().text;
        match text.split("try again in ").nth(1).and_then(|rest| rest.split(' ').next()) {
            // In the middle of a wait, and then at its end.
            Some(seconds) => {
                let left = Duration::from_secs(seconds.parse().unwrap());
                waits.push(left.as_secs());
                desk.center.clock.advance(if left.as_secs().is_multiple_of(2) { left / 2 } else { left });
            }
            None => assert!(text.contains("Name or password is not right"), "{text}"),
        }
    }
    assert_eq!(waits, [30, 15, 60, 30, 15, 120, 60, 30, 15, 240, 120, 60, 30, 15, 480]);
    // The counts of all names are forgotten at the same time.
    desk.center.clock.advance(Duration::from_hours(25));
    for name in ["ann", "ben", "nobody"] {
        for _ in 0..4 {
            desk.center.form("", "/sign-in", &format!("name={name}&password=wrong")).await;
        }
        let fifth = desk.center.form("", "/sign-in", &format!("name={name}&password=wrong")).await;
        assert!(!fifth.text.contains("try again"), "{name}: {}", fifth.text);
    }
}

/// The cookies that a sign-in sets: of the session, and of the device.
fn cookies(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 303, "{}", answer.text);
    (answer.cookie("clawback").unwrap(), answer.cookie("clawback-device").unwrap())
}

const RIGHT: &str = "name=ann&password=correct+horse+battery";
const WRONG: &str = "name=ann&password=wrong";
const OWNER: &str = "198.51.100.7";
const STRANGER: &str = "192.0.2.66";

#[tokio::test]
async fn a_stranger_cannot_lock_an_owner_out() {
    let desk = desk().await;
    let center = &desk.center;
    center.password("ann").await;
    let (_, browser) = cookies(&center.form_from(OWNER, "", "/sign-in", RIGHT).await);
    for _ in 0..4 {
        assert_eq!(center.form_from(STRANGER, "", "/sign-in", WRONG).await.status, 403);
    }
    for _ in 0..20 {
        let answer = center.form_from(STRANGER, "", "/sign-in", WRONG).await;
        center.clock.advance(Duration::from_secs(31));
        assert!(matches!(answer.status, 403 | 429));
    }
    assert_eq!(center.form_from(STRANGER, "", "/sign-in", RIGHT).await.status, 429, "the stranger waits");
    // From her own address, and from her own browser even at the address of the stranger.
    cookies(&center.form_from(OWNER, "", "/sign-in", RIGHT).await);
    let (_, same) = cookies(&center.form_from(STRANGER, &browser, "/sign-in", RIGHT).await);
    assert_eq!(same, browser, "it stays the same browser");

    // Her browser has the usual number of tries, and does not affect any other.
    for _ in 0..5 {
        assert_eq!(center.form_from(OWNER, &browser, "/sign-in", WRONG).await.status, 403);
    }
    assert_eq!(center.form_from(OWNER, &browser, "/sign-in", RIGHT).await.status, 429);
    cookies(&center.form_from("198.51.100.8", "", "/sign-in", RIGHT).await);

    // A device cookie is valid for the password and the name that it was issued for, and cannot be forged.
    center.password("ben").await;
    let forged = format!("{}f", &browser[..browser.len() - 1]);
    let other = if forged == browser { format!("{}0", &browser[..browser.len() - 1]) } else { forged };
    center.clock.advance(Duration::from_secs(1));
    for (cookie, fields) in [(&other, RIGHT), (&browser, "name=ben&password=wrong")] {
        let mut last = center.form_from(STRANGER, cookie, "/sign-in", fields).await.status;
        for _ in 0..30 {
            last = center.form_from(STRANGER, cookie, "/sign-in", fields).await.status;
        }
        assert_eq!(last, 429, "{fields}");
    }
    center.password("ann").await;
    assert_eq!(center.form_from(STRANGER, &browser, "/sign-in", RIGHT).await.status, 429, "a new password");
}

#[tokio::test]
async fn an_address_cannot_try_all_names() {
    let desk = desk().await;
    let center = &desk.center;
    for name in ["ann", "ben"] {
        center.password(name).await;
    }
    for number in 0..20 {
        let tried = center.form_from(STRANGER, "", "/sign-in", &format!("name=n{number}&password=password1")).await;
        assert_eq!(tried.status, 403, "{number}");
    }
    let refused = center.form_from(STRANGER, "", "/sign-in", RIGHT).await;
    assert_eq!(refused.status, 429);
    assert!(refused.text.contains("Too many sign-ins from this address; try again in 30 s"), "{}", refused.text);
    assert!(!refused.header("set-cookie").contains("clawback="));
    // Other names do not wait, and right passwords do not count.
    for _ in 0..40 {
        cookies(&center.form_from(OWNER, "", "/sign-in", RIGHT).await);
    }
    center.clock.advance(Duration::from_secs(30));
    cookies(&center.form_from(STRANGER, "", "/sign-in", RIGHT).await);
}

#[tokio::test]
async fn a_name_that_is_tried_from_many_addresses_waits_for_strangers_only() {
    let desk = desk().await;
    let center = &desk.center;
    center.password("ann").await;
    let (_, browser) = cookies(&center.form_from(OWNER, "", "/sign-in", RIGHT).await);
    for number in 0..101 {
        let tried = center.form_from(&format!("192.0.2.{number}"), "", "/sign-in", WRONG).await;
        assert_eq!(tried.status, 403, "{number}");
    }
    let waits = center.form_from("203.0.113.1", "", "/sign-in", RIGHT).await;
    assert!(waits.text.contains("Too many wrong passwords for this name; try again in 30 s"), "{}", waits.text);
    // Made-up names do not end the wait of an account.
    let history = &center.api.site().history;
    for number in 0..500 {
        let wrong = FailedAttempt {
            name: Digest::of(format!("made up {number}").as_bytes()),
            is_account: false,
            at: center.api.site().now(),
            forget_before: Timestamp(0),
            most: 100,
        };
        history.count_wrong(&wrong, |_| Duration::ZERO).await.unwrap();
    }
    assert_eq!(center.form_from("203.0.113.1", "", "/sign-in", RIGHT).await.status, 429);
    cookies(&center.form_from(OWNER, &browser, "/sign-in", RIGHT).await);
    // That was the right password, which ends the wait for all.
    cookies(&center.form_from("203.0.113.1", "", "/sign-in", RIGHT).await);
    // Tries with the old password do not delay the new one.
    for _ in 0..5 {
        center.form_from(STRANGER, "", "/sign-in", WRONG).await;
    }
    assert_eq!(center.form_from(STRANGER, "", "/sign-in", RIGHT).await.status, 429);
    center.password("ann").await;
    cookies(&center.form_from(STRANGER, "", "/sign-in", RIGHT).await);
}

#[tokio::test]
async fn strangers_cannot_evict_the_refusals_of_principals() {
    let desk = desk().await;
    let center = &desk.center;
    let admin = center.add("zoe", PrincipalKind::Person, &[Role::Admin]).await;
    assert_eq!(
        center.call(&desk.ben, "POST", "/api/v1/halt", Some(serde_json::json!({ "reason": "x" }))).await.status,
        403
    );
    for number in 0..3_000 {
        let path = format!("/api/v1/made-up-{number}");
        assert_eq!(center.call(&format!("cbk_{number}"), "GET", &path, None).await.status, 401);
    }
    for number in 0..40 {
        // Any number of names from one address: some are recorded separately, the others together.
        center.form_from(&format!("2001:db8::{number:x}"), "", "/sign-in", &format!("name=n{number}&password=x")).await;
    }
    let listed = center.call(&admin, "GET", "/api/v1/refusals", None).await.json();
    let rows = listed.as_array().unwrap();
    assert!(rows.len() <= 2 + 16 + 2, "{} rows", rows.len());
    let find = |code: &str| rows.iter().find(|row| row["reason"].as_str().unwrap().contains(code)).unwrap();
    let flood = find("the token is unknown");
    assert_eq!(
        (&flood["times"], &flood["known"], &flood["principal"]),
        (&3_000.into(), &false.into(), &serde_json::Value::Null)
    );
    let ben = find("ben may not do this");
    assert_eq!((&ben["times"], &ben["known"], &ben["principal"]), (&1.into(), &true.into(), &"ben".into()));
    let spray: u64 =
        rows.iter().filter(|row| row["source"] == "2001:db8::/64").map(|row| row["times"].as_u64().unwrap()).sum();
    assert_eq!(spray, 40);
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_old_signed_out_or_has_a_new_password() {
    let desk = desk().await;
    desk.center.password("ann").await;
    let goes_to_sign_in = async |cookie: &str| desk.center.page(cookie, "/pending").await.status == 303;

    let cookie = desk.center.sign_in("ann").await;
    assert!(!goes_to_sign_in(&cookie).await);
    assert!(goes_to_sign_in("clawback=cbk_forged").await, "forged");
    desk.center.clock.advance(Duration::from_mins(61));
    assert!(goes_to_sign_in(&cookie).await, "idle");

    let cookie = desk.center.sign_in("ann").await;
    for _ in 0..24 {
        desk.center.clock.advance(Duration::from_mins(29));
        assert!(!goes_to_sign_in(&cookie).await, "in use");
    }
    desk.center.clock.advance(Duration::from_mins(29));
    assert!(goes_to_sign_in(&cookie).await, "twelve hours old");

    let cookie = desk.center.sign_in("ann").await;
    let token = desk.center.page(&cookie, "/pending").await.form_token();
    assert_eq!(desk.center.form(&cookie, "/sign-out", &format!("form_token={token}")).await.status, 303);
    assert!(goes_to_sign_in(&cookie).await, "replayed after sign-out");

    let cookie = desk.center.sign_in("ann").await;
    desk.center.password("ann").await;
    assert!(goes_to_sign_in(&cookie).await, "the password changed");
    assert!(desk.center.refusals().await.len() >= 5);
}

#[tokio::test]
async fn a_recorded_refusal_has_a_limit_of_length() {
    let desk = desk().await;
    let name = "n".repeat(10_000);
    assert_eq!(desk.center.form("", "/sign-in", &format!("name={name}&password=wrong")).await.status, 403);
    let endless = "n".repeat(100_000);
    assert_eq!(desk.center.form("", "/sign-in", &format!("name={endless}&password=wrong")).await.status, 413);
    let refusals = desk.center.api.site().history.refusals(10).await.unwrap();
    assert_eq!(refusals[0].principal.as_ref().map(|name| name.chars().count()), Some(200));
}

#[tokio::test]
async fn the_cookie_is_for_the_browser_alone() {
    let desk = desk().await;
    desk.center.password("ann").await;
    let answer = desk.center.form("", "/sign-in", "name=ann&password=correct+horse+battery&next=//evil.example").await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert_eq!(answer.header("location"), "/");
    // A text that no header can hold is no return path either.
    for next in ["/%0b/x", "/%c3%bc", "/%20"] {
        let fields = format!("name=ann&password=correct+horse+battery&next={next}");
        let answer = desk.center.form("", "/sign-in", &fields).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{next}");
    }
    let page = desk.center.page(cookie.split(';').next().unwrap(), "/pending").await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!((page.header("x-frame-options"), page.header("cache-control")), ("DENY", "no-store"));
    // A second sign-in sets another cookie: one that was planted beforehand is worthless.
    assert_ne!(desk.center.sign_in("ann").await, desk.center.sign_in("ann").await);
}

#[tokio::test]
async fn cross_site_forms_are_refused_and_recorded() {
    let desk = desk().await;
    desk.center.password("ben").await;
    let (id, digest) = desk.pending().await;
    let cookie = desk.center.sign_in("ben").await;
    let page = desk.center.page(&cookie, &format!("/remediations/{id}")).await;
    let seen = page.text.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let vote = format!("decision=approve&digest={digest}&seen={seen}");
    let path = format!("/remediations/{id}/decide");

    let other = desk.center.sign_in("ben").await;
    let token = desk.center.page(&other, "/pending").await.form_token();
    for (fields, why) in [(vote.clone(), "no token"), (format!("{vote}&form_token={token}"), "another session's token")]
    {
        assert_eq!(desk.center.form(&cookie, &path, &fields).await.status, 403, "{why}");
    }
    let good = format!("{vote}&form_token={}", page.form_token());
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
    {
        let mut request = form(&cookie, &path, &good);
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(desk.center.send(request).await.status, 403, "{name}: {value}");
    }
    // The API accepts no cookie for a change, so no cross-site form can make one.
    let request = Request::post(format!("/api/v1/remediations/{id}/cancel")).header("cookie", &cookie);
    assert_eq!(desk.center.send(request.body(Body::empty()).unwrap()).await.status, 403);
    assert_eq!(desk.center.refusals().await.len(), 6);
    assert_eq!(desk.center.form(&cookie, &path, &good).await.status, 303);
    desk.center.work().await;
    let shown = desk.center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
    assert_eq!(shown["remediation"]["status"], "completed");
}
