//! Deciding on the pages: one or many, with the numbers, and what is refused in its place.

use clawback_model::{PrincipalKind, Role};

use super::served::seed;
use super::{Desk, desk};

/// The values of the boxes of a page, as its form sends them.
fn picks(page: &str) -> Vec<String> {
    page.split("name=\"pick\" value=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

async fn voter(desk: &Desk, name: &str) -> String {
    let _ = desk.center.add(name, PrincipalKind::Person, &[Role::Approver, Role::Analyst]).await;
    desk.center.password(name).await;
    desk.center.sign_in(name).await
}

async fn status(desk: &Desk, id: &str) -> String {
    let shown = desk.center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
    shown["remediation"]["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn several_votes_are_confirmed_with_their_numbers() {
    let desk = desk().await;
    desk.pending().await;
    desk.store.deliver("u3@corp.example", super::SENDER, "Salary", super::NOON);
    let (id, _) = desk.pending().await;
    let cookie = voter(&desk, "eve").await;
    let page = desk.center.page(&cookie, "/pending").await;
    let boxes = picks(&page.text);
    assert_eq!(boxes.len(), 2, "{}", page.text);
    desk.center.password("ann").await;
    let own = desk.center.page(&desk.center.sign_in("ann").await, "/pending").await.text;
    assert!(own.contains("<span>0 of 1<span class=\"quiet\"> · you submitted it</span></span>"), "{own}");
    assert!(page.text.contains("0 of 1"), "{}", page.text);
    assert!(!page.text.contains("you submitted it"), "{}", page.text);
    let both = boxes.iter().map(|pick| format!("&pick={}", pick.replace(' ', "+"))).collect::<String>();
    let fields = format!("form_token={}&decision=approve&comment=both{both}", page.form_token());
    let asked = desk.center.form(&cookie, "/pending", &fields).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    for said in ["Approve 2 remediations?", "7 messages", "name=\"confirmed\" value=\"yes\"", "value=\"both\""] {
        assert!(asked.text.contains(said), "{said}: {}", asked.text);
    }
    assert_eq!(status(&desk, &id).await, "pending-approval", "nothing is decided before it is confirmed");
    let done = desk.center.form(&cookie, "/pending", &format!("{fields}&confirmed=yes")).await;
    assert_eq!((done.status, done.header("location")), (303, "/pending?done=approve&many=2"), "{}", done.text);
    assert_ne!(status(&desk, &id).await, "pending-approval");
    let page = desk.center.page(&cookie, "/pending?done=approve&many=2").await;
    assert!(page.text.contains("2 remediations approved."), "{}", page.text);
    // Text of the address is no text of the page.
    let page = desk.center.page(&cookie, "/pending?done=%3Cb%3E&many=%3Cb%3E").await;
    assert!(!page.text.contains("<b>") && !page.text.contains("role=\"status\">1"), "{}", page.text);
}

#[tokio::test]
async fn a_plan_says_who_can_approve_it_and_if_nobody_can() {
    let desk = desk().await;
    let (id, _) = desk.pending().await;
    desk.center.password("ann").await;
    let cookie = desk.center.sign_in("ann").await;
    let addresses = [format!("/remediations/{id}"), format!("/pending?show={id}")];
    for address in &addresses {
        let page = desk.center.page(&cookie, address).await.text;
        assert!(page.contains("Can approve: <bdi class=\"mail\">ben</bdi>"), "{page}");
        assert!(!page.contains("Nobody can approve"), "{page}");
    }
    let root = desk.center.add("root", PrincipalKind::Person, &[Role::Admin]).await;
    let roles = Some(serde_json::json!({ "roles": ["viewer"] }));
    let changed = desk.center.call(&root, "PUT", "/api/v1/principals/ben/roles", roles).await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    for address in &addresses {
        let page = desk.center.page(&cookie, address).await.text;
        assert!(page.contains("Nobody can approve this now.") && !page.contains("Can approve:"), "{page}");
    }
}

#[tokio::test]
async fn a_refused_vote_is_said_on_the_page_and_keeps_the_comment() {
    let desk = desk().await;
    let (id, digest) = desk.pending().await;
    let cookie = voter(&desk, "eve").await;
    let page = desk.center.page(&cookie, "/pending").await;
    let token = page.form_token();
    let pick = picks(&page.text)[0].replace(' ', "+");
    desk.center.password("ben").await;
    let vote = serde_json::json!({ "plan_digest": digest });
    let voted = desk.center.call(&desk.ben, "POST", &format!("/api/v1/remediations/{id}/reject"), Some(vote)).await;
    assert_eq!(voted.status, 200, "{}", voted.text);
    let fields = format!("form_token={token}&decision=approve&comment=seen+by+eve&pick={pick}");
    let refused = desk.center.form(&cookie, "/pending", &fields).await;
    assert!(matches!(refused.status, 409 | 412), "{}", refused.text);
    assert!(refused.text.contains("role=\"alert\"") && refused.text.contains("<h1>Pending</h1>"), "{}", refused.text);
    let seen = format!("form_token={token}&decision=approve&comment=seen+by+eve&digest={digest}&seen=1");
    let refused = desk.center.form(&cookie, &format!("/remediations/{id}/decide"), &seen).await;
    assert!(matches!(refused.status, 409 | 412), "{}", refused.text);
    assert!(
        refused.text.contains("role=\"alert\"") && refused.text.contains("Parts of the remediation"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn a_cancel_and_an_undo_are_confirmed() {
    let desk = desk().await;
    let seeds = seed(&desk).await;
    let cookie = voter(&desk, "eve").await;
    let id_of = |address: &str| seeds.iter().find(|seed| seed.address == address).unwrap().id.clone();
    let (open, done) = (id_of("approve"), id_of("undo"));
    let token = desk.center.page(&cookie, "/pending").await.form_token();
    for (id, verb, said) in [(open, "cancel", "Cancel remediation?"), (done, "undo", "Put back")] {
        let before = status(&desk, &id).await;
        let address = format!("/remediations/{id}/{verb}");
        let asked = desk.center.form(&cookie, &address, &format!("form_token={token}")).await;
        assert_eq!(asked.status, 200, "{}", asked.text);
        assert!(asked.text.contains(said), "{}", asked.text);
        assert_eq!(status(&desk, &id).await, before, "{verb} does nothing before it is confirmed");
        let sent = desk.center.form(&cookie, &address, &format!("form_token={token}&confirmed=yes")).await;
        assert_eq!(sent.status, 303, "{}", sent.text);
    }
}

#[tokio::test]
async fn own_and_given_votes_have_no_box() {
    let desk = desk().await;
    let (id, _) = desk.pending().await;
    desk.center.password("ann").await;
    let cookie = desk.center.sign_in("ann").await;
    let page = desk.center.page(&cookie, &format!("/pending?show={id}")).await;
    assert!(picks(&page.text).is_empty() && !page.text.contains("value=\"approve\""), "{}", page.text);
    assert!(page.text.contains("You submitted this, so somebody else must decide."), "{}", page.text);
    // The pane has the facts and a sample.
    for said in ["Nothing was left out", "3 in 2 mailboxes", "Salary again", "0 of 1 approval"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    let other = desk.center.page(&cookie, "/pending?action_type=move-to-junk").await;
    assert!(other.text.contains("Nothing that waits matches the filters"), "{}", other.text);
}

#[tokio::test]
async fn a_mistake_is_beside_its_field_and_the_form_is_kept() {
    let desk = super::forms::with_manual().await;
    let cookie = desk.center.sign_in("ann").await;
    let page = desk.center.page(&cookie, "/search?from=eve%40evil.example&since=yesterday").await;
    assert_eq!(page.status, 422, "{}", page.text);
    assert!(
        page.text.contains("aria-describedby=\"wrong-since\"") && page.text.contains("is no duration"),
        "{}",
        page.text
    );
    for kept in ["value=\"yesterday\"", "value=\"eve@evil.example\"", "aria-label=\"Sections\""] {
        assert!(page.text.contains(kept), "{kept}: {}", page.text);
    }
    assert!(!page.text.contains("playbook `manual`"), "{}", page.text);
    let token = page.form_token();
    let fields = format!(
        "form_token={token}&from=eve%40evil.example&action=move-to-junk&mode=handpicked&name=Kept+name&severity=low"
    );
    let refused = desk.center.form(&cookie, "/search/submit", &fields).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    for kept in ["No message is selected", "value=\"Kept name\"", "value=\"low\" selected", "3 messages in 2 mailboxes"]
    {
        assert!(refused.text.contains(kept), "{kept}: {}", refused.text);
    }
    // A role that the caller lacks is no choice.
    assert!(!refused.text.contains("value=\"hard-delete\""), "{}", refused.text);
}

#[tokio::test]
async fn messages_are_filtered_by_outcome_and_mailbox() {
    let desk = desk().await;
    let seeds = seed(&desk).await;
    let cookie = voter(&desk, "eve").await;
    let id = &seeds.iter().find(|seed| seed.address == "undo").unwrap().id;
    let tab = async |rest: &str| {
        let page = desk.center.page(&cookie, &format!("/remediations/{id}?tab=messages{rest}")).await;
        assert_eq!(page.status, 200, "{rest}: {}", page.text);
        page.text
    };
    let rows = |page: &str| page.matches("<td class=\"lead\"").count();
    let all = rows(&tab("").await);
    assert!(all > 3, "{all} rows");
    assert_eq!(rows(&tab("&outcome=succeeded").await), all);
    assert_eq!(rows(&tab("&outcome=failed").await), 0);
    assert_eq!(rows(&tab("&outcome=open").await), 0);
    assert_eq!(rows(&tab("&mailbox=u2%40corp.example").await), 1);
    assert_eq!(rows(&tab("&reason=confirmed").await), all);
    let page = desk.center.page(&cookie, &format!("/remediations/{id}?tab=messages&outcome=no-such")).await;
    assert_eq!(page.status, 400, "{}", page.text);
}
