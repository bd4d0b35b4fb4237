//! Pending: the remediations that wait for a person, in groups of one action each. One or many of a group are decided at
//! once, each on the plan that was shown; several are confirmed with their numbers. The pane shows one of them.

use std::cmp::Reverse;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use clawback_app::Ballot;
use clawback_model::{
    Action, Decision, Permission, PlanDigest, Remediation, RemediationId, Severity, Status, Target, Timestamp, visible,
};
use clawback_store::{Cursor, HistoryFilter};
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::shown::Shown;
use super::vote::{self, Stance};
use super::{findings, layout};
use crate::access::Caller;
use crate::body::{optional, word};
use crate::center::Center;
use crate::design::confirmation::Confirmation;
use crate::design::empty::empty;
use crate::design::filter_bar::{Chip, chips};
use crate::design::icon::Icon;
use crate::design::selection_bar::selection_bar;
use crate::design::table::{Column, Row, Table};
use crate::design::words::{counted, number, spoken, verb};
use crate::design::{facts, pane, pill, text, toast};
use crate::lookup::find;
use crate::problem::Problem;

/// Rows that are read: the filters of the page choose among them.
const MOST: u32 = 500;
/// Messages that the pane shows.
const SAMPLE: u32 = 5;
const COLUMNS: [Column; 9] = [
    Column::tick(),
    Column::lead("Remediation"),
    Column::short("Severity"),
    Column::count("Messages"),
    Column::short("Requested by").at_960(),
    Column::time("Submitted").at_1240(),
    Column::time("Decide by").at_720(),
    Column::count("VIPs").at_960(),
    Column::medium("Approvals").tall(),
];
/// How the rows are sorted: the word in the address, and what a reader sees.
const SORTS: [(&str, &str); 4] =
    [("deadline", "Deadline"), ("severity", "Severity"), ("messages", "Messages"), ("newest", "Newest")];

/// What the page is opened with.
struct View<'a> {
    query: &'a Fields,
    action: Option<Action>,
    severity: Option<Severity>,
}

impl<'a> View<'a> {
    fn of(query: &'a Fields) -> Result<Self, Problem> {
        Ok(Self {
            query,
            action: optional("action_type", query.filled("action_type"))?,
            severity: optional("severity", query.filled("severity"))?,
        })
    }

    /// The address of the page with one thing changed; nothing takes it away.
    fn with(&self, name: &str, value: &str) -> String {
        let rest = self.query.query_without(&[name, "after", "done", "many"]);
        let and = if rest.is_empty() || value.is_empty() { "" } else { "&" };
        let own = if value.is_empty() { String::new() } else { format!("{name}={}", crate::access::encoded(value)) };
        format!("/pending?{rest}{and}{own}")
    }

    fn sort(&self, found: &mut [Remediation]) {
        let deadline = |it: &Remediation| it.approval.as_ref().map_or(i64::MAX, |approval| approval.deadline.0);
        match self.query.get("sort") {
            "severity" => found.sort_by_key(|it| (Reverse(it.request.severity), deadline(it))),
            "messages" => found.sort_by_key(|it| Reverse(it.counts.submitted)),
            "newest" => found.sort_by_key(|it| Reverse(it.created_at)),
            _ => found.sort_by_key(deadline),
        }
    }
}

pub(crate) async fn page(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    Ok(show(&center, &frame, &query, &Fields::default(), None).await?)
}

