//! The secret of a session is replaced while it is in use: which secrets stay valid, and what ends the session.

use std::sync::Arc;
use std::time::Duration;

use clawback_tests::center::{Answer, TestCenter};

use super::{Desk, desk};

/// After this time every session's secret is due to be replaced.
const DUE: Duration = Duration::from_mins(16);
/// After this time a replaced secret is no longer valid.
const AFTER_GRACE: Duration = Duration::from_secs(61);

/// Ann's desk, and the cookie of her session.
async fn signed_in() -> (Desk, String) {
    let desk = desk().await;
    desk.center.password("ann").await;
    let cookie = desk.center.sign_in("ann").await;
    (desk, cookie)
}

/// Whether a page is shown for this cookie, without a new one.
async fn holds(center: &TestCenter, cookie: &str) -> bool {
    let answer = center.page(cookie, "/pending").await;
    assert!(new(&answer).is_none(), "a new one was given");
    answer.status == 200
}

fn new(answer: &Answer) -> Option<String> {
    answer.cookie("clawback")
}

/// Loads a page when the secret is due. Returns the new cookie.
async fn renewed(center: &TestCenter, cookie: &str) -> String {
    let answer = center.page(cookie, "/pending").await;
    assert_eq!(answer.status, 200);
    new(&answer).expect("a new secret is given")
}

#[tokio::test]
async fn a_secret_is_replaced_and_holds_a_moment_longer() {
    let (desk, old) = signed_in().await;
    let center = &desk.center;
    let form_token = center.page(&old, "/pending").await.form_token();
    center.clock.advance(Duration::from_mins(9));
    assert!(holds(center, &old).await, "it is not time yet");
    center.clock.advance(Duration::from_mins(7));
    // Only a page sets a new cookie: a form and the API do not.
    let post = center.form(&old, "/connectors", &format!("form_token={form_token}")).await;
    assert_eq!((post.status, new(&post)), (200, None));
    let api = center.page(&old, "/api/v1/remediations").await;
    assert_eq!((api.status, new(&api)), (200, None));

    let answer = center.page(&old, "/pending").await;
    let set = answer.header("set-cookie").to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
    let left = Duration::from_mins(12 * 60 - 16);
    assert!(set.contains(&format!("Max-Age={};", left.as_secs())), "not longer than the session: {set}");
    let fresh = new(&answer).unwrap();
    assert_eq!(old.split('.').next(), fresh.split('.').next(), "the part that stays");
    assert_ne!(old, fresh);

    assert!(holds(center, &old).await && holds(center, &fresh).await && holds(center, &old).await);
    center.clock.advance(Duration::from_secs(59));
    assert!(holds(center, &old).await, "a slow tab");
    // A form that was loaded before is still valid, and so is one that was loaded after.
    assert_eq!(center.page(&fresh, "/pending").await.form_token(), form_token);
    assert_eq!(center.form(&fresh, "/connectors", &format!("form_token={form_token}")).await.status, 200);
    assert!(center.refusals().await.is_empty());

    center.clock.advance(Duration::from_secs(2));
    assert!(holds(center, &fresh).await);
    assert!(!holds(center, &old).await, "after the grace");
    assert!(!holds(center, &fresh).await, "and the whole session has ended");
    assert_eq!(center.form(&fresh, "/connectors", &format!("form_token={form_token}")).await.status, 303);
    let refusals = center.api.site().history.refusals(9).await.unwrap();
    let first = refusals.last().unwrap();
    assert_eq!((first.principal.as_deref(), first.request.as_str()), (Some("ann"), "GET /pending"));
    assert!(first.reason.contains("replaced is used again"), "{}", first.reason);
}

#[tokio::test]
async fn the_second_use_of_a_copied_cookie_ends_the_session() {
    // Whichever browser gets the new secret first, the other sends the earlier one after the grace period.
    let (desk, stolen) = signed_in().await;
    desk.center.clock.advance(DUE);
    let taken = renewed(&desk.center, &stolen).await;
    assert!(holds(&desk.center, &taken).await);
    desk.center.clock.advance(AFTER_GRACE);
    assert!(!holds(&desk.center, &stolen).await);
    assert!(!holds(&desk.center, &taken).await);

    // A guessed part ends nothing.
    let cookie = desk.center.sign_in("ann").await;
    let (_, secret) = cookie.split_once('.').unwrap();
    for forged in ["clawback=", "clawback=.", "clawback=x.y", &format!("clawback=cbk_x.{secret}"), "clawback=a.b.c"] {
        assert!(!holds(&desk.center, forged).await, "{forged}");
    }
    assert!(holds(&desk.center, &cookie).await);
}

#[tokio::test]
async fn a_lost_new_secret_does_not_end_the_session() {
    let (desk, old) = signed_in().await;
    let center = &desk.center;
    center.clock.advance(DUE);
    let lost = renewed(center, &old).await;
    assert!(holds(center, &old).await, "it may still come");
    center.clock.advance(AFTER_GRACE);
    let second = renewed(center, &old).await;
    assert!(holds(center, &second).await);
    assert!(center.refusals().await.is_empty());
    // If it was not lost but stolen, it is invalid, and its use ends the session.
    assert!(!holds(center, &lost).await);
    assert!(!holds(center, &second).await);
}

#[tokio::test]
async fn concurrent_requests_and_a_second_node_do_not_end_the_session() {
    let (desk, old) = signed_in().await;
    let nodes = [Arc::new(desk.center.twin()), Arc::new(desk.center.twin())];
    let mut cookie = old;
    for round in 0..3 {
        desk.center.clock.advance(DUE);
        let mut all = tokio::task::JoinSet::new();
        for number in 0..40 {
            let (node, cookie) = (Arc::clone(&nodes[number % 2]), cookie.clone());
            all.spawn(async move { node.page(&cookie, "/pending").await });
        }
        let mut given = Vec::new();
        while let Some(answer) = all.join_next().await {
            let answer = answer.unwrap();
            assert_eq!(answer.status, 200);
            given.extend(new(&answer));
        }
        assert_eq!(given.len(), 1, "one of them replaces it");
        let old = std::mem::replace(&mut cookie, given.remove(0));
        // A request that was under way arrives after the new secret has been used, at the other node.
        assert!(holds(&nodes[0], &cookie).await && holds(&nodes[1], &old).await, "round {round}");
    }
    assert!(desk.center.refusals().await.is_empty());
    desk.center.clock.advance(AFTER_GRACE);
    assert!(holds(&nodes[1], &cookie).await);
}

#[tokio::test]
async fn signing_out_ends_every_secret() {
    for with_the_earlier in [false, true] {
        let (desk, old) = signed_in().await;
        desk.center.clock.advance(DUE);
        let fresh = renewed(&desk.center, &old).await;
        let token = desk.center.page(&fresh, "/pending").await.form_token();
        let shown = if with_the_earlier { &old } else { &fresh };
        let out = desk.center.form(shown, "/sign-out", &format!("form_token={token}")).await;
        assert_eq!((out.status, new(&out).as_deref()), (303, Some("clawback=")));
        assert!(!holds(&desk.center, &old).await && !holds(&desk.center, &fresh).await);
    }
}

#[tokio::test]
async fn renewing_a_session_does_not_extend_it() {
    let (desk, mut cookie) = signed_in().await;
    for _ in 0..44 {
        desk.center.clock.advance(DUE);
        cookie = renewed(&desk.center, &cookie).await;
    }
    desk.center.clock.advance(DUE);
    assert!(!holds(&desk.center, &cookie).await, "twelve hours old");
}
