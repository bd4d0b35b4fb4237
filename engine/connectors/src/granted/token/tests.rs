//! Endpoints with each source of credentials, against a token server and an endpoint on this machine.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clawback_model::{ManualClock, Timestamp};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use futures::future::join_all;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::config::ConfigError;
use crate::granted::context::GrantContext;
use crate::granted::endpoint::HttpGrants;
use crate::granted::http::{HttpError, Request, Room};
use crate::granted::token::jwt::tests::write_key;
use crate::limits::SandboxLimits;
use crate::manifest::Manifest;

/// A server that answers by a rule, and keeps what it received.
struct Server {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts one. `answer` makes status and body of the request and of the number of requests so far.
    async fn start(answer: impl Fn(&str, usize) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self::with_fields(move |request, count| {
            let (status, body) = answer(request, count);
            (status, String::new(), body)
        })
        .await
    }

    /// Starts one whose answers have further header fields.
    async fn with_fields(answer: impl Fn(&str, usize) -> (u16, String, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&heard), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = stream;
                    let request = request(&mut stream).await;
                    let count = {
                        let mut kept = kept.lock().unwrap();
                        kept.push(request.clone());
                        kept.len()
                    };
                    let (status, more, body) = answer(&request, count);
                    let length = body.len();
                    let fields =
                        format!("HTTP/1.1 {status} X\r\n{more}Content-Length: {length}\r\nConnection: close\r\n");
                    let _ = stream.write_all(format!("{fields}\r\n{body}").as_bytes()).await;
                });
            }
        });
        Self { port, heard }
    }

    /// A token server: issues `token1`, `token2` and so on for an hour.
    async fn of_tokens() -> Self {
        Self::start(|_, count| (200, issued(&format!("token{count}")))).await
    }

    /// An endpoint that accepts everything.
    async fn endpoint() -> Self {
        Self::start(|_, _| (200, "yes".to_owned())).await
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

async fn request(stream: &mut TcpStream) -> String {
    let (mut bytes, mut part) = (Vec::new(), [0; 4_096]);
    loop {
        let read = stream.read(&mut part).await.unwrap();
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        assert_ne!(read, 0, "{text}");
    }
}

fn issued(token: &str) -> String {
    json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3_600 }).to_string()
}

/// The field of the form in a request.
fn field(request: &str, name: &str) -> String {
    let (_, form) = request.split_once("\r\n\r\n").unwrap();
    let url = reqwest::Url::parse(&format!("form://form?{form}")).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn authorization(request: &str) -> &str {
    request.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default()
}

/// The header and claims of a token, whose signature is that of the public key in a PEM file of the private one.
fn verified(token: &str, key: &Path, check: &'static RsaParameters) -> (Value, Value) {
    let parts: Vec<&str> = token.split('.').collect();
    let read = |at: usize| BASE64URL_NOPAD.decode(parts[at].as_bytes()).unwrap();
    let openssl = |arguments: &[&str]| {
        let made = std::process::Command::new("openssl").args(arguments).arg("-in").arg(key).output().unwrap();
        made.stdout
    };
    let public = openssl(&["rsa", "-RSAPublicKey_out", "-outform", "DER"]);
    let text = format!("{}.{}", parts[0], parts[1]);
    UnparsedPublicKey::new(check, public).verify(text.as_bytes(), &read(2)).expect("the signature fits");
    (serde_json::from_slice(&read(0)).unwrap(), serde_json::from_slice(&read(1)).unwrap())
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// Endpoints under a clock that stands still.
struct Bench {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::new(Timestamp(1_795_435_200_000_000))),
        };
        write(&bench.folder.path().join("secret"), "hunter2\n");
        bench
    }

    /// Grants the endpoint `api` on this port with this `auth`.
    fn grants(&self, port: u16, auth: &str) -> Result<HttpGrants, ConfigError> {
        self.grants_of("[endpoints.api]", port, auth)
    }

    /// Grants the endpoint of this manifest.
    fn grants_of(&self, manifest: &str, port: u16, auth: &str) -> Result<HttpGrants, ConfigError> {
        let text = format!(
            "connector = \"x\"\n[endpoints.api]\nurl = \"http://localhost:{port}\"\nallow-private-network = true\n\
             [endpoints.api.auth]\n{auth}"
        );
        let config = toml::from_str(&text).unwrap();
        let manifest = Manifest::parse(manifest).unwrap();
        let (base, limits) = (self.folder.path(), SandboxLimits::default());
        let context = GrantContext { store: "corp", config: &config, manifest: &manifest, base, limits };
        let clock = Arc::<ManualClock>::clone(&self.clock);
        HttpGrants::of(&context, &(clock as Arc<dyn clawback_model::Clock>))
    }
}

