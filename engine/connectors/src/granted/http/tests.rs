//! Requests to endpoints on this machine.

use std::sync::Arc;

use super::*;
use crate::granted::context::GrantContext;
use crate::granted::endpoint::tests::grants;
use crate::granted::secret::Secret;
use crate::granted::token::source::Scheme;

#[test]
fn a_path_stays_at_its_origin() {
    let origin = Url::parse("https://mail.example").unwrap();
    assert_eq!(url(&origin, "/v1/x?q=1").unwrap().as_str(), "https://mail.example/v1/x?q=1");
    assert_eq!(url(&origin, "/@evil.example/").unwrap().host_str(), Some("mail.example"));
    assert_eq!(url(&origin, "/../../x").unwrap().as_str(), "https://mail.example/x");
    for wrong in ["", "x", "//evil.example/", "/\\evil.example", "https://evil.example/", "/a\r\nHost: evil", "/\t/x"] {
        assert!(url(&origin, wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_hosts_headers_are_the_hosts() {
    let given =
        ["Authorization", "HOST", "Cookie", "X-Forwarded-For", "Proxy-Authorization", "Transfer-Encoding", "Accept"]
            .map(|name| (name.to_owned(), "x".to_owned()));
    let kept = outgoing(&given).unwrap();
    assert_eq!(kept.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    assert!(outgoing(&[("a".into(), "b\r\nHost: evil".into())]).is_err());
    assert!(outgoing(&vec![("a".to_owned(), String::new()); MOST_HEADERS + 1]).is_err());
}

#[test]
fn no_credential_comes_back() {
    let mut headers = HeaderMap::new();
    for (name, value) in [("set-cookie", "a"), ("www-authenticate", "b"), ("x-echo", "Bearer t0ken"), ("etag", "e")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let secret = Secret::new("t0ken");
    let credential = Credential { scheme: Scheme::Bearer, hidden: secret.clone(), secret };
    assert_eq!(incoming(&headers, Some(&credential)), [("etag".to_owned(), "e".to_owned())]);
}

/// Starts a server that always gives the same response and records what it receives.
pub(crate) async fn serve(answer: &'static str) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = vec![0; 4096];
            let read = stream.read(&mut bytes).await.unwrap();
            let _ = tell.send(String::from_utf8_lossy(&bytes[..read]).into_owned());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (port, heard)
}

fn get(path: &str) -> Request {
    let headers = vec![("authorization".to_owned(), "mine".to_owned()), ("x-kept".to_owned(), "yes".to_owned())];
    Request { endpoint: "api".into(), method: "GET".into(), path: path.into(), headers, body: Vec::new() }
}

#[tokio::test]
async fn the_host_adds_the_token_and_follows_no_redirect() {
    let folder = tempfile::tempdir().unwrap();
    let (port, mut heard) = serve(
        "HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nSet-Cookie: a=b\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody",
    )
    .await;
    let grants = grants(port, folder.path(), "allow-private-network = true").unwrap();
    let answer = grants.send(None, get("/v1?x=1"), &Room::of(1_000)).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (302, b"body".as_slice()));
    assert!(answer.headers.iter().all(|(name, _)| name != "set-cookie"));
    let asked = heard.recv().await.unwrap();
    assert!(asked.starts_with("GET /v1?x=1 HTTP/1.1") && asked.contains("authorization: Bearer t0ken"), "{asked}");
    assert!(asked.contains("x-kept: yes") && !asked.contains("mine"), "{asked}");
    let refused = grants.send(None, get("/"), &Room::of(3)).await.unwrap_err();
    assert!(matches!(refused, HttpError::TooLarge(size) if size > 4), "with its header fields: {refused:?}");
    let other = Request { endpoint: "other".into(), ..get("/") };
    assert!(matches!(grants.send(None, other, &Room::of(1_000)).await, Err(HttpError::Denied(_))));
}

/// A server that answers each request after some turns of others; the most requests that it had at once.
async fn slow_server() -> (u16, Arc<AtomicUsize>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let peak = Arc::clone(&most);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                for _ in 0..200 {
                    tokio::task::yield_now().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
                let _ = stream.write_all(b"HTTP/1.1 204 X\r\nConnection: close\r\n\r\n").await;
            });
        }
    });
    (port, most)
}

#[tokio::test]
async fn a_prefix_takes_no_more_room_than_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let (port, _heard) = serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123456789").await;
    let grants = grants(port, folder.path(), "allow-private-network = true").unwrap();
    let whole = grants.send(None, get("/"), &Room::of(1_000)).await.unwrap();
    assert!(whole.body.len() > 2);
    for most in [0_u8, 2, 100] {
        let prefix = grants.send_prefix(None, get("/"), &Room::of(1_000), most.into()).await.unwrap();
        assert_eq!((prefix.status, &*prefix.body), (whole.status, &whole.body[..whole.body.len().min(most.into())]));
    }
}

#[tokio::test]
async fn no_more_requests_at_once_than_the_endpoint_bears() {
    let folder = tempfile::tempdir().unwrap();
    let (port, most) = slow_server().await;
    let limited = "allow-private-network = true\nlimits = { requests = 3 }";
    let grants = grants(port, folder.path(), limited).unwrap();
    let room = Room::of(1 << 20);
    let answers = futures::future::join_all((0..30).map(|_| grants.send(None, get("/"), &room))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.status == 204)));
    assert!((1..=3).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

#[tokio::test]
async fn a_compressed_body_counts_as_it_unfolds() {
    // 100,000 times `x`.
    const ZIPPED: &str = "H4sIAAAAAAACA+3BMQEAAADCoNqLbw0PoAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIBXA3ERB/6ghgEA";
    let zipped = data_encoding::BASE64.decode(ZIPPED.as_bytes()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = vec![0; 4096];
            let read = stream.read(&mut bytes).await.unwrap();
            assert!(String::from_utf8_lossy(&bytes[..read]).contains("accept-encoding: gzip"));
            let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n";
            stream.write_all(&[head.as_bytes(), &zipped].concat()).await.unwrap();
        }
    });
    let grants = grants(port, folder.path(), "allow-private-network = true").unwrap();
    let answer = grants.send(None, get("/"), &Room::of(150_000)).await.unwrap();
    assert!(answer.body.len() == 100_000 && answer.body.iter().all(|byte| *byte == b'x'));
    let refused = grants.send(None, get("/"), &Room::of(50_000)).await.unwrap_err();
    assert!(matches!(refused, HttpError::TooLarge(_)), "{refused:?}");
}

#[tokio::test]
async fn http_2_is_used_where_it_is_offered() {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio::io::AsyncReadExt as _;
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let preface = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut bytes = [0; 14];
        stream.read_exact(&mut bytes).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let text = format!(
        "connector = \"x\"\n[endpoints.api]\nurl = \"https://localhost:{port}\"\nca-file = \"ca.pem\"\n\
         allow-private-network = true"
    );
    let config = toml::from_str(&text).unwrap();
    let manifest = crate::manifest::Manifest::parse("[endpoints.api]").unwrap();
    let (base, limits) = (folder.path(), crate::limits::SandboxLimits::default());
    let context = GrantContext { store: "corp", config: &config, manifest: &manifest, base, limits };
    let clock: Arc<dyn clawback_model::Clock> = Arc::new(crate::granted::clock::SystemClock);
    let grants = HttpGrants::of(&context, &clock).unwrap();
    assert!(grants.send(None, get("/"), &Room::of(1_000)).await.is_err(), "the server ends after the preface");
    assert_eq!(preface.await.unwrap(), "PRI * HTTP/2.0");
}
