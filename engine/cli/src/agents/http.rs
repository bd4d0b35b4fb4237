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
use clawback_action_center::{Center, LARGEST_MESSAGE};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;

use super::Agent;
use super::allowance::Allowances;
use crate::args::AN_AGENT;
use crate::client::Client;

/// Largest body: a message in base64, and the JSON around it.
const LARGEST_BODY: usize = LARGEST_MESSAGE / 3 * 4 + (64 << 10);
/// Time-out of a call; the Action Center gives up on a request a little later.
const TIME_OUT: Duration = Duration::from_secs(110);

/// The agents that a node serves.
struct Agents {
    /// The API, through all its layers.
    router: Router,
    allowances: Allowances,
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
    async fn answer(&self, mut request: Request) -> Response {
        let Ok(Query(asked)) = Query::<Asked>::try_from_uri(request.uri()) else {
            return refused(StatusCode::BAD_REQUEST, "the address takes `?agent=NAME` and nothing else");
        };
        let Some(token) = request.headers().get(AUTHORIZATION) else {
            return refused(StatusCode::UNAUTHORIZED, "send a token: `authorization: Bearer cbk_…`");
        };
        let Some(allowance) = self.allowances.of(token.as_bytes()) else {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "too many agents are at work; try again later");
        };
        let client = Client::on_behalf_of(self.router.clone(), &request);
        // What reads the request further needs no credential, and can log none.
        request.headers_mut().remove(AUTHORIZATION);
        request.headers_mut().remove(COOKIE);
        let agent = Agent::new(client, asked.agent.unwrap_or_else(|| AN_AGENT.to_owned()), allowance, TIME_OUT);
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
