//! Calls of agents over an API that answers when the test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use clawback_action_center::json::MeJson;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::allowance::{Allowance, Allowances};
use super::deadline::Time;
use super::http::Agents;
use super::tools::Name;
use super::{Agent, FOR_A_PROPOSAL, TO_ANSWER, http};
use crate::client::Client;

const ID: &str = "R-0123456789abcdefghjkmnpqrs";

/// An API whose searches do not end before the test lets them.
#[derive(Clone)]
struct Api {
    begun: Arc<Semaphore>,
    released: Arc<Semaphore>,
    submitted: Arc<AtomicUsize>,
}

impl Api {
    fn new() -> Self {
        Self { begun: Arc::new(Semaphore::new(0)), released: Arc::new(Semaphore::new(0)), submitted: Arc::default() }
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/api/v1/me", get(me))
            .route("/api/v1/previews", post(search))
            .route("/api/v1/remediations", post(submit))
            .with_state(self.clone())
    }

    fn agents(&self) -> Arc<Agents> {
        Arc::new(Agents { router: self.router(), allowances: Allowances::default() })
    }

    fn submitted(&self) -> usize {
        self.submitted.load(Ordering::SeqCst)
    }

    /// Returns once a search has begun.
    async fn searches(&self) {
        self.begun.acquire().await.unwrap().forget();
    }
}

