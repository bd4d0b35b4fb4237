//! Search: build a query, see what it finds, choose all of it, some of it, or all but some, and submit. The plan is
//! made again at submit and frozen then; this page shows the current state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use clawback_model::{
    Action, ActionSource, Inputs, LocationKind, Permission, Picked, Principal, SelectionMode, Severity, Target,
    Timestamp, ascii_where_deceptive, visible_line,
};
use clawback_runtime::{DryRun, Submission};
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::paging::{ROWS, Rows, pager};
use super::query::PAGE;
use super::shown::Shown;
use super::views::View;
use super::{findings, layout, over_time, query, saved_searches, searching, upload, views};
use crate::access::Caller;
use crate::body::{optional, word};
use crate::center::Center;
use crate::design::confirmation::Confirmation;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::pill::Tone;
use crate::design::selection_bar::selection_bar;
use crate::design::table::{Column, Row, Table};
use crate::design::words::{counted, number, spoken};
use crate::design::{chart, field, pane, pill, text, toast};
use crate::json::PickedJson;
use crate::problem::Problem;
use crate::searches::{End, Progress, Search};

/// Mailboxes in the chart of a search.
const MAILBOXES: usize = 20;

/// How long the page waits for a search before it shows the progress.
const WAIT: Duration = Duration::from_millis(1_500);
/// The playbook of what is submitted here.
const PLAYBOOK: &str = "manual";
/// Messages to pick from: the limit of a query with exclusions.
pub(super) const SHOWN: usize = 1_000;
/// Characters of a subject, or of a mailbox, in the name of a box.
const NAMED: usize = 80;
/// Messages that can be selected one by one, or left out of all: those of a page.
const MOST_TICKS: usize = ROWS;
/// The field of the form that names the message to be read.
pub(super) const VIEW: &str = "view";
const COLUMNS: [Column; 9] = [
    Column::tick(),
    Column::lead("Subject").widest(),
    Column::party("From"),
    Column::party("Mailbox"),
    Column::short("Received"),
    Column::short("Location").at_1240(),
    Column::short("Original").at_1540(),
    Column::medium("Script").at_1540(),
    Column::icon("Copies"),
];

pub(crate) async fn page(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    Ok(show(&center, &frame, &query, Refused::default()).await?)
}

/// What of the page was refused.
#[derive(Debug, Clone, Copy, Default)]
struct Refused<'a> {
    submission: Option<&'a Problem>,
    /// That the search is saved.
    saving: Option<&'a Problem>,
}

/// The page. `asked` has the conditions or the saved search, and after a refusal also the rest of its form.
async fn show(center: &Center, frame: &Frame, asked: &Fields, refused: Refused<'_>) -> Result<Response, Problem> {
    if !frame.may(Permission::Submit) {
        let words = "Ask an administrator; the page People lists them.";
        let body = empty(Icon::Search, "You need the role analyst to search", words);
        return Ok(layout::page(frame, "/search", "Search", &html! { (body) }));
    }
    let (query, opened) = saved_searches::open(center, frame, asked).await;
    let (query, problem) = (&query, refused.submission);
    let looked = look(center, frame, query, problem.or(refused.saving).is_some()).await;
    let failed = match &looked {
        Looked::Refused(problem) => Some(problem),
        Looked::Ended(end) => end.found.as_ref().err(),
        Looked::Nothing | Looked::Cancelled | Looked::Running(_) => None,
    };
    let mistakes = failed.map(query::mistakes).unwrap_or_default();
    let shown = match (&looked, failed) {
        (Looked::Nothing, _) => empty(
            Icon::Search,
            "Which messages do you mean?",
            "Fill in one or more fields; messages must match all of them. Searching changes nothing.",
        ),
        (Looked::Cancelled, _) => searching::cancelled(query),
        (Looked::Running(progress), _) => searching::progress(frame, query, *progress),
        (_, Some(_)) if !mistakes.is_empty() => html! {},
        (_, Some(problem)) => toast::problem(layout::in_words(problem)),
        (Looked::Ended(end), _) => {
            end.found.as_ref().map_or_else(|_| html! {}, |found| results(center, frame, query, found, end.at, problem))
        }
        (Looked::Refused(_), None) => html! {},
    };
    let is_found = matches!(&looked, Looked::Ended(end) if end.found.is_ok());
    let every = if matches!(looked, Looked::Running(_)) { "1" } else { "0" };
    let body = html! {
        @if let Some(problem) = &opened.problem { (toast::problem(layout::in_words(problem))) }
        (query::form(query, &mistakes))
        (opened.form(frame, query, refused.saving))
        @if let Some(problem) = problem.filter(|_| !is_found) { (toast::problem(layout::in_words(problem))) }
        div #found data-live data-every=(every) { (shown) }
        (upload::form(frame))
    };
    let all = center.api().saved_searches(&frame.who).await?;
    let head = opened.head(frame, &all);
    let mut response = layout::page_with(frame, "/search", &opened.title(), &head, &body);
    if let Some(problem) = problem.or(refused.saving).or(opened.problem.as_ref()).or(failed) {
        layout::of_problem(&mut response, problem);
    }
    Ok(response)
}

