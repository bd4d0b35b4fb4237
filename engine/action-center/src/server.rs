//! HTTP on a listener, with limits: connections in total and per address, the time in which a client must send a
//! request and take its answer, and the memory of each connection.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::connections::{Connections, Slot};
use crate::slow::{Answered, InTime, Unstalled};

/// Bytes that are buffered for a connection, in either direction; the head of a request must fit.
const BUFFER: usize = 32 << 10;
/// Wait after an error that a connection did not cause, such as a full table of descriptors.
const AFTER_ERROR: Duration = Duration::from_millis(50);

/// The limits of a server.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once of one address: an IPv4 address, or the first 64 bits of an IPv6 address.
    pub by_address: usize,
    /// Addresses without a limit of their own: proxies.
    pub proxies: Vec<IpAddr>,
    /// The time limit for the head of a request, and for a connection without one.
    pub head: Duration,
    /// The time limit for the body of a request.
    pub body: Duration,
    /// A client that takes no byte of its answer for this time is disconnected.
    pub stall: Duration,
}

impl Bounds {
    /// Limits with this many connections, half of them for one address, and half a minute for each part of a request.
    pub fn of(connections: usize) -> Self {
        let patience = Duration::from_secs(30);
        let by_address = (connections / 2).max(1);
        Self { connections, by_address, proxies: Vec::new(), head: patience, body: patience, stall: patience }
    }

    /// The descriptors that connections take at most: those that are closing hold theirs for a moment longer, an eighth
    /// more.
    fn descriptors(&self) -> usize {
        self.connections + self.connections / 8 + 1
    }
}

/// Serves until `stop` completes. Then requests under way are answered, and all other connections are closed at once.
///
/// At the limit, a new connection takes the place of another: a stranger's before that of a known caller, and the one
/// that was quiet longest. An error of one connection, or a passing one, ends nothing else.
pub async fn serve(listener: TcpListener, router: Router, bounds: Bounds, stop: impl Future<Output = ()>) {
    let server = Arc::new(Server::new(router, bounds));
    let (stopping, stopped) = watch::channel(false);
    let accepting = async {
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "A connection was not accepted.");
                    tokio::time::sleep(AFTER_ERROR).await;
                    continue;
                }
            };
            if let Some(place) = server.place(peer.ip()).await {
                // From here on it can be closed to make room for the next, whether or not its task has begun.
                let slot = server.connections.add(peer.ip());
                tokio::spawn(Arc::clone(&server).connection(stream, peer, slot, place, stopped.clone()));
            }
        }
    };
    tokio::select! {
        () = stop => {}
        () = accepting => {}
    }
    drop(listener);
    stopping.send_replace(true);
    let all = u32::try_from(server.bounds.descriptors()).unwrap_or(u32::MAX);
    drop(server.places.acquire_many(all).await);
}

struct Server {
    bounds: Bounds,
    http: http1::Builder,
    router: TowerToHyperService<Router>,
    places: Arc<Semaphore>,
    connections: Arc<Connections>,
}

impl Server {
    fn new(router: Router, bounds: Bounds) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(bounds.head).max_buf_size(BUFFER);
        Self {
            places: Arc::new(Semaphore::new(bounds.descriptors())),
            connections: Arc::default(),
            router: TowerToHyperService::new(router),
            http,
            bounds,
        }
    }

    /// A place for a connection from this address; `None` if all places are taken by requests that are under way.
    async fn place(&self, peer: IpAddr) -> Option<OwnedSemaphorePermit> {
        let is_proxy = self.bounds.proxies.contains(&peer.to_canonical());
        if !is_proxy && self.connections.of(peer) >= self.bounds.by_address && !self.connections.close_one(Some(peer)) {
            return None;
        }
        if self.connections.open() >= self.bounds.connections && !self.connections.close_one(None) {
            return None;
        }
        // Waits only if very many are closing: each holds its descriptor until its task has run.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        slot: Slot,
        _place: OwnedSemaphorePermit,
        mut stopping: watch::Receiver<bool>,
    ) {
        // A small answer need not wait for the next.
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(Unstalled::new(stream, self.bounds.stall));
        let service = service_fn(|request| self.answer(request, peer, slot.clone()));
        let mut connection = std::pin::pin!(self.http.serve_connection(io, service));
        let mut is_ending = false;
        loop {
            tokio::select! {
                // An error here is the client's: it left, was late, or spoke no HTTP.
                _ = connection.as_mut() => return,
                () = slot.close_requested() => return,
                _ = stopping.wait_for(|stop| *stop), if !is_ending => {
                    if !slot.has_requests() {
                        return;
                    }
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    /// Answers a request, with the peer's address and the slot of its connection as extensions.
    fn answer(
        &self,
        request: hyper::Request<Incoming>,
        peer: SocketAddr,
        slot: Slot,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        let under_way = slot.begin();
        let mut request: Request = request.map(|body| Body::new(InTime::new(body, self.bounds.body)));
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(slot);
        let answer = self.router.call(request);
        async move { Ok(answer.await?.map(|body| Body::new(Answered::new(body, under_way)))) }
    }
}
