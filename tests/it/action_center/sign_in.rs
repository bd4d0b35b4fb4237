//! Sessions and forms: passwords, lockout, forged and replayed cookies, forms from elsewhere. All that is refused is noted.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use clawback_model::{Digest, PrincipalKind, Role, Timestamp};
use clawback_store::Wrong;
use clawback_tests::center::{Answer, form};

use super::desk;

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_the_same_and_lock() {
    let desk = desk().await;
    desk.center.password("ann").await;
    let wrong = desk.center.form("", "/sign-in", "name=ann&password=wrong").await;
    let unknown = desk.center.form("", "/sign-in", "name=nobody&password=wrong").await;
    assert_eq!((wrong.status, unknown.status), (403, 403));
    assert_eq!(wrong.text, unknown.text);
    for _ in 0..4 {
        desk.center.form("", "/sign-in", "name=ann&password=wrong").await;
    }
    // Even the right one is not looked at now.
    let locked = desk.center.form("", "/sign-in", "name=ann&password=correct+horse+battery").await;
    assert!(locked.text.contains("try again in 30 s"), "{}", locked.text);
    desk.center.clock.advance(Duration::from_secs(31));
    desk.center.sign_in("ann").await;
    assert_eq!(desk.center.refusals().await.len(), 7);
}

#[tokio::test]
async fn a_series_of_wrong_passwords_does_not_tell_which_names_there_are() {
    let desk = desk().await;
    desk.center.password("ann").await;
    desk.center.add("robot", PrincipalKind::Service, &[Role::Analyst]).await;
    // Somebody with a password, without one, a service, nobody, and what is no name.
    let names = ["ann", "ben", "robot", "nobody", "", "ann%00", "no+body%E2%80%AE%27"];
    let mut waits = Vec::new();
    for round in 0..24 {
        let mut first: Option<Answer> = None;
        for name in names {
            let answer = desk.center.form("", "/sign-in", &format!("name={name}&password=wrong+{round}")).await;
            let first = first.get_or_insert_with(|| answer.clone());
            assert_eq!((answer.status, &answer.text), (403, &first.text), "`{name}`, round {round}");
            assert_eq!(answer.headers, first.headers, "`{name}`, round {round}");
        }
        let text = first.unwrap().text;
        match text.split("try again in ").nth(1).and_then(|rest| rest.split(' ').next()) {
            // In the middle of a wait, and then at its end.
            Some(seconds) => {
                let left = Duration::from_secs(seconds.parse().unwrap());
                waits.push(left.as_secs());
                desk.center.clock.advance(if left.as_secs().is_multiple_of(2) { left / 2 } else { left });
            }
            None => assert!(text.contains("name or password is not right"), "{text}"),
        }
    }
    assert_eq!(waits, [30, 15, 60, 30, 15, 120, 60, 30, 15, 240, 120, 60, 30, 15, 480]);
    // Forgotten is all of it at the same time too.
    desk.center.clock.advance(Duration::from_hours(25));
    for name in ["ann", "ben", "nobody"] {
        for _ in 0..4 {
            desk.center.form("", "/sign-in", &format!("name={name}&password=wrong")).await;
        }
        let fifth = desk.center.form("", "/sign-in", &format!("name={name}&password=wrong")).await;
        assert!(!fifth.text.contains("try again"), "{name}: {}", fifth.text);
    }
}

#[tokio::test]
async fn other_names_do_not_end_the_wait_of_an_account() {
    let desk = desk().await;
    desk.center.password("ann").await;
    let tried = async |name: &str, password: &str| {
        desk.center.form("", "/sign-in", &format!("name={name}&password={password}")).await.text
    };
    for _ in 0..5 {
        tried("ann", "wrong").await;
    }
    let history = &desk.center.api.site().history;
    for number in 0..500 {
        let wrong = Wrong {
            name: Digest::of(format!("made up {number}").as_bytes()),
            is_account: false,
            at: desk.center.api.site().now(),
            forget_before: Timestamp(0),
            most: 100,
        };
        history.count_wrong(&wrong, |_| Duration::ZERO).await.unwrap();
    }
    assert!(tried("ann", "correct+horse+battery").await.contains("try again in 30 s"));
    desk.center.clock.advance(Duration::from_secs(31));
    tried("ann", "wrong").await;
    assert!(
        tried("ann", "correct+horse+battery").await.contains("try again in 60 s"),
        "it was the sixth, not the first"
    );
    // A new password is not kept waiting by what was tried with the old one.
    desk.center.password("ann").await;
    desk.center.sign_in("ann").await;
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
async fn a_refusal_takes_no_more_room_than_a_line() {
    let desk = desk().await;
    let name = "n".repeat(100_000);
    assert_eq!(desk.center.form("", "/sign-in", &format!("name={name}&password=wrong")).await.status, 403);
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
    let page = desk.center.page(cookie.split(';').next().unwrap(), "/pending").await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!((page.header("x-frame-options"), page.header("cache-control")), ("DENY", "no-store"));
    // A second signing-in gives a second cookie: one that was planted beforehand is worth nothing.
    assert_ne!(desk.center.sign_in("ann").await, desk.center.sign_in("ann").await);
}

#[tokio::test]
async fn forms_from_elsewhere_are_refused_and_noted() {
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
    // The API takes no cookie for a change, so no form elsewhere can make one.
    let request = Request::post(format!("/api/v1/remediations/{id}/cancel")).header("cookie", &cookie);
    assert_eq!(desk.center.send(request.body(Body::empty()).unwrap()).await.status, 403);
    assert_eq!(desk.center.refusals().await.len(), 6);
    assert_eq!(desk.center.form(&cookie, &path, &good).await.status, 303);
    desk.center.work().await;
    let shown = desk.center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
    assert_eq!(shown["remediation"]["status"], "completed");
}
