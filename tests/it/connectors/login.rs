//! The start of an IMAP session against servers that behave oddly, and against a real one.

use std::sync::{Arc, Mutex};

use clawback_connectors::{CallError, MailStore, SandboxLimits};
use clawback_model::Query;
use clawback_tests::dovecot::{self, Dovecot};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::conformance::secret;
use super::{config, host};

/// A server with scripted lines: the greeting, then one for each line that it receives. `$` is replaced by the tag.
/// Keeps what it received.
pub(super) async fn scripted(lines: &'static [&'static str]) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (read, mut write) = stream.into_split();
            let mut read = BufReader::new(read).lines();
            let mut tag = String::new();
            for line in lines {
                if write.write_all(line.replace('$', &tag).as_bytes()).await.is_err() {
                    break;
                }
                let Ok(Some(line)) = read.next_line().await else { break };
                if line.starts_with('C') {
                    line.split(' ').next().unwrap_or_default().clone_into(&mut tag);
                }
                kept.lock().unwrap().push(line);
            }
        }
    });
    (port, heard)
}

pub(super) async fn store(port: u16, tls: &str, auth: &str) -> Arc<dyn MailStore> {
    let folder = tempfile::tempdir().unwrap().keep();
    let password = secret(&folder, "hunter2");
    let auth = auth.replace("$PASSWORD", &format!("{password:?}"));
    let text = format!(
        "connector = \"imap\"\nmailboxes = [\"u1@example.test\"]\n[server]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"{tls}\"\n\
         [auth]\n{auth}"
    );
    host(SandboxLimits::default()).load("corp", &config(&text)).await.unwrap()
}

pub(super) const PLAIN: &str = "kind = \"plain\"\nuser = \"admin\"\npassword-file = $PASSWORD";
pub(super) const OWN: &str = "kind = \"master-user\"\nuser = \"admin\"\npassword-file = $PASSWORD";
pub(super) const TOKEN: &str = "kind = \"xoauth2\"\ntoken-file = $PASSWORD";

pub(super) async fn fails(lines: &'static [&'static str], tls: &str, auth: &str) -> (CallError, Vec<String>) {
    let (port, heard) = scripted(lines).await;
    let store = store(port, tls, auth).await;
    let error = store.search(&"u1@example.test".into(), &Query::default(), None, 1).await.unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    (error, heard.lock().unwrap().clone())
}

#[tokio::test]
async fn one_round_trip_after_the_greeting() {
    // u1@example.test NUL admin NUL hunter2
    let (_, heard) = fails(
        &["* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n", "$ OK [CAPABILITY IMAP4rev1 MOVE] in\r\n"],
        "none",
        PLAIN,
    )
    .await;
    assert_eq!(heard[0], "C1 AUTHENTICATE PLAIN dTFAZXhhbXBsZS50ZXN0AGFkbWluAGh1bnRlcjI=");
    assert!(!heard.iter().any(|line| line.contains("CAPABILITY")), "{heard:?}");
}

#[tokio::test]
async fn without_sasl_ir_the_response_follows_the_challenge() {
    let (_, heard) = fails(
        &[
            "* OK hi\r\n",
            "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n$ OK\r\n",
            "+ \r\n",
            "$ OK in\r\n",
            "* CAPABILITY IMAP4rev1\r\n$ OK\r\n",
        ],
        "none",
        PLAIN,
    )
    .await;
    assert_eq!(heard[0], "C1 CAPABILITY");
    assert_eq!(heard[1], "C2 AUTHENTICATE PLAIN");
    assert_eq!(heard[2], "dTFAZXhhbXBsZS50ZXN0AGFkbWluAGh1bnRlcjI=");
    assert_eq!(heard[3], "C3 CAPABILITY");
}

#[tokio::test]
async fn what_a_refusal_means() {
    const GREETING: &str = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n";
    const BUSY: &str = "$ NO Request is throttled. Suggested Backoff Time: 1500 milliseconds\r\n";
    let (error, _) = fails(&[GREETING, "$ NO [AUTHENTICATIONFAILED] wrong\r\n"], "none", PLAIN).await;
    assert!(matches!(error, CallError::Denied { .. }), "{error}");
    let (error, _) = fails(&[GREETING, "$ NO [UNAVAILABLE] later\r\n"], "none", PLAIN).await;
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
    let (error, _) = fails(&[GREETING, "$ NO [LIMIT] too many connections\r\n"], "none", PLAIN).await;
    assert!(matches!(error, CallError::Throttled { .. }), "{error}");
    let (error, _) = fails(&["* BYE too many connections\r\n"], "none", PLAIN).await;
    assert!(matches!(error, CallError::Throttled { .. }), "{error}");
    let (error, _) = fails(&[GREETING, BUSY], "none", PLAIN).await;
    let after = Some(std::time::Duration::from_millis(1_500));
    assert!(matches!(&error, CallError::Throttled { after: told, .. } if *told == after), "{error}");
    assert!(error.to_string().contains("Request is throttled"), "{error}");
    let (error, _) =
        fails(&[GREETING, "$ NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded\r\n"], "none", PLAIN)
            .await;
    assert!(matches!(error, CallError::Throttled { .. }), "{error}");
    let (error, _) = fails(&["* BYE shutting down\r\n"], "none", PLAIN).await;
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
    let (error, _) = fails(&["220 mail.example ESMTP\r\n"], "none", PLAIN).await;
    assert!(error.to_string().contains("does not speak IMAP"), "{error}");
}