/// The token is the name of its owner.
async fn me(headers: HeaderMap) -> Json<MeJson> {
    let token = headers[AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    Json(MeJson { name: token.trim().to_owned(), roles: Vec::new() })
}

async fn search(State(api): State<Api>) -> StatusCode {
    api.begun.add_permits(1);
    api.released.acquire().await.unwrap().forget();
    StatusCode::SERVICE_UNAVAILABLE
}

async fn submit(State(api): State<Api>) -> (StatusCode, Json<Value>) {
    api.submitted.fetch_add(1, Ordering::SeqCst);
    let names = ["submitted", "remediable", "not_remediable", "succeeded", "already_in_destination", "not_found"];
    let names = names.into_iter().chain(["moved_since", "failed", "cancelled", "open"]);
    let counts: Value = names.map(|name| (name.to_owned(), json!(0))).collect();
    let made = json!({
        "id": ID, "name": "x", "severity": "high", "description": "x", "status": "queued", "action": "soft-delete",
        "action_source": "manual", "origin": "submit", "approval_id": "A-1", "investigation_id": "I-1",
        "alert_id": "L-1", "playbook": "now", "selection": "x", "requested_by": "desk", "created_at": "x",
        "updated_at": "x", "held": false, "counts": counts, "facts": null,
    });
    (StatusCode::ACCEPTED, Json(made))
}

fn proposal() -> Value {
    json!({ "playbook": "now", "inputs": {}, "name": "x", "description": "x" })
}

fn request(authorization: &str, tool: &str, arguments: &Value) -> Request {
    let params = json!({ "name": tool, "arguments": arguments });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    Request::post("/mcp")
        .header(HOST, "localhost")
        .header(AUTHORIZATION, authorization)
        .header(ACCEPT, "application/json, text/event-stream")
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

/// A call of the agent desk; what it says, or the status of a refused request.
fn call(agents: &Arc<Agents>, authorization: &str, tool: &str, arguments: &Value) -> JoinHandle<Result<Value, u16>> {
    let (agents, request) = (Arc::clone(agents), request(authorization, tool, arguments));
    tokio::spawn(async move {
        let response = agents.answer(request).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        if status != StatusCode::OK {
            return Err(status.as_u16());
        }
        let answer: Value = serde_json::from_slice(&body).unwrap();
        Ok(answer["result"]["structuredContent"].clone())
    })
}

fn searching(agents: &Arc<Agents>) -> JoinHandle<Result<Value, u16>> {
    call(agents, "Bearer desk", "search", &json!({ "conditions": { "from": "eve@evil.example" } }))
}

/// Returns once so many calls of the agent desk wait, and so many of its requests are under way.
async fn until(agents: &Agents, waiting: usize, requests: usize) {
    let allowance = agents.allowances.known("desk").unwrap();
    let reached = async {
        while allowance.under_way() != (waiting, requests) {
            tokio::task::yield_now().await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(20), reached).await;
    reached.unwrap_or_else(|_| panic!("{:?} are under way, not {:?}", allowance.under_way(), (waiting, requests)));
}

#[tokio::test]
async fn a_proposal_whose_client_left_while_it_waited_is_not_submitted() {
    let api = Api::new();
    let agents = api.agents();
    let search = searching(&agents);
    api.searches().await;
    let propose = call(&agents, "Bearer desk", "propose", &proposal());
    until(&agents, 1, 2).await;
    propose.abort();
    assert!(propose.await.unwrap_err().is_cancelled());
    api.released.add_permits(1);
    search.await.unwrap().unwrap();
    until(&agents, 0, 0).await;
    assert_eq!(api.submitted(), 0);
    // One whose client stays is.
    call(&agents, "Bearer desk", "propose", &proposal()).await.unwrap().unwrap();
    assert_eq!(api.submitted(), 1);
}

#[tokio::test]
async fn a_call_ends_when_its_client_leaves() {
    let api = Api::new();
    let agents = api.agents();
    for _ in 0..40 {
        let search = searching(&agents);
        api.searches().await;
        search.abort();
        until(&agents, 0, 0).await;
    }
}

#[tokio::test]
async fn a_call_beyond_those_that_wait_is_refused_at_once_and_so_is_a_request_beyond_its_places() {
    let api = Api::new();
    let agents = api.agents();
    let mut calls = vec![searching(&agents)];
    api.searches().await;
    calls.extend((0..4).map(|_| searching(&agents)));
    until(&agents, 4, 5).await;
    let refused = searching(&agents).await.unwrap().unwrap();
    assert!(refused["refused"].as_str().unwrap().contains("one call is carried out at a time"), "{refused}");

    // Another agent has its own.
    call(&agents, "Bearer other", "propose", &proposal()).await.unwrap().unwrap();
    let places: Vec<_> = (0..11).map(|_| agents.allowances.of("desk").unwrap()).collect();
    assert_eq!(searching(&agents).await.unwrap(), Err(429));
    drop(places);
    api.released.add_permits(5);
    for call in calls {
        call.await.unwrap().unwrap();
    }
    until(&agents, 0, 0).await;
}

#[tokio::test]
async fn another_spelling_of_a_token_is_no_other_agent() {
    let api = Api::new();
    let agents = api.agents();
    for spaces in 0..20 {
        let spelled = format!("Bearer {}desk", " ".repeat(spaces));
        let made = call(&agents, &spelled, "propose", &proposal()).await.unwrap().unwrap();
        assert_eq!(made["proposed"]["id"], ID, "{made}");
    }
    let refused = call(&agents, "Bearer                      desk", "propose", &proposal()).await.unwrap().unwrap();
    assert!(refused["refused"].as_str().unwrap().contains("20 proposals were made"), "{refused}");
    assert_eq!(api.submitted(), 20);
}

fn agent(api: &Api, time: Time) -> Agent {
    let client = Client::on_behalf_of(api.router(), &request("Bearer desk", "", &json!({})));
    Agent::new(client, "desk".to_owned(), Arc::new(Allowance::default()), None, time)
}

async fn propose(agent: &Agent) -> Result<Value, String> {
    let Value::Object(given) = proposal() else { unreachable!() };
    agent.0.in_turn(Name::Propose, given).await.map_err(|failure| failure.render())
}

#[tokio::test]
async fn what_is_stored_is_answered_with_its_id_also_if_it_cannot_be_looked_at() {
    let api = Api::new();
    // This API has no address for one remediation.
    let made = propose(&agent(&api, Time::Each(Duration::from_mins(1)))).await.unwrap();
    assert_eq!((&made["proposed"]["id"], api.submitted()), (&json!(ID), 1), "{made}");
    assert!(made["untrusted_mail_text"]["not_planned_yet"].is_string(), "{made}");
}

#[tokio::test]
async fn a_proposal_for_which_too_little_time_is_left_is_not_begun() {
    let api = Api::new();
    for (left, is_begun) in [(0, false), (39, false), (50, true)] {
        let end = Instant::now() + Duration::from_secs(left);
        let said = propose(&agent(&api, Time::Until { end, turn: Duration::from_mins(1) })).await;
        assert_eq!(said.is_ok(), is_begun, "{left}: {said:?}");
        assert!(is_begun || said.unwrap_err().contains("nothing was proposed"));
        assert_eq!(api.submitted(), usize::from(is_begun));
    }
}

#[test]
fn the_wait_for_the_turn_leaves_enough_time_for_a_proposal() {
    assert!(http::TURN_WITHIN + FOR_A_PROPOSAL + TO_ANSWER <= http::TIME_OUT);
    let until = |left| Time::Until { end: Instant::now() + left, turn: http::TURN_WITHIN };
    assert_eq!(until(http::TIME_OUT).for_the_turn(), http::TURN_WITHIN);
    assert!(until(Duration::from_secs(10)).for_the_turn() <= Duration::from_secs(10));
    // Without an end of its request, the time of a call begins with its turn.
    let each = Time::Each(http::TIME_OUT);
    assert_eq!(each.for_the_turn(), http::TIME_OUT);
    assert!(each.deadline().left() > http::TURN_WITHIN);
}