/// What is known of the messages that the page asks for.
enum Looked {
    /// No condition is filled in.
    Nothing,
    /// The search was cancelled, and is not begun again by loading the page.
    Cancelled,
    /// The conditions cannot be searched for.
    Refused(Problem),
    Running(Progress),
    Ended(Arc<End>),
}

/// Returns the search for these conditions, which begins if there is none. A page that is shown because of a problem
/// waits for the result, since it has what was typed.
async fn look(center: &Center, frame: &Frame, query: &Fields, is_problem: bool) -> Looked {
    let conditions = query::conditions(query);
    if conditions.is_empty() {
        return Looked::Nothing;
    }
    let search = match center.searches().of(&frame.who.name, &conditions) {
        Some(search) => search,
        None if query.filled(searching::CANCELLED).is_some() => return Looked::Cancelled,
        None => match begin(center, &frame.who, query) {
            Ok(search) => search,
            Err(problem) => return Looked::Refused(problem),
        },
    };
    match search.end(if is_problem { Duration::MAX } else { WAIT }).await {
        Some(end) => Looked::Ended(end),
        None => Looked::Running(search.progress()),
    }
}

/// Begins the search for the conditions of the form.
pub(super) fn begin(center: &Center, who: &Principal, query: &Fields) -> Result<Arc<Search>, Problem> {
    // The action does not change what is found; the plan is made for the chosen one.
    let (action, mode) = (Action::SoftDelete, SelectionMode::Query);
    let submission = submission(query, query::inputs(query), action, mode, Vec::new())?;
    let (searching, by) = (center.clone(), who.clone());
    let clock = Arc::clone(&center.site().clock);
    Ok(center.searches().begin(&who.name, query::conditions(query), clock, |observer| async move {
        searching.preview(&by, submission, SHOWN, &observer).await
    }))
}

