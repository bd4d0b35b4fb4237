//! A playbook is started from its page: a form of its inputs, a preview that changes nothing, and the start.

use clawback_model::{PrincipalKind, Role};

use super::forms::with_manual;
use super::{Desk, SENDER, desk};

/// The cookie of a signed-in analyst.
async fn analyst(desk: &Desk) -> String {
    desk.center.password("ann").await;
    desk.center.sign_in("ann").await
}

async fn remediations(desk: &Desk) -> usize {
    let all = desk.center.call(&desk.ann, "GET", "/api/v1/remediations", None).await.json();
    all["items"].as_array().unwrap().len()
}

/// The page from its form on.
fn form(page: &str) -> &str {
    page.split("id=\"start\"").nth(1).unwrap_or_default()
}

#[tokio::test]
async fn a_preview_shows_the_numbers_and_start_submits() {
    let desk = desk().await;
    let cookie = analyst(&desk).await;
    let page = desk.center.page(&cookie, "/playbooks/purge").await;
    let shown = form(&page.text);
    for said in ["name=\"input-sender\"", "Sender (required)", "(address)", ">Preview</button>"] {
        assert!(shown.contains(said) || shown.contains(&said.replace(['(', ')'], "")), "{said}: {shown}");
    }
    assert!(!shown.contains(">Start</button>"), "nothing is started without a preview");

    let query = "preview=yes&input-sender=eve%40evil.example&name=By+hand";
    let preview = desk.center.page(&cookie, &format!("/playbooks/purge?{query}")).await;
    let shown = form(&preview.text);
    assert_eq!(preview.status, 200, "{}", preview.text);
    for said in [
        "<dt>Messages</dt><dd>3</dd>",
        "<dt>Mailboxes</dt><dd>2</dd>",
        SENDER,
        "Salary again",
        "1 vote of role approver, by somebody else, within 7 days",
        "value=\"eve@evil.example\"",
        "action=\"/playbooks/purge/start\"",
        ">Start</button>",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert_eq!(remediations(&desk).await, 0, "a preview submits nothing");

    let token = preview.form_token();
    let fields = format!("form_token={token}&input-sender=eve%40evil.example&name=By+hand");
    let started = desk.center.form(&cookie, "/playbooks/purge/start", &fields).await;
    let id = started.header("location").trim_start_matches("/remediations/").trim_end_matches("?submitted=1");
    assert_eq!((started.status, id.is_empty()), (303, false), "{}", started.text);
    let shown = desk.center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
    let made = &shown["remediation"];
    assert_eq!((&made["name"], &made["playbook"]), (&"By hand".into(), &"purge".into()), "{shown}");
    assert_eq!(remediations(&desk).await, 1);
    let forged = desk.center.form(&cookie, "/playbooks/purge/start", "input-sender=eve%40evil.example").await;
    assert_eq!((forged.status, remediations(&desk).await), (403, 1), "a form without its token is refused");
}

#[tokio::test]
async fn a_mistake_is_beside_its_field_and_the_form_is_kept() {
    let desk = desk().await;
    let cookie = analyst(&desk).await;
    for (value, says) in [("", "is missing"), ("%3Cb%3E", "is no address")] {
        let query = format!("preview=yes&input-sender={value}&name=Kept+name");
        let preview = desk.center.page(&cookie, &format!("/playbooks/purge?{query}")).await;
        let shown = form(&preview.text);
        assert_eq!(preview.status, 422, "{}", preview.text);
        let beside = shown.split("id=\"wrong-input-sender\"").nth(1).unwrap_or_default();
        assert!(beside.split("</span>").next().unwrap().contains(says), "{says}: {shown}");
        assert!(shown.contains("Kept name") && !shown.contains("<b>") && !shown.contains(">Start</button>"), "{shown}");

        let token = preview.form_token();
        let fields = format!("form_token={token}&input-sender={value}&name=Kept+name");
        let refused = desk.center.form(&cookie, "/playbooks/purge/start", &fields).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        let shown = form(&refused.text);
        assert!(shown.contains("wrong-input-sender") && shown.contains("Kept name"), "{shown}");
    }
    assert_eq!(remediations(&desk).await, 0);
}

#[tokio::test]
async fn an_action_is_chosen_from_the_list_of_all() {
    let desk = with_manual().await;
    let cookie = analyst(&desk).await;
    let page = desk.center.page(&cookie, "/playbooks/manual").await;
    let shown = form(&page.text);
    assert!(shown.contains("<select name=\"input-action\" required"), "{shown}");
    assert!(shown.contains("<option value=\"move-to-junk\">Move to junk</option>"), "{shown}");
    let wrong =
        desk.center.page(&cookie, "/playbooks/manual?preview=yes&input-action=purge&input-from=a%40b.example").await;
    assert!(form(&wrong.text).contains("id=\"wrong-input-action\">unknown action"), "{}", wrong.text);
}

#[tokio::test]
async fn only_those_who_may_submit_have_the_form() {
    let desk = desk().await;
    desk.center.add("vic", PrincipalKind::Person, &[Role::Viewer]).await;
    desk.center.password("vic").await;
    let cookie = desk.center.sign_in("vic").await;
    let page = desk.center.page(&cookie, "/playbooks/purge?preview=yes&input-sender=eve%40evil.example").await;
    assert!(page.status == 200 && form(&page.text).is_empty(), "{}", page.text);
    let fields = format!("form_token={}&input-sender=eve%40evil.example", page.form_token());
    assert_eq!(desk.center.form(&cookie, "/playbooks/purge/start", &fields).await.status, 403);
    assert_eq!(desk.center.page("", "/playbooks/purge/start").await.status, 303);
    assert_eq!(remediations(&desk).await, 0);
}

#[tokio::test]
async fn the_page_of_stores_says_how_one_is_added_and_what_a_check_looked_at() {
    let desk = desk().await;
    let cookie = analyst(&desk).await;
    let page = desk.center.page(&cookie, "/connectors").await;
    for said in ["clawback.toml", "[stores.corp]", "Restart every node", "configuration.md"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    let checked = desk.center.form(&cookie, "/connectors", &format!("form_token={}", page.form_token())).await;
    assert!(checked.text.contains("1 mailbox looked at"), "{}", checked.text);
}