/// The page. `sent` is the form that a problem is about: its ticks and its comment are kept.
async fn show(
    center: &Center,
    frame: &Frame,
    query: &Fields,
    sent: &Fields,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let view = View::of(query)?;
    let filter = HistoryFilter { pending_only: true, ..HistoryFilter::default() };
    let after: Option<Cursor> = optional("after", query.filled("after"))?;
    let found = center.site().history.history(&filter, after, MOST).await?;
    let (all, now) = (found.remediations, center.now());
    let mut shown: Vec<Remediation> = all.iter().filter(|it| view.lets_through(it)).cloned().collect();
    view.sort(&mut shown);
    let pane = match query.filled("show") {
        Some(id) => Some(details(center, frame, &view, id).await?),
        None => None,
    };
    let list = html! {
        @if let Some(problem) = problem { (toast::problem(layout::in_words(problem))) }
        @else { (result(frame, query)) }
        (filters(&view, &all))
        div #pending data-live data-every="5" { (groups(frame, &view, &shown, sent, now, all.is_empty())) }
        @if all.is_empty() && frame.may(Permission::Administer) {
            p { "Is this site new? " a href="/first-steps" { "First steps" } " shows what it still needs." }
        }
        @if let Some(next) = found.next { div .pager {
            "The filters choose among the " (number(MOST.into())) " newest. "
            a .button.plain href={ "/pending?after=" (next) } { "Older" }
        } }
    };
    let head = html! { h1 { "Pending" } span #pending-total .quiet data-live { @if !all.is_empty() { (counted(all.len() as u64, "remediation")) } } };
    let title = match frame.pending_label() {
        Some(many) => format!("({many}) Pending"),
        None => "Pending".to_owned(),
    };
    let mut response = layout::page_with(frame, "/pending", &title, &head, &pane::beside(&list, pane.as_ref()));
    if let Some(problem) = problem {
        layout::of_problem(&mut response, problem);
    }
    Ok(response)
}

impl View<'_> {
    fn lets_through(&self, remediation: &Remediation) -> bool {
        self.action.is_none_or(|action| action == remediation.request.action)
            && self.severity.is_none_or(|severity| severity == remediation.request.severity)
    }
}

/// What became of the last votes, by two words of the address.
fn result(frame: &Frame, query: &Fields) -> Markup {
    let many: u64 = query.get("many").parse().unwrap_or(1);
    let became = match query.get("done") {
        "approve" => "approved",
        "reject" => "rejected",
        _ => return html! {},
    };
    let decided = format!("/history?decided_by={}", crate::access::encoded(&frame.who.name));
    toast::done(
        html! { (counted(many, "remediation")) " " (became) ". " a href=(decided) { "See what you decided in History" } "." },
    )
}

fn filters(view: &View<'_>, all: &[Remediation]) -> Markup {
    let count = |of: &dyn Fn(&Remediation) -> bool| all.iter().filter(|it| of(it)).count() as u64;
    let mut actions = vec![Chip {
        label: "All actions".to_owned(),
        count: None,
        address: view.with("action_type", ""),
        is_set: view.action.is_none(),
    }];
    for action in Action::ALL {
        let many = count(&|it| it.request.action == action);
        if many > 0 {
            let (label, address) = (spoken(action.as_str()), view.with("action_type", action.as_str()));
            actions.push(Chip { label, count: Some(many), address, is_set: view.action == Some(action) });
        }
    }
    let mut severities = vec![Chip {
        label: "Any severity".to_owned(),
        count: None,
        address: view.with("severity", ""),
        is_set: view.severity.is_none(),
    }];
    for severity in Severity::ALL.into_iter().rev() {
        let many = count(&|it| it.request.severity == severity);
        if many > 0 {
            let (label, address) = (spoken(severity.as_str()), view.with("severity", severity.as_str()));
            severities.push(Chip { label, count: Some(many), address, is_set: view.severity == Some(severity) });
        }
    }
    let sort = view.query.filled("sort").unwrap_or("deadline");
    let sorts: Vec<Chip> = SORTS
        .iter()
        .map(|(word, name)| Chip {
            label: (*name).to_owned(),
            count: None,
            address: view.with("sort", word),
            is_set: *word == sort,
        })
        .collect();
    html! {
        @if actions.len() > 2 { (chips("Action", &actions)) }
        @if severities.len() > 2 { (chips("Severity", &severities)) }
        @if all.len() > 1 { div .row { span .quiet { "Sort by" } (chips("Sort by", &sorts)) } }
    }
}