#[tokio::test]
async fn no_credential_before_tls() {
    let cases: [&'static [&'static str]; 4] = [
        &["* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n", "$ OK\r\n"],
        &["* OK hi\r\n", "$ BAD no\r\n"],
        &["* PREAUTH [CAPABILITY IMAP4rev1] welcome\r\n"],
        // An injected answer after the one to STARTTLS.
        &["* OK [CAPABILITY STARTTLS] hi\r\n", "$ OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n"],
    ];
    for lines in cases {
        let (error, heard) = fails(lines, "starttls", PLAIN).await;
        assert!(matches!(error, CallError::Denied { .. }), "{lines:?}: {error}");
        assert!(heard.iter().all(|line| !line.contains("AUTHENTICATE") && !line.contains("LOGIN")), "{heard:?}");
    }
}

#[tokio::test]
async fn login_is_used_only_where_it_is_allowed_and_says_the_same() {
    let (_, heard) = fails(&["* OK [CAPABILITY IMAP4rev1] hi\r\n", "$ NO wrong\r\n"], "none", OWN).await;
    assert_eq!(heard[0], "C1 LOGIN \"u1@example.test*admin\" \"hunter2\"");
    for auth in [PLAIN, OWN] {
        let (error, heard) = fails(&["* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\r\n", ""], "none", auth).await;
        assert!(matches!(error, CallError::Denied { .. }) && heard.is_empty(), "{error} {heard:?}");
    }
}

#[tokio::test]
async fn a_refused_token_is_answered_by_an_empty_line() {
    let (error, heard) = fails(
        &[
            "* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] hi\r\n",
            "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n",
            "$ NO [AUTHENTICATIONFAILED] no\r\n",
        ],
        "none",
        TOKEN,
    )
    .await;
    assert!(heard[0].starts_with("C1 AUTHENTICATE XOAUTH2 ") && heard[1].is_empty(), "{heard:?}");
    assert!(matches!(error, CallError::Denied { .. }), "{error}");
}

#[tokio::test]
async fn endless_talk_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} });
        }
    });
    let store = store(port, "none", PLAIN).await;
    let error = store.search(&"u1@example.test".into(), &Query::default(), None, 1).await.unwrap_err();
    assert!(error.to_string().contains("line without end"), "{error}");
}

#[tokio::test]
async fn a_real_server_its_certificate_and_its_tokens() {
    let server = Dovecot::start(&dovecot::Options { users: 1, ..dovecot::Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let user = dovecot::user(1);
    let load = |secret_text: String, auth: &'static str, server_lines: String| {
        let password = secret(folder.path(), &secret_text);
        let auth = auth.replace("$PASSWORD", &format!("{password:?}"));
        let text = format!("connector = \"imap\"\nmailboxes = [{user:?}]\n[server]\n{server_lines}\n[auth]\n{auth}");
        async move { host(SandboxLimits::default()).load("corp", &config(&text)).await.unwrap() }
    };
    let tls = format!("host = \"127.0.0.1\"\nport = {}\nca-file = {:?}", server.imaps().port(), server.authority());
    let search = |store: Arc<dyn MailStore>| {
        let user: Arc<str> = user.as_str().into();
        async move { store.search(&user, &Query::default(), None, 1).await }
    };
    let good = load(dovecot::ADMIN_PASSWORD.to_owned(), PLAIN, tls.clone()).await;
    search(good).await.unwrap();
    let wrong = load("wrong".to_owned(), PLAIN, tls.clone()).await;
    assert!(matches!(search(wrong).await, Err(CallError::Denied { .. })));
    let token = server.access_token(&user, 4_000_000_000);
    let good = load(token, TOKEN, tls.clone()).await;
    search(good).await.unwrap();
    let wrong = load("not-a-token".to_owned(), TOKEN, tls.clone()).await;
    assert!(matches!(search(wrong).await, Err(CallError::Denied { .. })));
    // A name that is not the certificate's, and authorities that did not sign it.
    for line in [format!("{tls}\nserver-name = \"mail.example\""), tls.replace("ca-file", "# ca-file")] {
        let store = load(dovecot::ADMIN_PASSWORD.to_owned(), PLAIN, line).await;
        let error = search(store).await.unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, CallError::Untrusted { .. }) && said.contains("is not trusted"), "{said}");
    }
    // A name that resolves to a loopback address must be allowed by the operator.
    let named = tls.replace("127.0.0.1", "localhost");
    let store = load(dovecot::ADMIN_PASSWORD.to_owned(), PLAIN, named).await;
    let error = search(store).await.unwrap_err();
    assert!(
        matches!(error, CallError::Denied { .. }) && error.to_string().contains("allow-private-network"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_costs_no_more_than_the_time_allowed() {
    let (port, _) = scripted(&[""]).await;
    let store = store(port, "none", &format!("{PLAIN}\n[limits]\ncall-timeout = \"300ms\"\n#")).await;
    let began = std::time::Instant::now();
    let error = store.search(&"u1@example.test".into(), &Query::default(), None, 1).await.unwrap_err();
    assert!(matches!(&error, CallError::Transient { detail, .. } if detail.contains("within 300ms")), "{error}");
    assert!(began.elapsed() < std::time::Duration::from_millis(1_500));
}
