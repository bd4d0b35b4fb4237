//! The page of the design system, for administrators: every component once, with made-up values.

use axum::extract::State;
use clawback_model::{Counts, Location, LocationKind, OutcomeKind, Permission, Severity, Status, Timestamp};
use maud::{Markup, html};

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::design::button::{Rank, act};
use crate::design::confirmation::Confirmation;
use crate::design::empty::empty;
use crate::design::filter_bar::{self, Chip, chips};
use crate::design::icon::Icon;
use crate::design::menu::menu;
use crate::design::numbers::{Number, numbers};
use crate::design::pill::Tone;
use crate::design::selection_bar::selection_bar;
use crate::design::stepper::{State as Progress, Step, stepper};
use crate::design::table::{Column, Row, Table};
use crate::design::tabs::{Tab, tabs};
use crate::design::time_chart::{Bar, TimeChart};
use crate::design::{chart, facts, field, pane, pill, text, toast};
use crate::problem::Problem;

const COLUMNS: [Column; 6] = [
    Column::tick(),
    Column::lead("Subject"),
    Column::medium("Status"),
    Column::short("Severity"),
    Column::count("Messages"),
    Column::time("Submitted").at_720(),
];
/// An hour in microseconds, and a time to begin at.
const HOUR: i64 = 3_600_000_000;
const BEGIN: i64 = 1_795_000_000_000_000 / HOUR * HOUR;

pub(crate) async fn page(State(center): State<Center>, caller: Caller) -> Shown {
    if !caller.who.may(Permission::Administer) {
        return Err(Problem::not_found().into());
    }
    let frame = Frame::load(&center, caller).await?;
    let body = html! {
        (section("Text", &words()))
        (section("Pills", &pills()))
        (section("Buttons", &buttons(&frame)))
        (section("Fields", &fields()))
        (section("Filters", &filters()))
        (section("Table, selection and pane", &table(&frame)))
        (section("Numbers, steps and tabs", &progress()))
        (section("Charts", &charts()))
        (section("Messages", &messages()))
        (section("Confirmation", &confirmation(&frame)))
    };
    Ok(layout::page(&frame, "/design", "Design", &body))
}

fn section(name: &str, body: &Markup) -> Markup {
    html! { h2 { (name) } (body) }
}

fn words() -> Markup {
    let folder = Location::new(LocationKind::Folder, "Projects/2026");
    html! {
        p { "Text of the body, " a href="/design" { "a link" } ", " code { "a1b2c3" } ", " span .quiet { "quiet text" } "." }
        (facts::facts(&[
            ("From mail", text::mail("Re: \u{202e}gnp.exe")),
            ("Empty subject", text::subject("")),
            ("Time", text::time(Timestamp(BEGIN))),
            ("Place", text::place(&folder)),
            ("Number", text::count(1_234_567)),
        ]))
        p { @for icon in Icon::all() { (icon) " " } }
    }
}

fn pills() -> Markup {
    let kinds = [OutcomeKind::Succeeded, OutcomeKind::Failed, OutcomeKind::NotFound];
    html! {
        p .row { @for status in Status::ALL { (pill::status(status)) } }
        p .row { @for severity in Severity::ALL { (pill::severity(severity)) } }
        p .row { @for kind in kinds { (pill::outcome(Some(kind))) } (pill::outcome(None)) }
    }
}

fn buttons(frame: &Frame) -> Markup {
    let links = [("CSV", "/design".to_owned()), ("JSON Lines", "/design".to_owned())];
    html! { div .row {
        (act(&frame.form_token, "/design", Rank::Primary, "Primary", None))
        (act(&frame.form_token, "/design", Rank::Plain, "Plain", None))
        (act(&frame.form_token, "/design", Rank::Danger, "Danger", None))
        button type="button" disabled { "Disabled" }
        (menu("Menu", &links))
    } }
}

fn fields() -> Markup {
    html! { div .form {
        (field::text("subject", "Subject contains", "Lunch, dinner", "salary statement", None))
        (field::text("since", "Received in the last", "yesterday", "7d", Some("`yesterday` is no duration; write 15m, 48h or 7d")))
        (field::choice("action", "Action", Some("Any"), &["soft-delete", "move-to-junk"], "soft-delete"))
        (field::choice_in_groups("classification", "Classification", "None", &[("true-positive", vec!["phishing", "malware"]), ("false-positive", vec!["not-malicious"])], "malware", None))
        (field::lines("description", "Description", "", 2_000))
        (field::tick("copy", "yes", "A box", true))
    } }
}