/// A table for each action, as one vote is about one action; those that are paused come last.
fn groups(
    frame: &Frame,
    view: &View<'_>,
    shown: &[Remediation],
    sent: &Fields,
    now: Timestamp,
    nothing_waits: bool,
) -> Markup {
    if shown.is_empty() && nothing_waits {
        let next = html! { "Remediations that need an approval, or that a rule paused, appear here. "
        a href="/search" { "Search for messages" } };
        return empty(Icon::Check, "Nothing is waiting for a decision", next);
    }
    if shown.is_empty() {
        let clear = html! { a href="/pending" { "Clear the filters" } };
        return empty(Icon::Search, "Nothing that waits matches the filters", clear);
    }
    let of = |action| shown.iter().filter(|it| is_open(it) && it.request.action == action).collect();
    let by_action: Vec<(Action, Vec<&Remediation>)> =
        Action::ALL.into_iter().map(|action| (action, of(action))).collect();
    let paused: Vec<&Remediation> = shown.iter().filter(|it| !is_open(it)).collect();
    html! {
        @for (action, of) in by_action.iter().filter(|(_, of)| !of.is_empty()) { (group(frame, view, &spoken(action.as_str()), of, sent, now)) }
        @if !paused.is_empty() { (group(frame, view, "Paused: open one to resume or cancel it", &paused, sent, now)) }
    }
}

fn group(frame: &Frame, view: &View<'_>, name: &str, of: &[&Remediation], sent: &Fields, now: Timestamp) -> Markup {
    let stances: Vec<Stance> = of.iter().map(|it| Stance::of(frame, it, now)).collect();
    let ticked: Vec<&str> = sent.all("pick").collect();
    let rows: Vec<Row> = of.iter().zip(&stances).map(|(it, stance)| row(view, it, stance, &ticked)).collect();
    let messages = of.iter().map(|it| it.counts.submitted).sum();
    let decides = stances.contains(&Stance::May);
    let columns = if decides { &COLUMNS[..] } else { &COLUMNS[1..] };
    let rows = if decides { rows } else { rows.into_iter().map(Row::without_first).collect() };
    html! {
        section .group aria-label=(name) {
            h2 { (name) small { (counted(of.len() as u64, "remediation")) ", " (counted(messages, "message")) } }
            form method="post" action={ "/pending?" (view.query.query_without(&["done", "many"])) } {
                (layout::form_token(frame))
                (Table::new(name, columns, rows))
                @if decides { (selection_bar(&html! {
                    label { span .unseen { "Comment" } input type="text" name="comment" maxlength="2000" placeholder="Comment (kept with the votes)"
                        value=(sent.get("comment")) autocomplete="off"; }
                    button name="decision" value="approve" data-per-selected="Approve" { "Approve selected" }
                    button .danger.plain name="decision" value="reject" data-per-selected="Reject" { "Reject selected" }
                })) }
            }
        }
    }
}

fn is_open(remediation: &Remediation) -> bool {
    remediation.status == Status::PendingApproval
}

fn row(view: &View<'_>, remediation: &Remediation, stance: &Stance, ticked: &[&str]) -> Row {
    let request = &remediation.request;
    let digest = remediation.plan.as_ref().map(|plan| plan.digest.to_string()).unwrap_or_default();
    let pick = format!("{} {digest} {}", remediation.id, remediation.updated_at.0);
    let cells = [
        html! { @if *stance == Stance::May {
            input type="checkbox" name="pick" value=(pick) checked[ticked.contains(&pick.as_str())]
                aria-label={ "Select " (visible(&request.name)) };
        } },
        html! { a href=(view.with("show", remediation.id.as_str())) { (text::cell(&request.name)) } },
        pill::severity(request.severity),
        text::count(remediation.counts.submitted),
        text::cell(&request.requester_in_words()),
        text::time(remediation.created_at),
        html! { @if let Some(approval) = remediation.approval.as_ref().filter(|_| is_open(remediation)) { (text::time(approval.deadline)) } },
        html! { @if let Some(plan) = remediation.plan.as_ref().filter(|plan| plan.facts.vips > 0) { strong { (number(plan.facts.vips)) } } },
        state(remediation, stance),
    ];
    Row::of(cells).opened(view.query.get("show") == remediation.id.as_str())
}

