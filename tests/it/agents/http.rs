//! Agents over HTTP: `clawback serve` answers them at `/mcp`, each as the principal of its own token.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use clawback_tests::binary::Clawback;
use clawback_tests::served::Served;
use serde_json::{Value, json};

use super::{Agent, MARKS, PAYLOADS, SENDER, TOOLS, Wire, assert_wrapped, files, sender, site};

/// An address with the headers of a client.
pub(super) struct Address {
    server: SocketAddr,
    path: String,
    headers: Vec<(String, String)>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Address {
    fn of(served: &Served, agent: &str) -> Self {
        let headers = [("Host", served.socket().to_string()), ("Content-Type", "application/json".to_owned())];
        let headers = headers.into_iter().chain([("Accept", "application/json, text/event-stream".to_owned())]);
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).collect();
        Self { server: served.socket(), path: format!("/mcp{agent}"), headers }
    }

    /// The same with a header, which replaces one of this name.
    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn token(self, token: &str) -> Self {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    pub(super) fn post(&self, body: &str) -> Answer {
        self.send("POST", body)
    }

    fn send(&self, method: &str, body: &str) -> Answer {
        // An answer of version 1.0 is not chunked, and ends with the connection.
        let mut request = format!("{method} {} HTTP/1.0\r\nContent-Length: {}\r\n", self.path, body.len());
        for (name, value) in &self.headers {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(self.server).unwrap();
        stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        // A server that refuses need not read all.
        let _ = stream.write_all(body.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method}: {answer}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }
}

/// The secret of a token.
fn token(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(format!("{name}.token"))).unwrap().trim().to_owned()
}

/// A service with this name that belongs to ann, and its token.
fn service(admin: &Clawback, folder: &Path, name: &str) -> String {
    admin.ok(&["principals", "add", name, "--service", "--owner", "ann", "--role", "analyst"]);
    let file = folder.join(format!("{name}.token")).display().to_string();
    admin.ok(&["principals", "token", name, "--output", &file]);
    token(folder, name)
}

fn hello() -> String {
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }).to_string()
}

#[test]
fn agents_over_http_act_as_themselves_and_hostile_mail_ends_as_pending_proposals() {
    let folder = tempfile::tempdir().unwrap();
    let admin = site(folder.path());
    let _ann = admin.add("ann", "analyst");
    let desk = service(&admin, folder.path(), "desk-service");
    let ann = token(folder.path(), "ann");
    let served = Served::start_with_log(&admin, "trace");
    let mailboxes = files(&folder.path().join("mail"));
    let over = |agent: &str, token: &str| Agent::over(Wire::Http(Address::of(&served, agent).token(token)));

    let mut agent = over("?agent=desk", &desk);
    let tools = agent.ask("tools/list", &json!({}))["result"]["tools"].clone();
    let names: Vec<_> = tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, TOOLS);
    let found = agent.ok("search", &json!({ "conditions": { "from": SENDER } }));
    assert_eq!((&found["counts"]["submitted"], &found["messages_shown"]), (&json!(50), &json!(50)), "{found}");
    assert!(MARKS.iter().all(|mark| found.to_string().contains(mark)), "they are shown, as data");
    assert_wrapped(&found);

    // Two at once, each with a token of its own and deceived by a few mails.
    let deceived = |agent: &str, token: &str| -> Vec<String> {
        let mut agent = over(agent, token);
        let proposed = PAYLOADS[..3].iter().map(|payload| {
            let asked = json!({ "playbook": "now", "inputs": sender(), "name": payload, "description": PAYLOADS[9] });
            let answer = agent.ok("propose", &asked);
            assert_wrapped(&answer);
            assert_eq!(answer["proposed"]["status"], "pending-approval", "{answer}");
            answer["proposed"]["id"].as_str().unwrap().to_owned()
        });
        let proposed = proposed.collect();
        let gone = json!({ "sender": SENDER, "action": "hard-delete" });
        let asked = json!({ "playbook": "now", "inputs": gone, "name": "x", "description": "x" });
        assert!(agent.refused("propose", &asked).contains("may not ask for `hard-delete`"));
        let answer = agent.ask("tools/call", &json!({ "name": "approve", "arguments": {} }));
        assert!(answer["error"]["message"].as_str().unwrap().contains("no such tool"), "{answer}");
        proposed
    };
    let (of_desk, of_ann) = std::thread::scope(|scope| {
        let one = scope.spawn(|| deceived("?agent=desk", &desk));
        let other = scope.spawn(|| deceived("", &ann));
        (one.join().unwrap(), other.join().unwrap())
    });
    for (ids, requester, by) in [
        (&of_desk, "desk-service", "agent desk on behalf of ann, by desk-service"),
        (&of_ann, "ann", "agent mcp-client on behalf of ann"),
    ] {
        for id in ids {
            let shown = admin.json(&["show", id]);
            let remediation = &shown["remediation"];
            assert_eq!(
                (&remediation["status"], &remediation["requested_by"]),
                (&json!("pending-approval"), &json!(requester))
            );
            let events = admin.json(&["show", id, "--events"])["items"].clone();
            assert_eq!(events[0]["actor"], requester);
            assert!(events[0]["detail"].as_str().unwrap().starts_with(&format!("by {by}; ")), "{events}");
        }
    }
    let explained = agent.ok("explain", &json!({ "id": of_ann[0] }));
    assert_wrapped(&explained);
    assert_eq!(
        agent.ok("status", &json!({ "status": ["pending-approval"] }))["remediations"].as_array().unwrap().len(),
        6
    );
    assert_eq!(agent.ok("verify", &json!({}))["holds"], true);
    assert_eq!(files(&folder.path().join("mail")), mailboxes, "nothing was moved");
    let log = served.log();
    assert!(log.contains("TRACE"), "the log is not detailed");
    assert!(!log.contains(&desk) && !log.contains(&ann), "the log has a token");
}