fn by_secret(port: u16) -> String {
    format!(
        "kind = \"client-credentials\"\ntoken-url = \"http://localhost:{port}/oauth2/token\"\nclient-id = \"app\"\n\
         scope = \"a b\"\nclient-secret-file = \"secret\"\nallow-private-network = true"
    )
}

async fn get(grants: &HttpGrants, mailbox: Option<&str>) -> Result<u16, HttpError> {
    let request = Request {
        endpoint: "api".into(),
        method: "POST".into(),
        path: "/v1".into(),
        headers: Vec::new(),
        body: b"body".to_vec(),
    };
    grants.send(mailbox, request, &Room::of(10_000)).await.map(|answer| answer.status)
}

#[tokio::test]
async fn a_hundred_requests_need_one_token() {
    let (login, api, bench) = (Server::of_tokens().await, Server::endpoint().await, Bench::new());
    let grants = bench.grants(api.port, &by_secret(login.port)).unwrap();
    let answers = join_all((0..100).map(|_| get(&grants, Some("ann@x")))).await;
    assert!(answers.iter().all(|answer| *answer == Ok(200)), "{answers:?}");
    let asked = login.heard();
    assert_eq!((asked.len(), api.count()), (1, 100));
    assert!(asked[0].starts_with("POST /oauth2/token HTTP/1.1"), "{}", asked[0]);
    for (name, value) in
        [("grant_type", "client_credentials"), ("client_id", "app"), ("client_secret", "hunter2"), ("scope", "a b")]
    {
        assert_eq!(field(&asked[0], name), value);
    }
    assert!(api.heard().iter().all(|request| authorization(request) == "Bearer token1"));
    bench.clock.advance(Duration::from_mins(55));
    assert_eq!(get(&grants, None).await, Ok(200));
    assert_eq!(login.count(), 2, "renewed five minutes before its end");
    assert_eq!(authorization(api.heard().last().unwrap()), "Bearer token2");
}

