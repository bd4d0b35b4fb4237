//! Slow clients, over sockets: the server does not wait beyond its limits, and a slow client does not delay the
//! shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clawback_action_center::{Bounds, Center, Settings, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};

use super::desk;

/// The server's limits in these tests.
const SOON: Duration = Duration::from_millis(200);

async fn send(server: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Reads until the server closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn late_requests_are_not_waited_for() {
    let desk = desk().await;
    let bounds = Bounds { head: SOON, body: SOON, ..Bounds::of(16) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let center = Center::new(desk.center.api.clone(), Settings::default());
    let serving = tokio::spawn(async move { center.serve(listener, bounds, None, std::future::pending()).await });
    for begins in ["", "GET /sign-in HTTP/1.1\r\nHost: loc"] {
        let answer = rest(send(server, begins).await).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "`{begins}`: {answer}");
    }
    // A connection that was used and is then idle.
    let answer = rest(send(server, "GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n").await).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let head = "Host: localhost\r\nContent-Length: 1000\r\nContent-Type:";
    for (request, status) in [
        (format!("POST /sign-in HTTP/1.1\r\n{head} application/x-www-form-urlencoded\r\n\r\nname=a"), 400),
        (
            format!(
                "POST /api/v1/previews HTTP/1.1\r\nAuthorization: Bearer {}\r\n{head} application/json\r\n\r\n{{",
                desk.ann
            ),
            400,
        ),
        (
            format!(
                "POST /api/v1/remediations HTTP/1.1\r\nIdempotency-Key: k\r\nAuthorization: Bearer {}\r\n{head} application/json\r\n\r\n{{",
                desk.ann
            ),
            408,
        ),
    ] {
        let answer = rest(send(server, &request).await).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    }
    serving.abort();
}

#[tokio::test]
async fn idle_connections_do_not_delay_the_shutdown() {
    let (begun, mut begins) = mpsc::unbounded_channel();
    let go = Arc::new(Notify::new());
    let goes = Arc::clone(&go);
    let asked = async move || {
        begun.send(()).unwrap();
        goes.notified().await;
        "the answer"
    };
    let router = Router::new().route("/asked", get(asked)).route("/", get(async || "here"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, told) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, router, Bounds::of(16), async { drop(told.await) }));

    let idle = send(address, "").await;
    let half = send(address, "GET / HTTP/1.1\r\nHost: loc").await;
    let mut kept = send(address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(kept.read(&mut [0; 64]).await.unwrap() > 0);
    let waits = send(address, "GET /asked HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    begins.recv().await.unwrap();
    drop(stop);
    for stream in [idle, half, kept] {
        rest(stream).await;
    }
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
    assert!(!server.is_finished(), "a request is under way");
    go.notify_one();
    let answer = rest(waits).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("the answer"), "{answer}");
    server.await.unwrap();
}
