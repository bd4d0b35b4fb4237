//! One remediation: where it is, what can be done now, and its tabs: the request and the vote, what the plan was made
//! under, its messages, batches and events, the kept messages, late copies, and the records around it. A tab is an
//! address, and reads only what it shows.

mod buttons;
mod file;
mod head;
mod linked;
mod messages;
mod overview;
pub(super) mod records;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use clawback_app::Ballot;
use clawback_model::{Decision, PlanDigest, Remediation, RemediationId, Status, Timestamp, visible};
use clawback_store::Followers;
use maud::html;

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::layout;
use super::passkey;
use super::shown::Shown;
use super::terms::terms;
use crate::access::Caller;
use crate::body::word;
use crate::center::Center;
use crate::design::tabs::{Tab, tabs};
use crate::design::{pill, toast};
use crate::lookup::find;
use crate::problem::Problem;

pub(crate) use file::messages_csv;

/// The tabs: the word in the address, and the name.
const TABS: [(&str, &str); 8] = [
    ("overview", "Overview"),
    ("plan", "Plan"),
    ("messages", "Messages"),
    ("batches", "Batches"),
    ("timeline", "Timeline"),
    ("evidence", "Evidence"),
    ("late-copies", "Late copies"),
    ("related", "Related"),
];

/// The header of the script's requests for the parts of the page that change.
const LIVE: &str = "clawback-live";

/// What a request wants of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Page,
    /// The parts that change. The page asks for them every few seconds as long as it is open.
    LiveParts,
}

pub(crate) async fn page(
    State(center): State<Center>,
    Path(id): Path<String>,
    caller: Caller,
    Asked(query): Asked,
    headers: HeaderMap,
) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let found = find(&center, &id).await?;
    let wanted = if headers.contains_key(LIVE) { Wanted::LiveParts } else { Wanted::Page };
    Ok(show(&center, &frame, &found, &query, wanted, &Fields::default(), None).await?)
}

/// The page. After a refused request it says why, and keeps the comment that was `sent`.
async fn show(
    center: &Center,
    frame: &Frame,
    found: &Remediation,
    query: &Fields,
    wanted: Wanted,
    sent: &Fields,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let Followers { undos, retries } = center.site().history.followers(&found.id).await?;
    let batches = center.site().history.batches(&found.id).await?;
    let open = query.filled("tab").unwrap_or("overview");
    let is_live = is_live(found, open);
    let is_shown = is_live || wanted == Wanted::Page;
    let content = match open {
        _ if !is_shown => html! {},
        "plan" => terms(center, found).await?,
        "messages" => messages::tab(center, frame, found, query).await?,
        "batches" => records::batches(&batches),
        "timeline" => records::timeline(center, &found.id).await?,
        "evidence" => records::evidence(center, &found.id, query, &format!("/remediations/{}", found.id)).await?,
        "late-copies" => records::late_copies(center, found).await?,
        "related" => records::related(center, found, &undos, &retries).await?,
        _ => overview::tab(center, frame, found, &batches, sent).await?,
    };
    let body = html! {
        @if let Some(problem) = problem { (toast::problem(layout::in_words(problem))) }
        @else if query.filled("submitted").is_some() && !found.status.is_final() {
            p .note.done role="status" { "Submitted. Approval ID: " strong { (found.request.approval_id) } ". This page updates by itself." }
        }
        div #remediation-state data-live data-every=(pace(found)) { (head::state(found, &batches, &undos, &retries)) }
        div #remediation-tabs data-live { (tabs("Parts of the remediation", &tab_list(found, open))) }
        @if is_shown { div #remediation-tab data-live[is_live] { (content) } }
    };
    let request = &found.request;
    let head = html! {
        h1 { (visible(&request.name)) }
        span #remediation-pill data-live aria-live="polite" { (pill::status(found.status)) }
        (pill::severity(request.severity))
        div #remediation-actions .actions data-live { (buttons::buttons(frame, found, found.left_to_undo(&undos), head::ran(&retries).next().is_some())) }
    };
    // The status first: a tab of the browser shows the first words.
    let title = format!("{} · {}", crate::design::words::status(found.status), visible(&request.name));
    let mut response = layout::page_with(frame, "/history", &title, &head, &body);
    if let Some(problem) = problem {
        layout::of_problem(&mut response, problem);
    }
    Ok(response)
}

/// Seconds between two looks of the page: none once nothing changes any more.
fn pace(remediation: &Remediation) -> &'static str {
    match remediation.status {
        status if status.is_final() => "30",
        Status::PendingApproval | Status::Paused if remediation.asked.is_none() => "3",
        _ => "1",
    }
}