#[tokio::test]
async fn a_valid_token_is_used_while_the_token_server_fails() {
    let login = Server::start(|_, count| match count {
        1 => (200, issued("token1")),
        _ => (500, json!({ "error": "server_error" }).to_string()),
    })
    .await;
    let (api, bench) = (Server::endpoint().await, Bench::new());
    let grants = bench.grants(api.port, &by_secret(login.port)).unwrap();
    for _ in 0..2 {
        assert_eq!(get(&grants, None).await, Ok(200));
        bench.clock.advance(Duration::from_mins(56));
    }
    assert_eq!(login.count(), 2, "the second request for a token failed");
    assert_eq!(authorization(api.heard().last().unwrap()), "Bearer token1");
    let failed = get(&grants, None).await.unwrap_err();
    assert!(matches!(failed, HttpError::Failed(_)), "{failed:?}");
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_request_repeated_once() {
    let api = Server::start(|request, _| {
        let is_first = authorization(request) == "Bearer token1";
        if is_first { (401, "token1 has expired".to_owned()) } else { (200, String::new()) }
    })
    .await;
    let (login, bench) = (Server::of_tokens().await, Bench::new());
    let grants = bench.grants(api.port, &by_secret(login.port)).unwrap();
    assert_eq!(get(&grants, None).await, Ok(200));
    assert_eq!((login.count(), api.count()), (2, 2));
    assert!(api.heard().iter().all(|request| request.ends_with("\r\n\r\nbody")), "the body is sent again");

    let api = Server::start(|_, _| (401, String::new())).await;
    let grants = bench.grants(api.port, &by_secret(login.port)).unwrap();
    let before = login.count();
    for _ in 0..3 {
        let refused = get(&grants, None).await.unwrap_err();
        assert!(
            matches!(&refused, HttpError::Denied(why) if why.starts_with("endpoint `api`: ") && !why.contains("token3")),
            "{refused:?}"
        );
    }
    assert_eq!(login.count() - before, 2, "a new token that is refused is not replaced at once");
    assert_eq!(api.count(), 4);
}

/// A refusal that demands claims.
fn challenge(claims: &str) -> (u16, String, String) {
    let claims = BASE64.encode(claims.as_bytes());
    let value = format!("Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{claims}\"");
    (401, format!("WWW-Authenticate: {value}\r\n"), String::new())
}

#[tokio::test]
async fn the_claims_that_an_endpoint_demands_are_requested_once() {
    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true, "value":"1604106651"}}}"#;
    for (demanded, sent) in [(CLAIMS, CLAIMS), ("no JSON", ""), ("[]", "")] {
        let api = Server::with_fields(move |request, _| match authorization(request) {
            "Bearer token1" => challenge(demanded),
            _ => (200, String::new(), String::new()),
        })
        .await;
        let (login, bench) = (Server::of_tokens().await, Bench::new());
        let grants = bench.grants(api.port, &by_secret(login.port)).unwrap();
        let answers = join_all((0..20).map(|_| get(&grants, Some("ann@x")))).await;
        assert!(answers.iter().all(|answer| *answer == Ok(200)), "{answers:?}");
        let asked = login.heard();
        assert_eq!(
            (asked.len(), field(&asked[0], "claims").as_str(), field(&asked[1], "claims").as_str()),
            (2, "", sent)
        );
        bench.clock.advance(Duration::from_hours(1));
        assert_eq!(get(&grants, None).await, Ok(200));
        assert_eq!(field(&login.heard()[2], "claims"), "", "they were demanded of one token");
    }
    let api = Server::with_fields(|_, _| challenge(CLAIMS)).await;
    let (login, bench) = (Server::of_tokens().await, Bench::new());
    let grants = bench.grants(api.port, &by_secret(login.port)).unwrap();
    for _ in 0..3 {
        let refused = get(&grants, None).await.unwrap_err();
        let is_clear =
            |why: &str| why.contains("Conditional Access") && !why.contains("token2") && !why.contains("nbf");
        assert!(matches!(&refused, HttpError::Denied(why) if is_clear(why)), "{refused:?}");
    }
    assert_eq!(login.count(), 2);
}

#[tokio::test]
async fn a_token_that_parts_of_a_batch_refuse_is_replaced_for_the_next_request() {
    let api = Server::start(|request, _| {
        let status = if authorization(request) == "Bearer token1" { 401 } else { 200 };
        (200, json!({ "responses": [{ "id": "1", "status": 200 }, { "id": "2", "status": status }] }).to_string())
    })
    .await;
    let (login, bench) = (Server::of_tokens().await, Bench::new());
    let post = async |manifest: &str| {
        let grants = bench.grants_of(manifest, api.port, &by_secret(login.port)).unwrap();
        for _ in 0..2 {
            let request = Request {
                endpoint: "api".into(),
                method: "POST".into(),
                path: "/$batch".into(),
                headers: Vec::new(),
                body: br#"{"requests":[]}"#.to_vec(),
            };
            assert_eq!(grants.send(None, request, &Room::of(10_000)).await.map(|answer| answer.status), Ok(200));
        }
    };
    post("[endpoints.api]\nbatches = [\"/$batch\"]").await;
    assert_eq!(login.count(), 2);
    let sent: Vec<String> = api.heard().iter().map(|request| authorization(request).to_owned()).collect();
    assert_eq!(sent, ["Bearer token1", "Bearer token2"], "the host repeats no batch: some of its parts were done");
    post("[endpoints.api]").await;
    assert_eq!(login.count(), 3, "where the manifest names no batch, an answer is not read");
}

#[tokio::test]
async fn a_bearer_token_that_is_refused_is_the_connectors_to_judge() {
    let (api, bench) = (Server::start(|_, _| (401, String::new())).await, Bench::new());
    let grants = bench.grants(api.port, "kind = \"bearer\"\ntoken-file = \"secret\"").unwrap();
    assert_eq!(get(&grants, None).await, Ok(401));
    assert_eq!((api.count(), authorization(&api.heard()[0])), (1, "Bearer hunter2"));
}

