//! Searches of the page Search: each runs beside the page, is shared by the pages of one person, and can be cancelled.

use std::time::{Duration, Instant};

use clawback_model::{PrincipalKind, Role};
use clawback_tests::center::PASSWORD;
use clawback_tests::chromium::Chromium;

use super::forms::with_manual;
use super::served::Served;
use super::{Desk, NOON, SENDER};

const CONDITIONS: &str = "from=eve%40evil.example";

/// The page of the search, as this person.
async fn shown(desk: &Desk, cookie: &str) -> String {
    let page = desk.center.page(cookie, &format!("/search?{CONDITIONS}")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    page.text
}

fn is_progress(page: &str) -> bool {
    page.contains("Cancel search") && page.contains("data-every=\"1\"")
}

async fn cancel(desk: &Desk, cookie: &str) -> String {
    let token = desk.center.page(cookie, "/search").await.form_token();
    let fields = format!("form_token={token}&{CONDITIONS}");
    let answer = desk.center.form(cookie, "/search/cancel", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("location").to_owned()
}

#[tokio::test]
async fn pages_show_the_progress_and_share_one_search() {
    let desk = with_manual().await;
    let cookie = desk.center.sign_in("ann").await;
    desk.store.hang_searches();
    let begun = Instant::now();
    assert!(is_progress(&shown(&desk, &cookie).await));
    assert!(begun.elapsed() < Duration::from_secs(10), "the page does not wait for the store");
    assert!(is_progress(&shown(&desk, &cookie).await));
    assert_eq!(desk.store.searches(), 2, "each mailbox is searched once");

    desk.store.answer_searches();
    let found = shown(&desk, &cookie).await;
    assert!(found.contains("3 messages in 2 mailboxes") && !is_progress(&found), "{found}");
    let once = desk.store.searches();
    // The result is kept; a search for the same that is asked for is made.
    desk.store.deliver("u2@corp.example", SENDER, "One more", NOON);
    assert!(shown(&desk, &cookie).await.contains("3 messages in 2 mailboxes"));
    assert_eq!(desk.store.searches(), once);
    let again = desk.center.page(&cookie, &format!("/search/again?{CONDITIONS}")).await;
    assert_eq!((again.status, again.header("location")), (303, format!("/search?{CONDITIONS}").as_str()));
    assert!(shown(&desk, &cookie).await.contains("4 messages in 2 mailboxes"));
    assert_eq!(desk.store.searches(), 2 * once);
}

#[tokio::test]
async fn a_cancelled_search_ends_and_the_one_of_another_person_goes_on() {
    let desk = with_manual().await;
    let _ = desk.center.add("cara", PrincipalKind::Person, &[Role::Analyst]).await;
    desk.center.password("cara").await;
    let (ann, cara) = (desk.center.sign_in("ann").await, desk.center.sign_in("cara").await);
    desk.store.hang_searches();
    let (one, other) = tokio::join!(shown(&desk, &ann), shown(&desk, &cara));
    assert!(is_progress(&one) && is_progress(&other));
    assert_eq!(desk.store.searches(), 4, "each has a search of their own");

    let address = cancel(&desk, &ann).await;
    assert_eq!(address, format!("/search?{CONDITIONS}&cancelled=0"));
    desk.store.answer_searches();
    for _ in 0..2 {
        let page = desk.center.page(&ann, &address).await;
        assert!(page.text.contains("Search cancelled") && !is_progress(&page.text), "{}", page.text);
    }
    assert!(shown(&desk, &cara).await.contains("3 messages in 2 mailboxes"));
    let before = desk.store.searches();
    assert!(shown(&desk, &ann).await.contains("3 messages in 2 mailboxes"), "without the word it is searched again");
    assert!(desk.store.searches() > before);
}

#[tokio::test]
async fn searches_are_ended_and_begun_by_those_who_are_signed_in() {
    let desk = with_manual().await;
    for path in ["/search/again?from=a", "/search?from=a"] {
        let answer = desk.center.page("", path).await;
        assert_eq!((answer.status, answer.header("location").starts_with("/sign-in?next=")), (303, true), "{path}");
    }
    let cookie = desk.center.sign_in("ann").await;
    let forged = desk.center.form(&cookie, "/search/cancel", CONDITIONS).await;
    assert_eq!(forged.status, 403, "{}", forged.text);
    assert_eq!(desk.store.searches(), 0);
}

#[tokio::test]
async fn conditions_are_folded_and_stand_as_chips() {
    let desk = with_manual().await;
    let cookie = desk.center.sign_in("ann").await;
    let query = "from=eve%40evil.example&subject=Salary&message_id=%3Cx%40y%3E&location=junk";
    let page = desk.center.page(&cookie, &format!("/search?{query}")).await.text;
    let conditions = page.split("role=\"search\"").nth(1).unwrap().split("</form>").next().unwrap();
    let more = conditions.split("<summary>More conditions").next().unwrap().rsplit("<details").next().unwrap();
    assert!(!more.contains("open"), "{more}");
    for (says, without) in [
        ("Subject contains: Salary", "from=eve%40evil.example&amp;location=junk&amp;message_id=%3Cx%40y%3E"),
        ("Message-ID: &lt;x@y&gt;", "from=eve%40evil.example&amp;location=junk&amp;subject=Salary"),
    ] {
        let chip = page.split("<a class=\"chip\"").find(|chip| chip.contains(&format!("Remove the filter {says}\"")));
        let chip = chip.unwrap_or_else(|| panic!("no chip {says}: {page}"));
        let kept = chip.split('"').nth(1).unwrap().split_once('?').unwrap().1;
        let sorted = |text: &str| {
            let mut all: Vec<_> = text.split("&amp;").map(str::to_owned).collect();
            all.sort();
            all
        };
        assert_eq!(sorted(kept), sorted(without), "{says}");
    }
    let wrong = desk.center.page(&cookie, "/search?larger_than=big").await.text;
    let more = wrong.split("<summary>More conditions").next().unwrap().rsplit("<details").next().unwrap();
    assert!(more.contains("open"), "a mistake is shown: {more}");
}

#[tokio::test]
async fn what_is_pasted_is_understood_and_stands_in_its_field() {
    let desk = with_manual().await;
    let cookie = desk.center.sign_in("ann").await;
    let query = "from=Payroll+%3Ceve%5Bat%5Devil%5B.%5Dexample%3E";
    let page = desk.center.page(&cookie, &format!("/search?{query}")).await.text;
    assert!(page.contains("3 messages in 2 mailboxes"), "{page}");
    assert!(page.contains("name=\"from\" value=\"eve@evil.example\"") && !page.contains("[at]"), "{page}");
    let query = "url_host=hxxps%3A%2F%2Flogin%5B.%5Devil%5B.%5Dexample%2Fa";
    let again = desk.center.page(&cookie, &format!("/search/again?{query}")).await;
    assert_eq!(again.header("location"), "/search?url_host=login.evil.example");
}

#[tokio::test]
async fn results_have_pages_of_one_search() {
    let desk = with_manual().await;
    for number in 0..122 {
        desk.store.deliver("u1@corp.example", SENDER, &format!("Subject {number}"), NOON);
    }
    let cookie = desk.center.sign_in("ann").await;
    let first = shown(&desk, &cookie).await;
    let searches = desk.store.searches();
    let rows = |page: &str| page.matches("name=\"pick\"").count();
    assert!(first.contains("1 to 50 of 125") && first.contains("page=2") && !first.contains("Previous"), "{first}");
    let page =
        async |number: &str| desk.center.page(&cookie, &format!("/search?{CONDITIONS}&page={number}")).await.text;
    let (second, third) = (page("2").await, page("3").await);
    assert!(second.contains("51 to 100 of 125") && second.contains("page=1") && second.contains("page=3"), "{second}");
    assert!(third.contains("101 to 125 of 125") && !third.contains("page=4"), "{third}");
    assert_eq!((rows(&first), rows(&second), rows(&third)), (50, 50, 25));
    assert!(first.len() < 150_000, "a page of results has {} bytes", first.len());
    for odd in ["0", "-1", "x", "18446744073709551615"] {
        assert!(rows(&page(odd).await) > 0, "{odd}");
    }
    assert_eq!(desk.store.searches(), searches, "no page searches again");
}

/// The addresses of a page's links that begin so, as a browser reads them.
fn links<'a>(page: &'a str, begin: &'a str) -> impl Iterator<Item = String> + 'a {
    let all = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    all.map(|address| address.replace("&amp;", "&")).filter(move |address| address.starts_with(begin))
}

#[tokio::test]
async fn views_count_all_results_and_their_rows_narrow_the_search() {
    let desk = with_manual().await;
    for number in 0..1_150 {
        desk.store.deliver(&format!("u{}@corp.example", 1 + number % 2), SENDER, &format!("You won {number}"), NOON);
    }
    desk.store.deliver("u2@corp.example", "\u{202e}<b>@evil.example", "=1+1 <script>", NOON);
    let cookie = desk.center.sign_in("ann").await;
    let page = async |path: &str| desk.center.page(&cookie, path).await.text;
    let query = "from_domain=evil.example";
    let search = desk.store.searches();
    let first = page(&format!("/search?{query}")).await;
    assert!(first.contains("1,154 messages in 2 mailboxes"), "{first}");
    let searches = desk.store.searches();
    assert!(searches > search);
    let view = async |name: &str| page(&format!("/search?{query}&show={name}")).await;

    // All are counted, and not only the 1,000 that can be selected.
    let senders = view("senders").await;
    assert!(senders.contains("2 in all, counted over all results") && senders.contains(">1,153<"), "{senders}");
    assert!(!senders.contains("b>@evil") && senders.contains("b&gt;@evil.example"), "{senders}");
    let campaigns = view("campaigns").await;
    assert!(campaigns.contains(">You won #<") && campaigns.contains(">1,150<"), "{campaigns}");
    assert!(view("recipients").await.contains("2 in all"));
    for unread in ["links", "attachments"] {
        let shown = view(unread).await;
        assert!(shown.contains("The content of 0 of 1,154 messages was examined"), "{shown}");
        assert!(shown.contains(&format!("Search for those with {unread}")), "{shown}");
    }
    let csv = page(&format!("/search.csv?{query}&show=campaigns")).await;
    assert!(
        csv.starts_with("subject,sender,messages,mailboxes,latest\r\n") || csv.starts_with("subject,sender"),
        "{csv}"
    );
    assert!(csv.contains("You won #,eve@evil.example,1150,2,") && csv.contains("'=#+# <script>"), "{csv}");
    assert_eq!(desk.store.searches(), searches, "no view searches again");

    // Each row leads to its messages.
    let narrowed = async |page_of: &str, begin: &str, what: &str| {
        let address =
            links(page_of, "/search?").find(|link| link.contains(begin)).unwrap_or_else(|| panic!("{page_of}"));
        let shown = page(&address).await;
        assert!(shown.contains(what), "{address}: {shown}");
    };
    narrowed(&senders, "&from=", "1,153 messages in 2 mailboxes").await;
    narrowed(&senders, "from_matches=", "1 message in 1 mailbox").await;
    narrowed(&campaigns, "subject_matches=%5EYou", "1,150 messages in 2 mailboxes").await;
    narrowed(&view("recipients").await, "mailbox=u2", "in 1 mailbox").await;

    // The chart has the same numbers as a table, and its bars narrow the search to their time.
    for (split, part) in [("sender", "eve@evil.example"), ("subject", "You won #"), ("location", "Inbox")] {
        let chart = page(&format!("/search?{query}&split={split}")).await;
        let table = chart.split("aria-label=\"Messages over time\"").nth(2).unwrap().split("</table>").next().unwrap();
        assert!(table.contains(part) && !chart.contains("<script>alert"), "{split}: {table}");
        let sum: u64 = table
            .split("<td class=\"number\">")
            .skip(1)
            .step_by(table.matches("<th").count() - 1)
            .map(|cell| cell.split('<').next().unwrap().replace(',', "").parse::<u64>().unwrap())
            .sum();
        assert_eq!(sum, 1_154, "{table}");
    }
    let timed = links(&first, "/search?").find(|link| link.contains("received_after")).unwrap();
    let shown = page(&timed).await;
    assert!(shown.contains("messages in 2 mailboxes") && timed.contains("received_before="), "{timed}: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_selection_says_its_limit() {
    let desk = with_manual().await;
    for number in 0..150 {
        desk.store.deliver("u1@corp.example", SENDER, &format!("Your statement of month {number}"), NOON);
    }
    let served = Served::start(&desk).await;
    let browser = Chromium::start(1280, 900).await;
    let at = |page: &str| format!("http://{}{page}", served.address);
    browser.sign_in(&at(""), "ann", PASSWORD).await;
    browser.go(&at(&format!("/search?{CONDITIONS}"))).await;
    browser.sees("1 to 50 of 153").await;
    browser.picture("search-many").await;
    browser.click("input[data-all]").await;
    browser.sees("Soft-delete 50 messages").await;
    // The pane beside the list has the number, too.
    let seen = "return [...document.querySelectorAll('[data-selected]')].filter(one => one.offsetParent).map(one => one.textContent)";
    assert_eq!(browser.run(seen).await, serde_json::json!(["50 selected of at most 50"]));
    // A page has as many rows as can be selected: one more is planted.
    browser
        .run(
            "const row = document.querySelector('tr:has([name=pick])');
                     row.after(row.cloneNode(true));
                     document.querySelector('[data-act]').form.dispatchEvent(new Event('change'))",
        )
        .await;
    browser.sees("51 selected; at most 50").await;
    assert_eq!(browser.run("return document.querySelector('[data-act]').disabled").await, true);
    served.stop().await;
}
