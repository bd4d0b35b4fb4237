//! Logins by tokens that a token server issues for each mailbox, at a real Dovecot.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use clawback_connectors::{CallError, MailStore, SandboxLimits, Which};
use clawback_model::Query;
use clawback_tests::dovecot::{self, Dovecot};
use data_encoding::BASE64URL_NOPAD;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::conformance::secret;
use super::{config, host};

const NEVER: u64 = 4_000_000_000;

/// A token server: for which subjects it was asked, and Dovecot's tokens.
#[derive(Clone)]
struct Login {
    asked: Arc<Mutex<Vec<String>>>,
    server: Arc<Dovecot>,
}

impl Login {
    async fn start(server: Arc<Dovecot>) -> (Self, u16) {
        let login = Self { asked: Arc::default(), server };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().route("/token", post(issue)).with_state(login.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (login, port)
    }

    /// How often a token for this subject was requested.
    fn asked(&self, subject: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == subject).count()
    }
}

/// Issues a token for the subject of the assertion. The first one for user 2 has expired, those for user 3 are for
/// user 1, and user 4 has no account.
async fn issue(State(login): State<Login>, form: Bytes) -> (StatusCode, Json<Value>) {
    let form = String::from_utf8(form.to_vec()).unwrap();
    let assertion = form.split('&').find_map(|field| field.strip_prefix("assertion=")).unwrap();
    let claims = BASE64URL_NOPAD.decode(assertion.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let subject = claims["sub"].as_str().unwrap().to_owned();
    login.asked.lock().unwrap().push(subject.clone());
    let is_first = login.asked(&subject) == 1;
    let token = match subject {
        _ if subject == dovecot::user(4) => {
            let unknown = json!({ "error": "invalid_grant", "error_description": "Invalid email or User ID" });
            return (StatusCode::BAD_REQUEST, Json(unknown));
        }
        _ if subject == dovecot::user(3) => login.server.access_token(&dovecot::user(1), NEVER),
        _ if subject == dovecot::user(2) && is_first => login.server.access_token(&subject, 1),
        _ => login.server.access_token(&subject, NEVER),
    };
    (StatusCode::OK, Json(json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3_600 })))
}

async fn store(folder: &Path, mail: u16, login: u16) -> Arc<dyn MailStore> {
    let key = std::process::Command::new("openssl").args(["genrsa", "2048"]).output().unwrap();
    let account = json!({
        "client_email": "clawback@project.example",
        "private_key": String::from_utf8(key.stdout).unwrap(),
        "token_uri": format!("http://localhost:{login}/token"),
    });
    let account = secret(folder, &account.to_string());
    let mailboxes: Vec<_> = (1..=4).map(dovecot::user).collect();
    let text = format!(
        "connector = \"imap\"\nmailboxes = {mailboxes:?}\n[server]\nhost = \"127.0.0.1\"\nport = {mail}\ntls = \"none\"\n\
         [auth]\nkind = \"xoauth2\"\n[token]\nkind = \"service-account\"\nkey-file = {account:?}\nscope = \"mail\"\n\
         allow-private-network = true\n[limits]\nidle-connections = 0"
    );
    host(SandboxLimits::default()).load("corp", &config(&text)).await.unwrap()
}

#[tokio::test]
async fn each_mailbox_logs_in_by_its_own_token() {
    let server = Arc::new(Dovecot::start(&dovecot::Options { users: 4, ..dovecot::Options::default() }));
    let (login, port) = Login::start(Arc::clone(&server)).await;
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), server.plain().port(), port).await;
    let [ann, ben, cid, gone] = [1, 2, 3, 4].map(dovecot::user);
    let search = async |mailbox: &str| store.search(&mailbox.into(), &Query::default(), None, 1).await.map(drop);

    let looked = join_all((0..20).map(|_| search(&ann))).await;
    assert!(looked.iter().all(Result::is_ok), "{looked:?}\n{}", server.log());
    assert_eq!(login.asked(&ann), 1, "twenty logins at once need one token");

    assert_eq!(search(&ben).await, Ok(()), "{}", server.log());
    assert_eq!(login.asked(&ben), 2, "the token that had expired was replaced");

    let refused = search(&cid).await.unwrap_err();
    assert!(matches!(refused, CallError::Denied { .. }), "the token of another: {refused}");
    assert_eq!(login.asked(&cid), 2);

    let unknown = search(&gone).await.unwrap_err();
    assert!(matches!(&unknown, CallError::NotFound { mailbox, .. } if *mailbox == gone), "{unknown}");
    for error in [refused, unknown] {
        assert!(!error.to_string().contains("eyJ"), "no error contains a token: {error}");
    }
}

#[tokio::test]
async fn a_check_names_the_mailbox_without_a_token() {
    let server = Arc::new(Dovecot::start(&dovecot::Options { users: 4, ..dovecot::Options::default() }));
    let (_login, port) = Login::start(Arc::clone(&server)).await;
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), server.plain().port(), port).await;
    let survey = clawback_connectors::survey(&*store, &Which::All).await.unwrap();
    assert_eq!(survey.credentials, [], "the store has no token for all mailboxes");
    let problems: Vec<_> = survey.visits.iter().map(|visit| visit.credentials[0].problem.as_deref()).collect();
    assert_eq!(problems[..3], [None, None, None], "a token was issued, whatever the server says about it");
    let said = problems[3].unwrap();
    assert!(said.contains("the login by token") && said.contains("invalid_grant"), "{said}");
    let opened: Vec<_> = survey.visits.iter().map(|visit| visit.seen.is_ok()).collect();
    assert_eq!(opened, [true, true, false, false]);
}

#[tokio::test]
async fn a_table_of_tokens_that_no_login_uses_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let token = secret(folder.path(), "t0ken");
    let by_token = format!("[token]\nkind = \"bearer\"\ntoken-file = {token:?}");
    let server = "connector = \"imap\"\nmailboxes = [\"a\"]\n[server]\nhost = \"127.0.0.1\"\n";
    for (rest, said) in [
        (format!("[auth]\nkind = \"plain\"\nuser = \"a\"\npassword-file = {token:?}\n{by_token}"), "no login uses it"),
        (format!("[auth]\nkind = \"xoauth2\"\ntoken-file = {token:?}\n{by_token}"), "given beside another token"),
        (
            format!("[auth]\nkind = \"xoauth2\"\n[token]\nkind = \"basic\"\nuser = \"a\"\npassword-file = {token:?}"),
            "is no token",
        ),
    ] {
        let loaded = host(SandboxLimits::default()).load("corp", &config(&format!("{server}{rest}"))).await;
        let refused = loaded.err().unwrap().to_string();
        assert!(refused.contains("`token") && refused.contains(said), "{refused}");
    }
}
