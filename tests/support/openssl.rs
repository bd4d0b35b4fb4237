//! Certificates and signed tokens for test servers, made by the openssl program, which Dovecot depends on.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// The secret that signs access tokens, as text and as Dovecot's dictionary expects it.
const KEY: &str = "clawback-test-key-of-32-bytes---";
const KEY_BASE64: &str = "Y2xhd2JhY2stdGVzdC1rZXktb2YtMzItYnl0ZXMtLS0=";

/// Writes `authority.pem` and, signed by it for `localhost` and 127.0.0.1, `server.pem` and `server.key`.
pub fn write_certificates(folder: &Path) -> io::Result<()> {
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"];
    let authority =
        ["req", "-x509", "-subj", "/CN=Clawback test authority", "-keyout", "authority.key", "-out", "authority.pem"];
    openssl(folder, &[&authority, curve.as_slice()].concat(), "")?;
    let server = ["req", "-x509", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.pem"];
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    let signed = ["-CA", "authority.pem", "-CAkey", "authority.key", "-addext", names];
    let leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
    openssl(folder, &[&server, curve.as_slice(), &signed, &leaf].concat(), "").map(drop)
}

/// Writes the key of access tokens where Dovecot's dictionary reads it: `keys/default/HS256/default`.
pub fn write_token_key(folder: &Path) -> io::Result<()> {
    let path = folder.join("keys/default/HS256");
    fs::create_dir_all(&path)?;
    fs::write(path.join("default"), KEY_BASE64)
}

/// A JSON web token (HS256) for `subject` that expires at `expires`, seconds since 1970.
pub fn token(folder: &Path, subject: &str, expires: u64) -> io::Result<String> {
    let head = url_safe(&openssl(folder, &["base64", "-A"], r#"{"alg":"HS256","typ":"JWT"}"#)?);
    let claims = format!(r#"{{"sub":"{subject}","iss":"https://login.acme.test","iat":1,"exp":{expires}}}"#);
    let body = url_safe(&openssl(folder, &["base64", "-A"], &claims)?);
    let text = format!("{head}.{body}");
    let script = format!("openssl dgst -sha256 -hmac {KEY} -binary | openssl base64 -A");
    let signature = run(Command::new("/bin/sh").args(["-c", &script]), &text)?;
    Ok(format!("{text}.{}", url_safe(&signature)))
}

fn url_safe(base64: &[u8]) -> String {
    String::from_utf8_lossy(base64).trim_end().trim_end_matches('=').replace('+', "-").replace('/', "_")
}

fn openssl(folder: &Path, arguments: &[&str], input: &str) -> io::Result<Vec<u8>> {
    run(Command::new("openssl").args(arguments).current_dir(folder), input)
}

fn run(command: &mut Command, input: &str) -> io::Result<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{command:?} does not start: {error}")))?;
    child.stdin.take().expect("piped").write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