#[tokio::test]
async fn a_certificate_signs_the_assertion_of_the_client() {
    let (login, api, bench) = (Server::of_tokens().await, Server::endpoint().await, Bench::new());
    let key = bench.folder.path().join("key.pem");
    write_key(&key);
    let certificate = bench.folder.path().join("app.pem");
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-subj", "/CN=app", "-key"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    assert!(made.unwrap().status.success());
    let by = |algorithm: &str, key: &str| {
        by_secret(login.port).replace(
            "client-secret-file = \"secret\"",
            &format!("certificate-file = \"app.pem\"\nkey-file = \"{key}\"\nalgorithm = \"{algorithm}\""),
        )
    };
    for (algorithm, check) in
        [("PS256", &RSA_PSS_2048_8192_SHA256 as &'static RsaParameters), ("RS256", &RSA_PKCS1_2048_8192_SHA256)]
    {
        let grants = bench.grants(api.port, &by(algorithm, "key.pem")).unwrap();
        assert_eq!(get(&grants, None).await, Ok(200));
        let asked = login.heard().pop().unwrap();
        assert_eq!(field(&asked, "client_secret"), "");
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        assert_eq!(field(&asked, "client_assertion_type"), kind);
        let (header, claims) = verified(&field(&asked, "client_assertion"), &key, check);
        assert_eq!(header["alg"], algorithm);
        assert_eq!(header["x5t#S256"].as_str().unwrap().len(), 43);
        let audience = format!("http://localhost:{}/oauth2/token", login.port);
        assert_eq!((&claims["aud"], &claims["iss"], &claims["sub"]), (&json!(audience), &json!("app"), &json!("app")));
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(1_795_435_200), &json!(1_795_435_800)));
    }
    write_key(&bench.folder.path().join("other.pem"));
    let refused = bench.grants(api.port, &by("PS256", "other.pem")).err().unwrap().to_string();
    assert!(refused.contains("`endpoints.api.auth.key-file`") && refused.contains("not the key of"), "{refused}");
}