fn results(
    center: &Center,
    frame: &Frame,
    query: &Fields,
    found: &DryRun,
    at: Timestamp,
    problem: Option<&Problem>,
) -> Markup {
    let total: u64 = found.by_location.values().sum();
    let plan = match &found.plan {
        Ok(plan) => plan,
        Err(reason) => return toast::problem(reason.to_string()),
    };
    let view = View::of(query).filter(|_| total > 0);
    let list = html! {
        section aria-label="Results" {
            h2 { (counted(total, "message")) " in " (counted(plan.facts.mailboxes, "mailbox")) }
            p .quiet { "Selection: " (text::selection(&found.in_words)) ". " (counted(found.searched, "mailbox")) " searched "
                (text::time(at)) ". " a href={ "/search/again?" (query::kept(query)) } { "Search again" }
                @if total > 0 { ", " a href={ "/search.csv?" (query::conditions(query)) } {
                    "Results as CSV" @if total > SHOWN as u64 { " (the first " (number(SHOWN as u64)) ")" }
                } } }
            @if let Some(left_out) = &found.left_out { (not_searched_for(left_out)) }
            (findings::of_search(&plan.facts))
            @for obstacle in &found.obstacles { p .problem { "Cannot be done: " (text::mail(obstacle)) } }
            @if !found.obstacles.is_empty() && found.mailboxes_checked < plan.facts.mailboxes {
                p .quiet { (number(found.mailboxes_checked)) " of " (counted(plan.facts.mailboxes, "mailbox")) " looked at for what cannot be done." }
            }
            @if plan.facts.vips > 0 { (toast::warning(format!("{} in mailboxes of VIPs.", counted(plan.facts.vips, "message")))) }
            @if total > 0 { details open[query.filled(over_time::SPLIT).is_some()] { summary { "When and where" }
                (over_time::chart(query, &found.tally))
                (chart::locations(&found.by_location))
                @if found.by_mailbox.len() > 1 { h3 { "By mailbox" } (chart::mailboxes(&found.by_mailbox, MAILBOXES)) }
            } }
            @if total > 0 { (views::choice(query, total)) }
        }
        @if let Some(view) = view {
            (views::table(view, query, &found.tally))
        } @else if total == 0 {
            (empty(Icon::Search, "No messages match", "Take a condition away, or give a longer time or a shorter part of the subject."))
        } @else {
            @let page = Rows::of(query, found.sample.len());
            (table(center, frame, found, page, at, query))
            (pager(&format!("/search?{}", query::kept(query)), page, total, html! { span { "Only messages of this page can be selected." } }))
            @if page.is_last() && total > found.sample.len() as u64 {
                p .empty { "The first " (number(found.sample.len() as u64)) " are shown. To select single ones, narrow the search; \"all\" means all " (number(total)) "." }
            }
        }
    };
    html! {
        @if total == 0 || view.is_some() { (list) } @else {
            form method="post" action="/search/submit" {
                (layout::form_token(frame))
                @for (name, value) in query::inputs(query).pairs() { input type="hidden" name=(name) value=(value); }
                (query::saved(query))
                input type="hidden" name="total" value=(total);
                @if let Some(page) = query.filled(PAGE) { input type="hidden" name=(PAGE) value=(page); }
                @let pane = pane::pane(&html! { span #take-action { "Take action" } }, None, &action(center, frame, query, found, problem));
                (pane::beside(&list, Some(&pane)))
                div .below-pane { (selection_bar(&html! { a .button href="#take-action" { "Take action" } })) }
            }
        }
    }
}

/// How many more messages are in folders that "any folder" does not search.
fn not_searched_for(left_out: &BTreeMap<LocationKind, u64>) -> Markup {
    let more: Vec<String> =
        left_out.iter().map(|(kind, many)| format!("{} in {}", number(*many), spoken(kind.as_str()))).collect();
    html! { @if !more.is_empty() {
        (toast::warning(format!("Not included: {}. Choose the location to select these.", more.join(", "))))
    } }
}

fn table(center: &Center, frame: &Frame, found: &DryRun, rows: Rows, now: Timestamp, query: &Fields) -> Markup {
    let sample = &found.sample;
    let (mut seen, mut twins) = (BTreeSet::new(), BTreeSet::new());
    for target in sample {
        if !seen.insert(key(target)) {
            twins.insert(key(target));
        }
    }
    let ticked: BTreeSet<&str> = query.all("pick").collect();
    let reads = center.api().may_read_found(&frame.who).is_ok();
    let vips = center.site().library.lists.get("vips");
    let row = |(_, target): (usize, &Target)| {
        let subject = visible_line(&target.subject, NAMED);
        let subject = if subject.trim().is_empty() { "(no subject)" } else { &subject };
        let which = format!("{subject} in {}", visible_line(&target.mailbox, NAMED));
        let picked = pick(target, twins.contains(&key(target)));
        let this_copy = pick(target, true);
        Row::of([
            html! { input type="checkbox" name="pick" value=(picked) checked[ticked.contains(picked.as_str())]
            aria-label={ "Select " (which) }; },
            html! { @if reads {
                button .link name=(VIEW) value=(this_copy) formaction="/search/message" formnovalidate { (text::subject(&target.subject)) }
            } @else { (text::subject(&target.subject)) } },
            sender(found.names.get(&target.seq).map_or("", String::as_str), &target.from_address),
            html! { span {
                @if vips.is_some_and(|vips| vips.contains(&target.mailbox)) { (pill::pill(Tone::Wait, Icon::People, "VIP")) " " }
                (text::cell(&target.mailbox))
            } },
            text::brief(target.received_at, now),
            text::place(&target.location),
            html! { @if let Some(location) = &target.original_location { (text::place(location)) } },
            findings::script_words(target),
            html! { @if frame.may(Permission::Submit) {
                button .plain.small name="investigate" value=(this_copy) formaction="/search/investigate" formnovalidate
                    aria-label={ "Find and remove copies of " (which) } title="Find and remove copies" { (Icon::Copies) }
            } },
        ])
    };
    let rows: Vec<Row> = sample.iter().enumerate().take(rows.end()).skip(rows.first()).map(row).collect();
    html! { (Table::new("Messages found", &COLUMNS, rows)) }
}

/// The sender's display name, with the address that sent; `Name <address>` in full on hover.
fn sender(name: &str, address: &str) -> Markup {
    html! { @if name.trim().is_empty() { (text::cell(address)) } @else {
        @let whole = format!("{} <{}>", visible_line(name, NAMED), visible_line(address, NAMED));
        bdi .mail title=(whole) { (visible_line(address, NAMED)) " " span .quiet { (visible_line(name, NAMED)) } }
    } }
}

fn key(target: &Target) -> (&str, &str) {
    (&target.mailbox, &target.reference.fingerprint)
}

/// The value of a row's box. A message is named by its fingerprint, which stays when it is moved; one of several copies
/// in a mailbox by its place as well.
fn pick(target: &Target, is_twin: bool) -> String {
    value(picked(target, is_twin))
}

/// A message by its fingerprint, and one of several copies by its place as well.
pub(super) fn picked(target: &Target, is_twin: bool) -> Picked {
    let reference = &target.reference;
    Picked {
        mailbox: target.mailbox.to_string(),
        message_id: reference.message_id.clone(),
        fingerprint: Some(reference.fingerprint.clone()),
        locator: is_twin.then(|| reference.locator.clone()),
    }
}

/// A message as the value of a field.
pub(super) fn value(picked: Picked) -> String {
    ascii_where_deceptive(&serde_json::json!(PickedJson::from(picked)).to_string())
}

/// When the playbook of this page asks for votes, and what happens otherwise.
fn approval_hint(center: &Center) -> Markup {
    let Ok(playbook) = center.api().check(PLAYBOOK) else { return html! {} };
    let name = html! { a href={ "/playbooks/" (PLAYBOOK) } { (PLAYBOOK) } };
    html! { p .hint { @match playbook.approval_condition() {
        None => { "The playbook " (name) " asks for no approval: the messages are acted on at once." }
        Some("true") => { "The playbook " (name) " asks for an approval first." }
        Some(condition) => {
            "The playbook " (name) " asks for an approval first if " code { (condition) } ". Otherwise the messages are acted on at once."
        }
    } } }
}

/// The fields of the reference product's side pane, as they were sent if the submission was refused.
fn action(center: &Center, frame: &Frame, sent: &Fields, found: &DryRun, problem: Option<&Problem>) -> Markup {
    let submitted = found.plan.as_ref().map_or(0, |plan| plan.counts.submitted);
    let may_order = |action: &&Action| frame.who.may_order(**action);
    let actions: Vec<&str> = Action::ALL.iter().filter(may_order).map(|action| action.as_str()).collect();
    let severities = Severity::ALL.map(Severity::as_str);
    let mode = sent.filled("mode").unwrap_or("handpicked");
    let modes = [
        ("handpicked", html! { "Selected messages" span .hint { "up to " (MOST_TICKS) } }),
        (
            "query",
            html! { "All " (number(submitted)) " results" @if let Some(rule) = &found.approval {
                span .hint { (counted(rule.votes.into(), "approval")) @if rule.two_step { " by somebody else" } " first" }
            } },
        ),
        (
            "query-with-exclusions",
            html! { "All except selected" span .hint { "up to " (MOST_TICKS) " of " (number(SHOWN as u64)) } },
        ),
    ];
    html! {
        @if let Some(problem) = problem { (toast::problem(layout::in_words(problem))) }
        div .form {
            fieldset {
                legend { "Apply to" }
                @for (word, label) in modes {
                    label .box { input type="radio" name="mode" value=(word) checked[word == mode]; (label) }
                }
            }
            (field::choice("action", "Action", None, &actions, sent.filled("action").unwrap_or("soft-delete")))
            (field::tick("delete_senders_copy", "true", "Also delete the sender's copy in Sent Items", sent.get("delete_senders_copy") == "true"))
            label { "Remediation name" input type="text" name="name" required maxlength="200" value=(sent.get("name")) autocomplete="off"; }
            (field::choice("severity", "Severity", None, &severities, sent.filled("severity").unwrap_or("high")))
            (field::lines("description", "Description", sent.get("description"), 2_000))
            (approval_hint(center))
            p .quiet.at-pane role="status" data-selected {}
            button data-act data-total=(submitted) data-most=(MOST_TICKS) { "Submit" }
        }
    }
}

pub(crate) async fn submit(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    match accept(&center, &frame, &fields).await {
        Ok(response) => {
            // What it finds is acted on now, so the page searches anew when it is opened again.
            center.searches().forget(&frame.who.name, &query::conditions(&fields));
            Ok(response)
        }
        Err(problem) => {
            let refused = Refused { submission: Some(&problem), saving: None };
            Ok(show(&center, &frame, &fields, refused).await?)
        }
    }
}

/// Saves the conditions of the page under a name.
pub(crate) async fn save(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    match saved_searches::save(&center, &frame, &fields).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            let refused = Refused { submission: None, saving: Some(&problem) };
            Ok(show(&center, &frame, &fields, refused).await?)
        }
    }
}