#[test]
fn a_request_without_a_good_token_or_from_elsewhere_reaches_no_tool() {
    let folder = tempfile::tempdir().unwrap();
    let admin = site(folder.path());
    let (_ann, _vic) = (admin.add("ann", "analyst"), admin.add("vic", "viewer"));
    let (ann, vic) = (token(folder.path(), "ann"), token(folder.path(), "vic"));
    let served = Served::start(&admin, &[]);
    let at = || Address::of(&served, "");
    let known = || at().token(&ann);
    assert_eq!(known().post(&hello()).status, 200);
    assert_eq!(known().with("Origin", served.url()).post(&hello()).status, 200, "a page of this site");

    for (refused, status, code) in [
        (at(), 401, "signed-out"),
        (at().with("Cookie", "clawback=a.b"), 401, "signed-out"),
        (at().token("cbk_forged"), 401, "unauthenticated"),
        (at().token(""), 401, "unauthenticated"),
        (at().with("Authorization", &format!("Basic {ann}")), 401, "unauthenticated"),
        (known().with("Origin", "https://evil.example"), 403, "cross-site"),
        (known().with("Origin", "null"), 403, "cross-site"),
        (known().with("Sec-Fetch-Site", "cross-site"), 403, "cross-site"),
        // A name of another site that leads here.
        (known().with("Host", "evil.example"), 421, "host"),
        (known().with("Host", "evil.example").with("Origin", "http://evil.example"), 421, "host"),
    ] {
        for method in ["POST", "GET", "DELETE"] {
            let answer = refused.send(method, &hello());
            assert_eq!(answer.status, status, "{method} {code}: {}", answer.body);
            assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap()["code"], code);
            assert_eq!(answer.head.contains("www-authenticate: bearer"), status == 401, "{}", answer.head);
        }
    }
    let large =
        format!("{{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"ping\", \"x\": \"{}\"}}", "a".repeat(3 << 20));
    assert_eq!(known().post(&large).status, 413);
    assert_eq!(Address::of(&served, "?token=x").token(&ann).post(&hello()).status, 400, "an address has no token");
    assert_eq!(known().with("Accept", "text/event-stream").send("GET", "").status, 405, "there are no sessions");
    assert_eq!(known().send("DELETE", "").status, 405);
    let batch = format!("[{}]", hello());
    assert!((400..500).contains(&known().post(&batch).status));

    // A person may speak for themselves, as on standard input; their roles hold.
    let mut agent = Agent::over(Wire::Http(at().token(&vic)));
    assert_eq!(agent.ok("status", &json!({}))["remediations"], json!([]));
    let said = agent.refused("search", &json!({ "conditions": { "from": SENDER } }));
    assert!(said.contains("vic"), "{said}");
    let mut agent = Agent::over(Wire::Http(Address::of(&served, "?agent=a%2Fb").token(&ann)));
    let asked = json!({ "playbook": "now", "inputs": sender(), "name": "x", "description": "x" });
    assert!(agent.refused("propose", &asked).contains("a/b"), "the name of an agent is checked");

    let token = token(folder.path(), "admin");
    let mut refusals = Address::of(&served, "").token(&token);
    refusals.path = "/api/v1/refusals".to_owned();
    let seen = refusals.send("GET", "").body;
    for reason in ["sign in, or send a token", "the token is unknown", "from another site", "it needs the role analyst"]
    {
        assert!(seen.contains(reason), "`{reason}` is not among the refusals: {seen}");
    }
    assert!(seen.contains("POST /mcp"), "{seen}");
}

#[test]
fn the_proposals_of_an_agent_are_counted_however_its_token_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let admin = site(folder.path());
    let _ann = admin.add("ann", "analyst");
    let ann = token(folder.path(), "ann");
    let served = Served::start(&admin, &[]);
    // A playbook that is not there is refused after it was counted.
    let asked = json!({ "playbook": "none", "inputs": sender(), "name": "x", "description": "x" });
    let spelled =
        |spaces| Address::of(&served, "").with("Authorization", &format!("Bearer {}{ann}", " ".repeat(spaces)));
    for spaces in 0..20 {
        let said = Agent::over(Wire::Http(spelled(spaces))).refused("propose", &asked);
        assert!(said.contains("none"), "{said}");
    }
    let said = Agent::over(Wire::Http(spelled(20))).refused("propose", &asked);
    assert!(said.contains("20 proposals were made"), "{said}");
}
