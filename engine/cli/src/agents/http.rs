//! The Model Context Protocol over HTTP (its transport `streamable HTTP`), as an address of `clawback serve`. The layers
//! of the Action Center authenticate each request before. There are no sessions: each request is answered on its own, by
//! any node.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any};
use clawback_action_center::json::MeJson;
use clawback_action_center::{Center, LARGEST_MESSAGE};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;
use tokio::time::Instant;

use super::Agent;
use super::allowance::{Allowances, Full};
use super::deadline::Time;
use crate::args::AN_AGENT;
use crate::client::Client;

/// Largest body: a message in base64, and the JSON around it.
const LARGEST_BODY: usize = LARGEST_MESSAGE / 3 * 4 + (64 << 10);
/// Time-out of a call; the Action Center gives up on a request a little later.
pub(super) const TIME_OUT: Duration = Duration::from_secs(110);
/// The part of it in which a call gets its turn; what is left is enough for a proposal.
pub(super) const TURN_WITHIN: Duration = Duration::from_mins(1);

/// The agents that a node serves.
pub(super) struct Agents {
    /// The API, through all its layers.
    pub(super) router: Router,
    pub(super) allowances: Allowances,
}

/// The query of the address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Name of the agent.
    agent: Option<String>,
}

/// The address of agents, whose tools are requests to this Action Center.
pub(crate) fn service(center: &Center) -> MethodRouter {
    let agents = Arc::new(Agents { router: center.router(), allowances: Allowances::default() });
    any(move |request: Request| {
        let agents = Arc::clone(&agents);
        async move { agents.answer(request).await }
    })
}

impl Agents {
    pub(super) async fn answer(&self, mut request: Request) -> Response {
        let end = Instant::now() + TIME_OUT;
        let Ok(Query(asked)) = Query::<Asked>::try_from_uri(request.uri()) else {
            return refused(StatusCode::BAD_REQUEST, "the address takes `?agent=NAME` and nothing else");
        };
        if !request.headers().contains_key(AUTHORIZATION) {
            return refused(StatusCode::UNAUTHORIZED, "send a token: `authorization: Bearer cbk_…`");
        }
        let client = Client::on_behalf_of(self.router.clone(), &request);
        // A token can be written in several ways, and a principal can have several.
        let Ok(MeJson { name: principal, .. }) = client.get(&["me"], &[]).await else {
            return refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "the owner of the token is not known now; try again later",
            );
        };
        // Before the body is read.
        let (allowance, places) = match self.allowances.of(&principal) {
            Ok((allowance, places)) => (allowance, Arc::new(places)),
            Err(Full::Own) => {
                let said = "an agent has one call at a time; send the next once the others are answered";
                return refused(StatusCode::TOO_MANY_REQUESTS, said);
            }
            Err(Full::All) => {
                return refused(StatusCode::SERVICE_UNAVAILABLE, "too many agents are at work; try again later");
            }
        };
        // What reads the request further needs no credential, and can log none.
        request.headers_mut().remove(AUTHORIZATION);
        request.headers_mut().remove(COOKIE);
        let name = asked.agent.unwrap_or_else(|| AN_AGENT.to_owned());
        let time = Time::Until { end, turn: TURN_WITHIN };
        let agent = Agent::new(client, name, allowance, Some(Arc::downgrade(&places)), time);
        // `access` of the Action Center has checked Host and Origin.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(LARGEST_BODY);
        let service =
            StreamableHttpService::new(move || Ok(agent.clone()), Arc::new(NeverSessionManager::default()), config);
        service.handle(request).await.map(Body::new)
    }
}

fn refused(status: StatusCode, said: &'static str) -> Response {
    (status, said).into_response()
}