async fn accept(center: &Center, frame: &Frame, fields: &Fields) -> Result<Response, Problem> {
    let action: Action = word("action", fields.get("action"))?;
    // The ticks select the messages.
    let mode = optional("mode", fields.filled("mode"))?.unwrap_or(SelectionMode::Handpicked);
    let picked = fields.all("pick").map(read_picked).collect::<Result<Vec<_>, _>>()?;
    let mut inputs = query::inputs(fields);
    let many = picked.len() as u64;
    let picked = match mode {
        SelectionMode::Query if picked.is_empty() => Vec::new(),
        SelectionMode::Query => {
            let detail = format!(
                "{} selected, and all results are chosen: clear the selection, or choose the selected messages",
                counted(many, "message")
            );
            return Err(Problem::bad_request(detail));
        }
        _ if picked.is_empty() => {
            return Err(Problem::bad_request("no message is selected: select some, or choose all results"));
        }
        SelectionMode::Handpicked => {
            inputs = of_picked(&inputs, &picked);
            picked
        }
        SelectionMode::QueryWithExclusions => picked,
    };
    if inputs.is_empty() {
        return Err(Problem::bad_request("no messages are selected; search first"));
    }
    if action == Action::HardDelete && !fields.is_confirmed() {
        let total: u64 = fields.get("total").parse().unwrap_or_default();
        let messages = match mode {
            SelectionMode::Query => total,
            SelectionMode::QueryWithExclusions => total.saturating_sub(many),
            SelectionMode::Handpicked => many,
        };
        return Ok(confirm(frame, fields, messages));
    }
    let submission = submission(fields, inputs, action, mode, picked)?;
    let submitted = center.api().submit(&frame.who, submission).await?;
    Ok(Redirect::to(&format!("/remediations/{}?submitted=1", submitted.id)).into_response())
}

