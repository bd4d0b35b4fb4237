//! The columns of the history: the reference product's, or those that the address chooses, on the page and in the file.

use super::desk;

#[tokio::test]
async fn an_address_chooses_the_columns() {
    let desk = desk().await;
    let (id, _) = desk.pending().await;
    desk.center.password("ann").await;
    let cookie = desk.center.sign_in("ann").await;
    let usual = desk.center.page(&cookie, "/history").await.text;
    let heads = |page: &str| page.matches("<th scope=\"col\"").count();
    assert_eq!(heads(&usual), 13);
    assert!(!usual.contains(">Playbook</th>"), "{usual}");

    let view = "name=purge&column=status&column=playbook&column=id&column=no-such-column";
    let chosen = desk.center.page(&cookie, &format!("/history?{view}")).await.text;
    assert_eq!(heads(&chosen), 3);
    for said in [">Playbook</th>", &id, "value=\"playbook\" checked", "/history.csv?name=purge&amp;column=status"] {
        assert!(chosen.contains(said), "{said}: {chosen}");
    }
    let file = desk.center.page(&cookie, &format!("/history.csv?{view}")).await.text;
    assert_eq!(file, format!("Status,Remediation ID,Playbook\npending-approval,{id},purge\n"));
    assert_eq!(desk.center.page(&cookie, "/history?days=700000000000000000").await.status, 400);
    let whole = desk.center.page(&cookie, "/history.csv").await.text;
    assert_eq!(whole.lines().next().map(|head| head.split(',').count()), Some(18));
}