/// How far the votes are, and what the caller has to do with it.
fn state(remediation: &Remediation, stance: &Stance) -> Markup {
    let Some(approval) = remediation.approval.as_ref().filter(|_| is_open(remediation)) else {
        return html! { (pill::status(remediation.status)) @if let Some(stop) = &remediation.stop {
            " " (text::cell(&stop.to_string()))
        } };
    };
    // One element, because a card on a telephone moves the elements of a cell apart.
    html! { span { (vote::of(approval)) @match stance {
        Stance::Requested => span .quiet { " · you submitted it" },
        Stance::Voted(_) => span .quiet { " · you approved" },
        Stance::PasswordOfAnother => span .quiet { " · change your password first" },
        Stance::NotForPurge => span .quiet { " · needs the role purger" },
        Stance::May | Stance::Cannot => {}
    } } }
}

/// The pane of one remediation.
async fn details(center: &Center, frame: &Frame, view: &View<'_>, id: &str) -> Result<Markup, Problem> {
    let found = find(center, id).await?;
    let sample = center.site().history.messages(&found.id, None, SAMPLE).await?;
    let stance = Stance::of(frame, &found, center.now());
    let approval = vote::approval(center, frame, &found, &stance, "").await?;
    let request = &found.request;
    let plan = found.plan.as_ref();
    let body = html! {
        p { (pill::status(found.status)) " " a href={ "/remediations/" (found.id) } { "Open the whole remediation" } }
        @if let Some(stop) = &found.stop { (toast::warning(visible(&stop.to_string()))) }
        @if let Some(plan) = plan { (findings::of_search(&plan.facts)) }
        (facts::facts(&[
            ("Action", html! { (verb(request.action)) @if request.delete_senders_copy { ", and the sender's copy" } }),
            ("Severity", pill::severity(request.severity)),
            ("Messages", html! { (number(found.counts.submitted))
                @if let Some(plan) = plan { " in " (counted(plan.facts.mailboxes, "mailbox")) } }),
            ("VIPs", html! { @if let Some(plan) = plan { @if plan.facts.vips == 0 { "None" } @else { strong { (counted(plan.facts.vips, "message")) } } } }),
            ("Not searched", html! { @if let Some(plan) = plan { @if plan.facts.is_complete() { "Nothing was left out" } @else { strong { (counted(plan.facts.unsearched, "mailbox")) } } } }),
            ("Selection", text::selection(&request.selection_in_words())),
            ("Requested by", text::mail(&request.requester_in_words())),
            ("Submitted", text::time(found.created_at)),
            ("Description", text::lines(&request.description)),
        ]))
        h3 { "Messages" }
        ul .plain { @for (target, _) in &sample { (message(target)) } }
        @let rest = found.counts.submitted.saturating_sub(sample.len() as u64);
        @if rest > 0 { p { a href={ "/remediations/" (found.id) "?tab=messages" } { "and " (number(rest)) " more" } } }
        h3 { "Approval" }
        (approval)
    };
    Ok(pane::pane(&text::mail(&request.name), Some(&view.with("show", "")), &body))
}

fn message(target: &Target) -> Markup {
    html! { li { (text::subject(&target.subject)) small { (text::cell(&target.from_address)) " to " (text::cell(&target.mailbox)) } } }
}

/// A row that was ticked: the remediation, and the plan and the time of what was shown.
struct Pick {
    id: RemediationId,
    digest: PlanDigest,
    seen: Timestamp,
}

impl Pick {
    fn read(pick: &str) -> Result<Self, Problem> {
        let mut parts = pick.split(' ');
        let mut part = || parts.next().unwrap_or_default();
        let (id, digest) = (word("id", part())?, word("digest", part())?);
        Ok(Self { id, digest, seen: Timestamp(word("time", part())?) })
    }
}

/// Votes on all that are ticked. Those that cannot be decided are listed; the rest is decided nevertheless.
pub(crate) async fn decide(State(center): State<Center>, caller: Caller, Asked(query): Asked, fields: Fields) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    match vote(&center, &frame, &query, &fields).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            center.status_cache().forget().await;
            Ok(show(&center, &frame, &query, &fields, Some(&problem)).await?)
        }
    }
}