/// Asks once more before messages are deleted for good.
fn confirm(frame: &Frame, fields: &Fields, messages: u64) -> Response {
    let label = format!("Hard-delete {}", counted(messages, "message"));
    let facts = html! { p { strong { (label) } ". They cannot be put back." } };
    let fields = fields.pairs().collect();
    let body =
        Confirmation { address: "/search/submit", fields, facts, label: &label, is_danger: true, back: "/search" };
    layout::page(frame, "/search", &format!("{label}?"), &html! { (body) })
}

/// Starts an investigation whose root is one message of the results, once it is confirmed: its playbook removes copies.
pub(crate) async fn investigate(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let picked = read_picked(fields.get("investigate"))?;
    if !fields.is_confirmed() {
        let frame = Frame::load(&center, caller).await?;
        return Ok(confirm_investigation(&frame, &fields, &picked));
    }
    let features = center.api().examine_picked(&caller.who, &picked).await?;
    Ok(upload::investigation(&center, &caller.who, &features, ActionSource::Explorer).await?)
}

fn confirm_investigation(frame: &Frame, fields: &Fields, picked: &Picked) -> Response {
    let facts = html! {
        p { "The copies of the message " code { (text::mail(&picked.message_id)) } " in " (text::mail(&picked.mailbox))
            " are searched for in all mailboxes, by its text, sender, subject, links and files." }
        p { strong { "Copies are soft-deleted." } " The playbook " a href="/playbooks/investigate" { "investigate" }
            " decides whether an approval comes first; for a few copies that are sure it needs none." }
    };
    let kept = |name: &&str| matches!(*name, "form_token" | "investigate");
    let fields = fields.pairs().filter(|(name, _)| kept(name)).collect();
    let (label, back) = ("Find and remove copies", "/search");
    let body = Confirmation { address: "/search/investigate", fields, facts, label, is_danger: true, back };
    layout::page(frame, "/search", "Find and remove copies?", &html! { (body) })
}

