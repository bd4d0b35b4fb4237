//! `/metrics` and `/healthz` of a worker, over plain HTTP: numbers only, nothing that names a person or a message.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use clawback_action_center::Bounds;
use clawback_runtime::Site;
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::output;

/// How long an answer waits for the database.
const QUERY_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections at once.
const CONNECTIONS: usize = 32;
/// The format of [`clawback_runtime::Metrics::exposition`].
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Ends when it is dropped.
pub(crate) struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens at `address`; port 0 takes a free one, and the note says which.
pub(crate) async fn serve(address: SocketAddr, site: Arc<Site>) -> Result<Serving, Failure> {
    let refused = |error: std::io::Error| {
        Failure::misuse(format!("--metrics {address}: {error}")).hint("choose another address or port")
    };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(refused)?;
    output::note(&format!("metrics at http://{}/metrics", listener.local_addr()?));
    let router = Router::new().route("/metrics", get(metrics)).route("/healthz", get(health)).with_state(site);
    let ever = std::future::pending();
    Ok(Serving(tokio::spawn(clawback_action_center::serve(listener, router, Bounds::of(CONNECTIONS), ever))))
}

/// The gauges of the site are read at each request. While the database does not answer, only those of this node are returned.
async fn metrics(State(site): State<Arc<Site>>) -> impl IntoResponse {
    let now = site.now();
    match tokio::time::timeout(QUERY_TIMEOUT, site.history.queue(now)).await {
        Ok(Ok(queue)) => site.metrics.site(&queue, now),
        Ok(Err(error)) => tracing::warn!(%error, "Queue not read for metrics."),
        Err(_) => tracing::warn!("Queue not read for metrics in time."),
    }
    ([(header::CONTENT_TYPE, OPEN_METRICS)], site.metrics.exposition())
}

/// Whether this node can work: it runs, and its database answers. A halted site is healthy.
async fn health(State(site): State<Arc<Site>>) -> impl IntoResponse {
    match tokio::time::timeout(QUERY_TIMEOUT, site.history.halted()).await {
        Ok(Ok(None)) => (StatusCode::OK, "ok\n"),
        Ok(Ok(Some(_))) => (StatusCode::OK, "ok, halted\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
