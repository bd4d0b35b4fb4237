//! What a hunt costs, beside a plain script that makes the same requests.

use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use clawback_connectors::SandboxLimits;
use clawback_model::Query;
use clawback_tests::graph::{CLIENT, Graph, Options, SECRET};
use futures::stream::{self, StreamExt as _};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::super::{config, host};
use super::{ANN, MONDAY, mail, search, start, table};

/// Mailboxes that are asked at once.
const AT_ONCE: usize = 16;

async fn send(request: Request<Body>) -> Value {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let response = client.request(request).await.unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    let body = to_bytes(Body::new(response.into_body()), 1 << 24).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// Asks every mailbox for messages of the sender, and for the folder of those that it has.
async fn plainly(graph: &Graph, users: &[String]) -> usize {
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT}&client_secret={}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
        SECRET.replace(' ', "+").replace(',', "%2C")
    );
    let token = send(Request::post(graph.token_url()).body(Body::from(form)).unwrap()).await;
    let token = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let get = async |path: String| {
        let request = Request::get(format!("{}/v1.0/users/{path}", graph.url()));
        let request = request.header(header::AUTHORIZATION, &token).header("prefer", "IdType=\"ImmutableId\"");
        send(request.body(Body::empty()).unwrap()).await
    };
    let filter =
        "%24filter=from/emailAddress/address%20eq%20'parcels%40bulk.example'&%24select=id,subject,parentFolderId";
    let ask = async |user: &String| {
        let found = get(format!("{user}/messages?{filter}&%24top=1000")).await;
        let found = found["value"].as_array().unwrap().clone();
        if let Some(one) = found.first() {
            get(format!("{user}/mailFolders/{}", one["parentFolderId"].as_str().unwrap())).await;
        }
        found.len()
    };
    stream::iter(users).map(ask).buffer_unordered(AT_ONCE).fold(0, async |all, found| all + found).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hunt_costs_little_more_than_a_plain_script() {
    let users: Vec<String> = (0..1_000).map(|number| format!("u{number:04}@acme.test")).collect();
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    let (graph, store, _folder) = start(Options::default(), &names).await;
    let other = mail(0, "Hello").replace("parcels@bulk.example", "friend@acme.test");
    for (number, user) in users.iter().enumerate() {
        for _ in 0..10 {
            graph.deliver(user, "inbox", other.as_bytes(), MONDAY);
        }
        if number.is_multiple_of(50) {
            graph.deliver(user, "inbox", mail(number, "Your parcel").as_bytes(), MONDAY);
        }
    }
    graph.counts();
    let began = Instant::now();
    assert_eq!(plainly(&graph, &users).await, 20);
    let (plain, plainly) = (graph.counts(), began.elapsed());
    let query = Query { from_address: vec!["parcels@bulk.example".into()], ..Query::default() };
    let began = Instant::now();
    let ask = async |user: &String| search(&*store, user, &query, 1_000).await.len();
    let found = stream::iter(&users).map(ask).buffer_unordered(AT_ONCE).fold(0, async |all, found| all + found).await;
    let (ours, took) = (graph.counts(), began.elapsed());
    assert_eq!(found, 20);
    println!("plain: {plain:?} in {plainly:?}\nclawback: {ours:?} in {took:?}");
    let is_near = |ours: usize, plain: usize| ours * 10 <= plain * 13;
    assert!(is_near(ours.requests, plain.requests) && is_near(ours.units, plain.units), "{ours:?} beside {plain:?}");
    graph.check();
}

#[tokio::test]
async fn memory_is_flat_over_a_large_mailbox() {
    let (graph, _store, folder) = start(Options::default(), &[ANN]).await;
    for number in 0..20_000 {
        graph.deliver(
            ANN,
            "inbox",
            mail(number, "Your parcel").as_bytes(),
            MONDAY + i64::try_from(number).unwrap() * 10_000,
        );
    }
    let text = table(&graph, folder.path(), "limits = { memory-mib = 24 }");
    let store = host(SandboxLimits::default()).load("cloud", &config(&text)).await.unwrap();
    let nothing = Query { subject_contains: vec!["nothing has this".into()], ..Query::default() };
    assert!(search(&*store, ANN, &nothing, 1_000).await.is_empty());
    let found = search(&*store, ANN, &Query::default(), 1_000).await;
    assert_eq!(found.len(), 20_000);
}
