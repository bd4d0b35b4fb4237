//! Hunts by sender over many JMAP accounts, each with a token of its own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use clawback_connectors::MailStore;
use clawback_model::Query;
use clawback_tests::contract::search;
use clawback_tests::cyrus::Cyrus;
use clawback_tests::jmap_proxy::{JmapProxy, Manners};
use futures::stream::{self, StreamExt as _};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::{load, raw};

/// The limit of the time beside the script.
const GOAL: f64 = 1.3;
/// Requests at once: what the manifest of the connector allows.
const AT_ONCE: usize = 4;
const EVIL: &str = "evil@phish.example";
const RECEIVED: i64 = 1_795_000_000;

/// The script: session, to which the server redirects, then one request for folders, messages and senders, then the header of hits.
struct Script {
    client: Client<HttpConnector, Body>,
    /// Of each mailbox. Signing them is no part of the times; the connector signs its own.
    tokens: Vec<(String, String)>,
}

impl Script {
    async fn send(&self, request: axum::http::request::Builder, body: Body) -> Value {
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
        let answer = self.client.request(request).await.unwrap();
        if answer.status().is_redirection() {
            return Value::Null;
        }
        assert!(answer.status().is_success(), "{}", answer.status());
        serde_json::from_slice(&to_bytes(Body::new(answer.into_body()), 1 << 24).await.unwrap()).unwrap()
    }

    async fn mailbox(&self, server: SocketAddr, token: &str) -> usize {
        let authorized =
            |request: axum::http::request::Builder| request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let get = async |path: &str| {
            self.send(authorized(Request::get(format!("http://{server}{path}"))), Body::empty()).await
        };
        let session = match get("/.well-known/jmap").await {
            Value::Null => get("/jmap/").await,
            session => session,
        };
        let account = &session["primaryAccounts"]["urn:ietf:params:jmap:mail"];
        let post = async |calls: Value| {
            let using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"];
            let body = json!({ "using": using, "methodCalls": calls }).to_string();
            self.send(authorized(Request::post(format!("http://{server}/jmap/"))), Body::from(body)).await
        };
        let ids = json!({ "resultOf": "1", "name": "Email/query", "path": "/ids" });
        let known = ["id", "blobId", "mailboxIds", "keywords", "size", "receivedAt"];
        let properties: Vec<&str> = known.into_iter().chain(["header:From:all"]).collect();
        let found = post(json!([
            ["Mailbox/get", { "accountId": account, "ids": null }, "0"],
            ["Email/query", {
                "accountId": account, "sort": [{ "property": "receivedAt", "isAscending": false }], "limit": 500,
            }, "1"],
            ["Email/get", { "accountId": account, "#ids": ids, "properties": properties }, "2"],
        ]))
        .await;
        let list = found["methodResponses"][2][1]["list"].as_array().unwrap();
        let is_hit = |email: &&Value| email["header:From:all"].to_string().contains(EVIL);
        let hits: Vec<&Value> = list.iter().filter(is_hit).map(|email| &email["id"]).collect();
        if !hits.is_empty() {
            let properties: Vec<&str> = known.into_iter().chain(["headers"]).collect();
            post(json!([["Email/get", { "accountId": account, "ids": hits, "properties": properties }, "0"]])).await;
        }
        hits.len()
    }

    async fn hunt(&self, server: SocketAddr) -> usize {
        let hunt = stream::iter(&self.tokens).map(|(_, token)| self.mailbox(server, token));
        hunt.buffer_unordered(AT_ONCE).fold(0, async |all, found| all + found).await
    }
}

async fn hunt(store: &dyn MailStore, mailboxes: &[(String, String)]) -> usize {
    let query = Query { from_address: vec![EVIL.to_owned()], ..Query::default() };
    let ask =
        async |(mailbox, _): &(String, String)| search(store, &mailbox.as_str().into(), &query, 1_000).await.len();
    stream::iter(mailboxes).map(ask).buffer_unordered(AT_ONCE).fold(0, async |all, found| all + found).await
}

fn config(server: &Cyrus, address: SocketAddr) -> String {
    let names: Vec<String> = server.access().mailboxes;
    format!(
        "connector = \"jmap\"\nmailboxes = {names:?}\n[endpoints.api]\nurl = \"http://{address}\"\n\
         allow-private-network = true\n[endpoints.api.auth]\nkind = \"jwt\"\nkey-file = \"{}\"\n",
        server.token_key().display()
    )
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

/// Returns whether the goal was met.
pub(super) async fn run(mailboxes: usize, rounds: usize) -> bool {
    let server = Cyrus::with_jmap(mailboxes);
    let mut hits = 0;
    for (number, name) in server.access().mailboxes.iter().enumerate() {
        let mut mails: Vec<Vec<u8>> = (0..20).map(|copy| raw(number * 100 + copy, "friend@acme.test")).collect();
        if number % 10 == 0 {
            mails.push(raw(number * 100 + 99, EVIL));
            hits += 1;
        }
        let mails: Vec<&[u8]> = mails.iter().map(Vec::as_slice).collect();
        server.access().session(name).append_all("INBOX", &mails, RECEIVED);
    }
    let tokens = server.access().mailboxes.iter().map(|name| (name.clone(), server.token(name))).collect();
    let script = Script { client: Client::builder(TokioExecutor::new()).build_http(), tokens };

    // Counted behind a proxy, and timed without it.
    let proxy = JmapProxy::start(server.http(), Manners::default(), 1).await;
    assert_eq!(script.hunt(proxy.address()).await, hits);
    let plain = proxy.seen().requests;
    let counted = load(&config(&server, proxy.address())).await;
    assert_eq!(hunt(&*counted, &script.tokens).await, hits);
    let first = proxy.seen().requests - plain;
    assert_eq!(hunt(&*counted, &script.tokens).await, hits);
    let second = proxy.seen().requests - plain - first;

    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let store = load(&config(&server, server.http())).await;
        let began = Instant::now();
        assert_eq!(script.hunt(server.http()).await, hits);
        times[0].push(began.elapsed());
        for times in &mut times[1..] {
            let began = Instant::now();
            assert_eq!(hunt(&*store, &script.tokens).await, hits);
            times.push(began.elapsed());
        }
    }
    let [plainly, fresh, known] = times.map(|mut times| median(&mut times));
    println!("{mailboxes} accounts, {hits} hits, {AT_ONCE} at once, median of {rounds}");
    println!("{:<34} {:>9} {:>12} {:>7}", "way", "requests", "ms/account", "ratio");
    for (way, requests, seconds) in
        [("script", plain, plainly), ("clawback", first, fresh), ("clawback, sessions known", second, known)]
    {
        println!("{way:<34} {requests:>9} {:>12.2} {:>7.2}", seconds * 1_000.0 / mailboxes as f64, seconds / plainly);
    }
    fresh <= plainly * GOAL
}