async fn vote(center: &Center, frame: &Frame, query: &Fields, fields: &Fields) -> Result<Response, Problem> {
    let decision = match fields.get("decision") {
        "approve" => Decision::Approve,
        "reject" => Decision::Reject,
        _ => return Err(Problem::bad_request("choose Approve or Reject")),
    };
    let picked = fields.all("pick").map(Pick::read).collect::<Result<Vec<_>, _>>()?;
    if picked.is_empty() {
        return Err(Problem::bad_request("select at least one remediation, then decide"));
    }
    let mut found = Vec::with_capacity(picked.len());
    for pick in &picked {
        found.push(center.site().history.load(&pick.id).await?);
    }
    let of_them = |action: &Action| found.iter().any(|it| it.request.action == *action);
    let actions: Vec<String> =
        Action::ALL.iter().filter(|action| of_them(action)).map(|action| spoken(action.as_str())).collect();
    if actions.len() > 1 {
        let actions = actions.join(" and ");
        return Err(Problem::bad_request(format!(
            "what is selected is of several actions ({actions}); decide on them one action at a time"
        )));
    }
    if picked.len() > 1 && !fields.is_confirmed() {
        return Ok(confirm(frame, decision, &found, fields));
    }
    let comment = fields.filled("comment").map(str::to_owned);
    let (many, mut decided, mut worst) = (picked.len(), 0, None);
    let mut refused: Vec<(String, Vec<&str>)> = Vec::new();
    for (Pick { id, digest, seen }, remediation) in picked.into_iter().zip(&found) {
        let comment = comment.clone();
        let ballot = Ballot { decision, digest: Some(digest), comment, seen: Some(seen), signature: None };
        match center.api().vote(&frame.who, &id, ballot).await {
            Ok(_) => decided += 1,
            Err(error) => {
                let (problem, name) = (Problem::from(error), remediation.request.name.as_str());
                match refused.iter_mut().find(|(reason, _)| *reason == problem.detail) {
                    Some((_, names)) => names.push(name),
                    None => refused.push((problem.detail.clone(), vec![name])),
                }
                worst.get_or_insert(problem);
            }
        }
    }
    match worst {
        None => {
            let rest = query.query_without(&["show", "done", "many"]);
            let address = format!("/pending?{rest}&done={}&many={many}", fields.get("decision"));
            Ok(Redirect::to(&address.replace("?&", "?")).into_response())
        }
        Some(problem) => {
            let refused = refused.iter().map(|(reason, names)| format!("{} ({reason})", names.join(", ")));
            let refused = refused.collect::<Vec<_>>().join("; ");
            let detail = format!("{decided} of {many} were decided. Not decided: {refused}");
            Err(Problem { detail, ..problem })
        }
    }
}

/// Asks once more before several are decided.
fn confirm(frame: &Frame, decision: Decision, found: &[Remediation], fields: &Fields) -> Response {
    let many = found.len() as u64;
    let messages = found.iter().map(|it| it.counts.submitted).sum();
    let plans = || found.iter().filter_map(|it| it.plan.as_ref());
    let vips: u64 = plans().map(|plan| plan.facts.vips).sum();
    let gaps: u64 = plans().map(|plan| plan.facts.unsearched).sum();
    let word = if decision == Decision::Approve { "Approve" } else { "Reject" };
    let action = found.first().map(|it| verb(it.request.action)).unwrap_or_default();
    let facts = html! {
        p { @if decision == Decision::Approve { (action) " " strong { (counted(messages, "message")) } ", in " (counted(many, "remediation")) "." }
            @else { "Reject " strong { (counted(many, "remediation")) } " of " (counted(messages, "message")) ". Nothing is done to them." } }
        @if vips > 0 { (toast::warning(format!("{} in mailboxes of VIPs.", counted(vips, "message")))) }
        @if gaps > 0 { (toast::warning(format!("{} could not be searched.", counted(gaps, "mailbox")))) }
        ul { @for it in found { li { (text::mail(&it.request.name)) ": " (counted(it.counts.submitted, "message")) } } }
    };
    let label = format!("{word} {}", counted(many, "remediation"));
    let body = Confirmation {
        address: "/pending",
        fields: fields.pairs().collect(),
        facts,
        label: &label,
        is_danger: decision == Decision::Reject,
        back: "/pending",
    };
    layout::page(frame, "/pending", &format!("{label}?"), &html! { (body) })
}