/// Picked messages are found by their own list; the mailboxes narrow the search and are recorded. Hidden folders are
/// searched only if they are named.
fn of_picked(query: &Inputs, picked: &[Picked]) -> Inputs {
    let unique: BTreeSet<&str> = picked.iter().map(|one| one.mailbox.as_str()).collect();
    let mut inputs: Inputs = unique.into_iter().map(|mailbox| ("mailbox", mailbox)).collect();
    let hidden = [LocationKind::RecoverableItems, LocationKind::Quarantine].map(LocationKind::as_str);
    let locations = query.get("location").unwrap_or_default();
    if locations.iter().any(|kind| hidden.contains(&kind.as_str())) {
        for kind in locations {
            inputs.push("location", kind);
        }
    } else if locations.is_empty() {
        query.get("folder").unwrap_or_default().iter().for_each(|folder| inputs.push("folder", folder));
    }
    inputs
}

pub(super) fn submission(
    fields: &Fields,
    mut inputs: Inputs,
    action: Action,
    mode: SelectionMode,
    picked: Vec<Picked>,
) -> Result<Submission, Problem> {
    inputs.push("action", action.to_string());
    inputs.push("delete_senders_copy", (fields.get("delete_senders_copy") == "true").to_string());
    Ok(Submission {
        playbook: PLAYBOOK.to_owned(),
        inputs,
        name: fields.filled("name").map(str::to_owned),
        severity: optional("severity", fields.filled("severity"))?,
        description: fields.filled("description").map(str::to_owned),
        source: ActionSource::Explorer,
        agent: None,
        mode,
        picked,
    })
}

pub(super) fn read_picked(value: &str) -> Result<Picked, Problem> {
    serde_json::from_str::<PickedJson>(value)
        .map(Picked::from)
        .map_err(|_| Problem::bad_request("a selected message is not what the page sent; load it again"))
}
