//! A real browser: headless Chromium, driven through chromedriver on a free port of the loopback.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

/// How long a page may take to show what is waited for.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);
/// Narrowest window; a narrower width is emulated as a telephone.
const NARROWEST: u32 = 500;

/// The browser with its driver; both end when it is dropped.
pub struct Chromium {
    /// The session.
    pub client: Client,
    driver: Child,
    port: u16,
    session: String,
    pictures: PathBuf,
    _profile: tempfile::TempDir,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Without this, killing the driver ends the browser, but leaves the browser's own processes.
        if let Err(error) = self.quit() {
            tracing::warn!(%error, "The browser was not asked to quit.");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Chromium {
    /// Starts one with an empty profile and a window of this size.
    pub async fn start(width: u32, height: u32) -> Self {
        Self::start_in(width, height, false).await
    }

    /// The same with a preference for dark pages, or for light ones.
    pub async fn start_in(width: u32, height: u32, dark: bool) -> Self {
        Self::start_with(width, height, dark, true).await
    }

    /// One that runs no scripts of pages, as some people set it. Those of the tests run.
    pub async fn start_without_scripts(width: u32, height: u32) -> Self {
        Self::start_with(width, height, false, false).await
    }

    async fn start_with(width: u32, height: u32, dark: bool, runs_scripts: bool) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed: `cargo xtask test --install-only`");
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
            format!("--window-size={width},{height}"),
            // Blink's own numbers.
            format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)),
        ];
        // An unexpected dialog fails the next command, which detects an injected script that runs.
        let mut options = json!({ "args": arguments });
        if width < NARROWEST {
            let screen = json!({ "width": width, "height": height, "pixelRatio": 1 });
            options["mobileEmulation"] = json!({ "deviceMetrics": screen });
        }
        if !runs_scripts {
            // Chromium's own word for a blocked kind of content.
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        let wanted = json!({ "goog:chromeOptions": options, "unhandledPromptBehavior": "dismiss and notify" });
        let wanted = wanted.as_object().unwrap().clone();
        let end = Instant::now() + WAIT_TIMEOUT;
        let client = loop {
            match ClientBuilder::new(HttpConnector::new())
                .capabilities(wanted.clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
            {
                Ok(client) => break client,
                Err(_) if Instant::now() < end => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => panic!("chromedriver does not answer: {error}"),
            }
        };
        let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        std::fs::create_dir_all(&pictures).unwrap();
        let session = client.session_id().await.unwrap().expect("it is connected");
        Self { client, driver, port, session, pictures, _profile: profile }
    }

    /// Ends the session (W3C `WebDriver`, section 8.2), and waits until the driver confirms it.
    fn quit(&self) -> std::io::Result<()> {
        self.ask("DELETE", "", "").map(|_| ())
    }

    /// Sends the driver a command that the client does not support. Returns the beginning of its answer.
    fn ask(&self, method: &str, command: &str, body: &str) -> std::io::Result<String> {
        let mut driver = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        driver.set_read_timeout(Some(WAIT_TIMEOUT))?;
        let Self { port, session, .. } = self;
        write!(
            driver,
            "{method} /session/{session}{command} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        // The driver keeps the connection open, so the answer is not read to its end.
        let mut answer = [0; 12];
        driver.read_exact(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Plugs in an authenticator that verifies its user and confirms everything (`WebAuthn` level 2, section 11.3).
    pub fn plug_in_authenticator(&self) {
        let asked = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserConsenting": true, "isUserVerified": true,
        });
        let answer = self.ask("POST", "/webauthn/authenticator", &asked.to_string()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Loads a page.
    pub async fn go(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// Types into the field of this name, in place of its content.
    pub async fn fill(&self, name: &str, text: &str) {
        let field = self.client.find(Locator::Css(&format!("[name={name}]"))).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Clicks the first visible element of this selector.
    pub async fn click(&self, selector: &str) {
        self.client.wait().for_element(Locator::Css(selector)).await.unwrap();
        for element in self.client.find_all(Locator::Css(selector)).await.unwrap() {
            if element.is_displayed().await.unwrap() {
                element.click().await.unwrap();
                return;
            }
        }
        panic!("nothing that is shown matches {selector}");
    }

    /// Clicks the button with this text.
    pub async fn press(&self, text: &str) {
        let path = format!("//button[normalize-space()=\"{text}\"]");
        self.client.wait().for_element(Locator::XPath(&path)).await.unwrap().click().await.unwrap();
    }

    /// Presses these keys on the page, outside of its fields.
    pub async fn keys(&self, keys: &str) {
        self.client.find(Locator::Css("body")).await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Signs in at a site.
    pub async fn sign_in(&self, site: &str, name: &str, password: &str) {
        self.go(&format!("{site}/sign-in")).await;
        self.fill("name", name).await;
        self.fill("password", password).await;
        self.press("Sign in").await;
        self.sees("Sign out").await;
    }

    /// Opens the tab of this name.
    pub async fn press_tab(&self, name: &str) {
        let path = format!("//nav//a[starts-with(normalize-space(), \"{name}\")]");
        self.client.wait().for_element(Locator::XPath(&path)).await.unwrap().click().await.unwrap();
    }

    /// Sets the text of the last field of this name by a script: a keyboard has no keys for some characters of
    /// attackers.
    pub async fn set(&self, name: &str, text: &str) {
        let script =
            "const fields = document.getElementsByName(arguments[0]); fields[fields.length - 1].value = arguments[1];";
        self.client.execute(script, vec![name.into(), text.into()]).await.unwrap();
    }

    /// Waits until the page shows this text, without reloading it.
    pub async fn sees(&self, text: &str) {
        let end = Instant::now() + WAIT_TIMEOUT;
        loop {
            // The page may be unloading.
            let shown = match self.client.find(Locator::Css("body")).await {
                Ok(body) => body.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            if shown.contains(text) {
                return;
            }
            assert!(Instant::now() < end, "the page never shows {text:?}; it shows:\n{shown}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs a script on the page and returns its result. The driver runs it, whatever the page's policy.
    pub async fn run(&self, script: &str) -> serde_json::Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Saves a screenshot of the page under `target/screenshots`.
    pub async fn picture(&self, name: &str) {
        let picture = self.client.screenshot().await.unwrap();
        std::fs::write(self.pictures.join(format!("{name}.png")), picture).unwrap();
    }
}
