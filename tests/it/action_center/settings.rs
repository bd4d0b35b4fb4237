//! Settings: what is in force, and whether the nodes agree.

use clawback_model::{Digest, NodeSetup, PrincipalKind, Role, Timestamp};
use clawback_runtime::Site;
use clawback_tests::center::TestCenter;
use clawback_tests::site::NOON;

use crate::store::harness::Database;

#[tokio::test]
async fn an_administrator_sees_what_is_in_force_and_how_nodes_differ() {
    let database = Database::sqlite().await;
    let mut other = NodeSetup::default();
    other.add("<b>limits</b>", Digest::of(b"other"));
    let alive = Timestamp(NOON.0 + 60_000_000);
    database.store.node_alive("node <two>", alive, &other).await.unwrap();
    let change = |site: &mut Site| site.limits.handpicked = 1_234;
    let center = TestCenter::start_with(database.store.clone(), vec![], &[], change);
    let [ann, root] = [("ann", Role::Analyst), ("root", Role::Admin)];
    let token = center.add(root.0, PrincipalKind::Person, &[root.1]).await;
    center.add(ann.0, PrincipalKind::Person, &[ann.1]).await;
    for (name, _) in [ann, root] {
        center.password(name).await;
    }
    let cookie = center.sign_in("ann").await;
    assert_eq!(center.page(&cookie, "/settings").await.status, 403);
    assert!(!center.page(&cookie, "/pending").await.text.contains("href=\"/settings\""));
    let cookie = center.sign_in("root").await;
    let page = center.page(&cookie, "/settings").await;
    assert!(page.text.contains("[limits]") && page.text.contains("1,234"), "{}", page.text);
    assert!(page.text.contains("[without-a-vote.requester.hour]"), "{}", page.text);
    assert!(page.text.contains("node &lt;two&gt;") && page.text.contains("&lt;b&gt;limits&lt;/b&gt;"), "{}", page.text);
    assert!(center.page(&cookie, "/pending").await.text.contains("href=\"/settings\""));

    let settings = center.call(&token, "GET", "/api/v1/settings", None).await.json();
    let of = |table: &str, key: &str| {
        let mut all = settings.as_array().unwrap().iter();
        all.find(|it| it["table"] == table && it["key"] == key).cloned().unwrap_or_else(|| panic!("{table} {key}"))
    };
    assert_eq!(
        (&of("limits", "handpicked")["value"], &of("limits", "handpicked")["is_default"]),
        (&1_234.into(), &false.into())
    );
    assert_eq!(of("limits", "query")["is_default"], true);
    assert_eq!(of("approvals", "look-again")["value"], "15m");
    let nodes = center.call(&token, "GET", "/api/v1/nodes", None).await.json();
    let differs = nodes[0]["differs"].as_array().unwrap();
    assert!(differs.contains(&"<b>limits</b>".into()) && differs.contains(&"version".into()), "{nodes}");
}