fn filters() -> Markup {
    let chip =
        |label: &str, count, is_set| Chip { label: label.to_owned(), count, address: "/design".to_owned(), is_set };
    let set = [("Status: Completed".to_owned(), "/design".to_owned())];
    html! {
        (chips("Actions", &[chip("All actions", None, true), chip("Soft delete", Some(1_204), false), chip("Move to junk", Some(7), false)]))
        (filter_bar::set(&set, "/design"))
    }
}

fn table(frame: &Frame) -> Markup {
    let row = |place: u64, (subject, status, severity)| {
        Row::of([
            html! { input type="checkbox" name="pick" value=(place) checked[place == 1] aria-label={ "Select row " (place) }; },
            html! { a href="/design" { (text::subject(subject)) } },
            pill::status(status),
            pill::severity(severity),
            text::count(place * 1_234),
            text::time(Timestamp(BEGIN + i64::try_from(place).unwrap_or(0) * HOUR)),
        ])
    };
    let rows = [
        (
            "Updated salary statement for everybody in the whole company, please read it before the end of the week",
            Status::PendingApproval,
            Severity::High,
        ),
        ("Your parcel is on its way", Status::InProgress, Severity::Medium),
        ("", Status::PartiallyCompleted, Severity::Low),
        ("会議の資料", Status::Completed, Severity::Informational),
    ];
    let rows = rows.into_iter().zip(1..).map(|(of, place)| row(place, of)).collect();
    let list = html! { form method="post" action="/design" {
        (layout::form_token(frame))
        (Table::new("Rows", &COLUMNS, rows))
        (selection_bar(&html! { button type="button" data-per-selected="Approve" { "Approve selected" } }))
    } };
    let body = facts::facts(&[("Action", html! { "Soft-delete" }), ("Messages", text::count(1_234))]);
    pane::beside(&list, Some(&pane::pane(&html! { "Updated salary statement" }, Some("/design"), &body)))
}

fn progress() -> Markup {
    let number = |label, count, remark: &str, tone| Number { label, count, remark: remark.to_owned(), tone };
    let step = |name, state, says: &str| Step { name, state, says: html! { (says) } };
    let tab = |name, count, is_open| Tab { name, address: "/design".to_owned(), count, is_open };
    html! {
        (numbers(&[
            number("Messages", 1_204, "in 150 mailboxes", Tone::Quiet),
            number("Succeeded", 1_180, "98 %", Tone::Good),
            number("Failed", 20, "", Tone::Bad),
            number("Open", 4, "not acted on yet", Tone::Quiet),
        ]))
        (stepper(&[
            step("Planned", Progress::Done, "1,204 messages"),
            step("Approved", Progress::Done, "2 of 2 approvals"),
            step("Running", Progress::Now, "62 %"),
            step("Verified", Progress::Later, ""),
        ]))
        (tabs("Tabs", &[tab("Overview", None, true), tab("Messages", Some(1_204), false), tab("Timeline", None, false)]))
    }
}

fn charts() -> Markup {
    let counts = Counts { submitted: 100, remediable: 100, succeeded: 80, failed: 12, open: 8, ..Counts::default() };
    let bar = |hour: i64| Bar {
        from: text::short(&Timestamp(BEGIN + hour * HOUR).to_string()),
        counts: vec![(hour * 7 % 19).unsigned_abs(), (hour * 5 % 7).unsigned_abs()],
        address: Some("/design".to_owned()),
    };
    let parts = vec!["Inbox".to_owned(), "Junk".to_owned()];
    let over_time = TimeChart { parts, bars: (0..30).map(bar).collect(), unit: "1 h".to_owned() };
    let places = [(LocationKind::Inbox, 80), (LocationKind::Junk, 15), (LocationKind::DeletedItems, 5)].into();
    html! { (chart::outcomes(&counts)) (over_time.draw()) (chart::locations(&places)) }
}

fn messages() -> Markup {
    html! {
        (toast::done("3 remediations approved."))
        (toast::note("It waits for others."))
        (toast::warning("5 messages in mailboxes of VIPs."))
        (toast::problem("Somebody decided on it before you."))
        (empty(Icon::Check, "Nothing is waiting for a decision", "Remediations that need an approval appear here."))
    }
}

fn confirmation(frame: &Frame) -> Markup {
    let asked = Confirmation {
        address: "/design",
        fields: vec![("form_token", &frame.form_token)],
        facts: html! { p { "Soft-delete " strong { "1,204 messages" } ", in 3 remediations." } },
        label: "Approve 3 remediations",
        is_danger: false,
        back: "/design",
    };
    html! { (asked) }
}
