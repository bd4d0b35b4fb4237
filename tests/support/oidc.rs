//! A real identity provider that we did not write: `oidc-provider`, on loopback, its users in a file that a test may
//! change. `cargo xtask test` installs it in `target/tools`.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// The secret of its one client, `clawback`.
pub const SECRET: &str = "a secret of forty characters or thereabouts";

/// Which of the provider's answers has the claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Claims {
    InIdToken,
    AtUserInfo,
}

/// A running provider. Dropping it stops it.
pub struct Provider {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Provider {
    /// Starts one that redirects users back to this address.
    ///
    /// # Panics
    /// If it is not installed or does not start: a test that needs it never passes without it.
    pub fn start(redirect: &str, claims: Claims) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = tests.join("../target/tools");
        let installed = tools.join("node_modules/oidc-provider").is_dir();
        assert!(installed, "`oidc-provider` was not found: `cargo xtask test --install-only` installs it");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("node");
        command.arg(tests.join("support/provider.mjs")).arg(folder.path()).arg(port.to_string()).arg(redirect);
        command.arg(if claims == Claims::InIdToken { "yes" } else { "no" }).env("TOOLS", tools);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("node starts");
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert!(said.contains("listening"), "the provider ended");
        Self { child, port, folder }
    }

    /// Its issuer URL.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sets the users, by their `sub`, with their claims.
    pub fn people(&self, people: &Value) {
        std::fs::write(self.folder.path().join("people.json"), people.to_string()).unwrap();
    }

    /// A file with the secret of the client.
    pub fn secret_file(&self, secret: &str) -> PathBuf {
        let path = self.folder.path().join("secret");
        crate::binary::write_secret(&path, &format!("{secret}\n")).unwrap();
        path
    }

    /// Stops it, as a crash of its machine would.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Follows the redirect to the provider, signs in as `who`, consents, and returns the path that the browser is
    /// redirected back to.
    pub async fn sign_in(&self, start: &str, who: &str, redirect: &str) -> String {
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let mut cookies: BTreeMap<String, String> = BTreeMap::new();
        let mut at = start.to_owned();
        let mut form: Option<String> = None;
        for _ in 0..12 {
            let cookie = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
            let request = Request::builder().uri(&at).header(header::COOKIE, cookie);
            let request = match form.take() {
                Some(form) => request
                    .method("POST")
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(Body::from(form)),
                None => request.body(Body::empty()),
            };
            let response = client.request(request.unwrap()).await.unwrap();
            for set in response.headers().get_all(header::SET_COOKIE) {
                let pair = set.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                cookies.insert(name.to_owned(), value.to_owned());
            }
            if let Some(location) = response.headers().get(header::LOCATION) {
                let location = location.to_str().unwrap();
                if let Some(path) = location.strip_prefix(redirect) {
                    return path.to_owned();
                }
                at = if location.starts_with('/') { self.issuer() + location } else { location.to_owned() };
                continue;
            }
            let body = to_bytes(Body::new(response.into_body()), 1 << 20).await.unwrap();
            let page = String::from_utf8_lossy(&body).into_owned();
            let prompt = if page.contains("value=\"login\"") { "login" } else { "consent" };
            assert!(page.contains(&format!("value=\"{prompt}\"")), "{at}: {page}");
            form = Some(format!("prompt={prompt}&login={who}&password=any"));
        }
        panic!("the provider redirects the browser without end, last to {at}");
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}