#[tokio::test]
async fn a_service_account_acts_as_each_mailbox() {
    let login = Server::start(|request, _| {
        let assertion = field(request, "assertion");
        let claims = BASE64URL_NOPAD.decode(assertion.split('.').nth(1).unwrap().as_bytes()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        match claims["sub"].as_str().unwrap() {
            "gone@x" => {
                let unknown = json!({ "error": "invalid_grant", "error_description": "Invalid email or User ID" });
                (400, unknown.to_string())
            }
            "other@y" => (401, json!({ "error": "unauthorized_client" }).to_string()),
            subject => (200, issued(&format!("for-{subject}"))),
        }
    })
    .await;
    let (api, bench) = (Server::endpoint().await, Bench::new());
    let key = bench.folder.path().join("key.pem");
    write_key(&key);
    let account = json!({
        "type": "service_account", "client_email": "clawback@project.example", "private_key_id": "k1",
        "private_key": std::fs::read_to_string(&key).unwrap(),
        "token_uri": format!("http://localhost:{}/token", login.port),
    });
    write(&bench.folder.path().join("account.json"), &account.to_string());
    let auth =
        "kind = \"service-account\"\nkey-file = \"account.json\"\nscope = \"mail\"\nallow-private-network = true";
    let grants = bench.grants(api.port, auth).unwrap();
    for mailbox in ["ann@x", "ben@x", "ann@x"] {
        assert_eq!(get(&grants, Some(mailbox)).await, Ok(200));
        assert_eq!(authorization(api.heard().last().unwrap()), format!("Bearer for-{mailbox}"));
    }
    assert_eq!(login.count(), 2);
    let assertion = field(&login.heard()[0], "assertion");
    let (header, claims) = verified(&assertion, &key, &RSA_PKCS1_2048_8192_SHA256);
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
    let audience = format!("http://localhost:{}/token", login.port);
    assert_eq!(
        claims,
        json!({
            "iss": "clawback@project.example", "sub": "ann@x", "scope": "mail", "aud": audience,
            "iat": 1_795_435_200, "exp": 1_795_435_800,
        })
    );
    let gone = get(&grants, Some("gone@x")).await.unwrap_err();
    assert!(matches!(&gone, HttpError::NoAccount(why) if why.contains("`gone@x`")), "{gone:?}");
    let denied = get(&grants, Some("other@y")).await.unwrap_err();
    assert!(matches!(&denied, HttpError::Denied(why) if why.contains("`scope`")), "{denied:?}");
    let nobody = get(&grants, None).await.unwrap_err();
    assert!(matches!(&nobody, HttpError::Denied(why) if why.contains("whole store")), "{nobody:?}");
    let fixed = bench.grants(api.port, &format!("{auth}\nsubject = \"admin@x\"")).unwrap();
    assert_eq!(get(&fixed, None).await, Ok(200));
    assert_eq!(authorization(api.heard().last().unwrap()), "Bearer for-admin@x");
}

#[tokio::test]
async fn the_host_signs_tokens_of_its_own() {
    let (api, bench) = (Server::endpoint().await, Bench::new());
    let key = bench.folder.path().join("key.pem");
    write_key(&key);
    let grants = bench.grants(api.port, "kind = \"jwt\"\nkey-file = \"key.pem\"\nissuer = \"clawback\"").unwrap();
    assert_eq!(get(&grants, Some("ann@x")).await, Ok(200));
    let request = api.heard().pop().unwrap();
    let token = authorization(&request).strip_prefix("Bearer ").unwrap();
    let (header, claims) = verified(token, &key, &RSA_PKCS1_2048_8192_SHA256);
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT" }));
    assert_eq!(claims, json!({ "sub": "ann@x", "iat": 1_795_435_200, "iss": "clawback" }));
}

#[tokio::test]
async fn passwords_and_files_of_a_mailbox_are_its_own() {
    let (api, bench) = (Server::endpoint().await, Bench::new());
    let basic = "kind = \"basic\"\nuser = \"{mailbox}*admin\"\npassword-file = \"secret\"";
    let grants = bench.grants(api.port, basic).unwrap();
    assert_eq!(get(&grants, Some("ann@x")).await, Ok(200));
    let expected = format!("Basic {}", BASE64.encode(b"ann@x*admin:hunter2"));
    assert_eq!(authorization(api.heard().last().unwrap()), expected);
    assert!(matches!(get(&grants, Some("ann:x")).await, Err(HttpError::Denied(_))), "it would be another user");

    let tokens = bench.folder.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    write(&tokens.join("ann@x"), "anns\n");
    let grants = bench.grants(api.port, "kind = \"per-mailbox\"\nfile = \"tokens/{mailbox}\"").unwrap();
    assert_eq!(get(&grants, Some("ann@x")).await, Ok(200));
    assert_eq!(authorization(api.heard().last().unwrap()), "Bearer anns");
    for wrong in [Some("../secret"), Some("ben@x"), Some(".."), None] {
        let refused = get(&grants, wrong).await.unwrap_err();
        assert!(matches!(&refused, HttpError::Denied(why) if why.starts_with("endpoint `api`: ")), "{refused:?}");
    }
    assert_eq!(api.count(), 2);
}

#[tokio::test]
async fn a_mistake_is_found_at_the_start_and_names_its_key() {
    let bench = Bench::new();
    write(&bench.folder.path().join("account.json"), "{\"private_key\": \"hunter2\"}");
    for (auth, key) in [
        (by_secret(1).replace("http://localhost:1/oauth2/token", "http://login.example/t"), "auth.token-url"),
        (by_secret(1).replace("\nallow-private-network = true", ""), "auth.token-url"),
        (by_secret(1).replace("\"secret\"", "\"none\""), "auth.client-secret-file"),
        (format!("{}\nkey-file = \"secret\"", by_secret(1)), "auth.key-file"),
        ("kind = \"service-account\"\nkey-file = \"account.json\"\nscope = \"s\"".to_owned(), "auth.key-file"),
        ("kind = \"jwt\"\nkey-file = \"secret\"".to_owned(), "auth.key-file"),
        ("kind = \"per-mailbox\"\nfile = \"tokens/all\"".to_owned(), "auth.file"),
        ("kind = \"basic\"\nuser = \"a:b\"\npassword-file = \"secret\"".to_owned(), "auth.user"),
        ("kind = \"bearer\"".to_owned(), "auth.token"),
    ] {
        let refused = bench.grants(1, &auth).err().unwrap().to_string();
        assert!(refused.contains(&format!("`endpoints.api.{key}`")) && !refused.contains("hunter2"), "{refused}");
    }
}