/// Whether a tab is shown anew while the remediation runs. What is typed would be lost, so the tab with the vote is not.
fn is_live(remediation: &Remediation, tab: &str) -> bool {
    match tab {
        "plan" => false,
        "batches" | "timeline" | "messages" | "related" | "late-copies" => true,
        _ => remediation.status != Status::PendingApproval,
    }
}

fn tab_list(remediation: &Remediation, open: &str) -> Vec<Tab> {
    let known = TABS.iter().any(|(word, _)| *word == open);
    let of = |(word, name): &(&str, &'static str)| Tab {
        name,
        address: format!("/remediations/{}?tab={word}", remediation.id),
        count: match *word {
            "messages" => Some(remediation.counts.submitted),
            "batches" => Some(remediation.progress.next_batch.into()),
            _ => None,
        },
        is_open: *word == open || (!known && *word == "overview"),
    };
    TABS.iter().map(of).collect()
}

/// Carries out the buttons and votes of the page. What is refused is said on it.
pub(crate) async fn act(
    State(center): State<Center>,
    Path((id, verb)): Path<(String, String)>,
    caller: Caller,
    fields: Fields,
) -> Shown {
    let found = find(&center, &id).await?;
    let frame = Frame::load(&center, caller).await?;
    if buttons::is_confirmed_first(&verb) && !fields.is_confirmed() {
        return Ok(buttons::confirm(&frame, &found, &verb, &fields));
    }
    match carry_out(&center, &frame, &found.id, &verb, &fields).await {
        Ok(response) => Ok(response),
        Err(problem) if problem.status == 404 => Err(problem.into()),
        Err(problem) => {
            let found = find(&center, &id).await?;
            Ok(show(&center, &frame, &found, &Fields::default(), Wanted::Page, &fields, Some(&problem)).await?)
        }
    }
}

async fn carry_out(
    center: &Center,
    frame: &Frame,
    id: &RemediationId,
    verb: &str,
    fields: &Fields,
) -> Result<Response, Problem> {
    let (api, who) = (center.api(), &frame.who);
    let goes_to = match verb {
        "pause" => api.pause(who, id).await?.id,
        "resume" => api.resume(who, id).await?.id,
        "cancel" => api.cancel(who, id).await?.id,
        "replan" => api.replan(who, id).await?.id,
        "undo" => return Ok(submitted(&api.undo(who, id).await?.id)),
        "retry" => return Ok(submitted(&api.retry(who, id).await?.id)),
        "stop-sweep" => api.stop_sweep(who, id).await?.id,
        "decide" => {
            let decision = match fields.get("decision") {
                "approve" => Decision::Approve,
                "reject" => Decision::Reject,
                _ => return Err(Problem::bad_request("choose Approve or Reject")),
            };
            let digest: PlanDigest = word("digest", fields.get("digest"))?;
            let seen = Some(Timestamp(word("seen", fields.get("seen"))?));
            let comment = fields.filled("comment").map(str::to_owned);
            let signature = passkey::signature(fields)?;
            api.vote(who, id, Ballot { decision, digest: Some(digest), comment, seen, signature }).await?.id
        }
        _ => return Err(Problem::not_found()),
    };
    Ok(Redirect::to(&format!("/remediations/{goes_to}")).into_response())
}

fn submitted(id: &RemediationId) -> Response {
    Redirect::to(&format!("/remediations/{id}?submitted=1")).into_response()
}
