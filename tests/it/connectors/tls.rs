//! How the host authenticates the server, and itself to the server.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clawback_connectors::{CallError, SandboxLimits};
use clawback_model::{Digest, Query};
use clawback_tests::dovecot::{self, Dovecot};

use super::conformance::secret;
use super::{config, host};

fn openssl(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A folder that servers can read, with the result of `openssl req -x509`: a certificate that is its own authority.
fn self_signed(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"];
    let subject = format!("/CN={name}");
    let own = ["req", "-x509", "-subj", &subject, "-keyout", "own.key", "-out", "own.pem"];
    openssl(folder.path(), &[own.as_slice(), &curve].concat());
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(folder.path().join("own.key"), readable).unwrap();
    folder
}

async fn look(server: &str) -> Result<(), CallError> {
    let folder = tempfile::tempdir().unwrap();
    let password = secret(folder.path(), dovecot::ADMIN_PASSWORD);
    let text = format!(
        "connector = \"imap\"\nmailboxes = [{:?}]\n[server]\nhost = \"127.0.0.1\"\n{server}\n\
         [auth]\nkind = \"plain\"\nuser = {:?}\npassword-file = {password:?}",
        dovecot::user(1),
        dovecot::ADMIN,
    );
    let store = host(SandboxLimits::default()).load("corp", &config(&text)).await.unwrap();
    store.search(&dovecot::user(1).into(), &Query::default(), None, 1).await.map(drop)
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_by_file_or_by_pin() {
    let (own, another) = (self_signed("localhost"), self_signed("localhost"));
    let path = own.path().display();
    let extra = format!("ssl_cert = <{path}/own.pem\nssl_key = <{path}/own.key\n");
    let server = Dovecot::start(&dovecot::Options { users: 1, extra, ..dovecot::Options::default() });
    let port = format!("port = {}", server.imaps().port());

    let error = look(&format!("{port}\nca-file = \"{}/own.pem\"", another.path().display())).await.unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, CallError::Untrusted { .. }), "{said}");
    for word in ["the certificate of 127.0.0.1:", "is not trusted", "`ca-file`", "`pin-sha256`"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    look(&format!("{port}\nca-file = \"{path}/own.pem\"")).await.unwrap();

    let shown = openssl(own.path(), &["x509", "-in", "own.pem", "-noout", "-fingerprint", "-sha256"]);
    let shown = String::from_utf8(shown).unwrap();
    let fingerprint = shown.trim().split('=').next_back().unwrap();
    look(&format!("{port}\npin-sha256 = \"{fingerprint}\"")).await.unwrap();
    openssl(own.path(), &["x509", "-in", "own.pem", "-noout", "-pubkey", "-out", "key.pem"]);
    let key = openssl(own.path(), &["pkey", "-pubin", "-in", "key.pem", "-outform", "DER"]);
    let pins = format!("pin-sha256 = [\"{}\", \"{}\"]", Digest::of(b"another"), Digest::of(&key));
    look(&format!("{port}\n{pins}")).await.unwrap();
    let wrong = format!("{port}\npin-sha256 = \"{}\"\nca-file = \"{path}/own.pem\"", Digest::of(b"another"));
    let error = look(&wrong).await.unwrap_err();
    assert!(error.to_string().contains("not the pinned one"), "a pin excludes all others: {error}");
}

#[tokio::test]
async fn the_wrong_tls_mode_is_reported_quickly() {
    let server = Dovecot::start(&dovecot::Options { users: 1, ..dovecot::Options::default() });
    let began = Instant::now();
    let ca = format!("ca-file = {:?}", server.authority());
    let error = look(&format!("port = {}\ntls = \"starttls\"\n{ca}", server.imaps().port())).await.unwrap_err();
    let said = error.to_string();
    assert!(said.contains("speaks TLS from the first byte") && said.contains("tls = \"implicit\""), "{said}");
    let error = look(&format!("port = {}\n{ca}", server.plain().port())).await.unwrap_err();
    let said = error.to_string();
    assert!(said.contains("does not speak TLS from the first byte") && said.contains("starttls"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let own = self_signed("client");
    let path = own.path().display();
    let extra = format!(
        "ssl_ca = <{path}/own.pem\nssl_require_crl = no\nssl_verify_client_cert = yes\nauth_ssl_require_client_cert = yes\n"
    );
    let server = Dovecot::start(&dovecot::Options { users: 1, extra, ..dovecot::Options::default() });
    let key = secret(own.path(), &std::fs::read_to_string(own.path().join("own.key")).unwrap());
    let tls = format!("port = {}\nca-file = {:?}", server.imaps().port(), server.authority());
    let shown = format!("{tls}\nclient-cert-file = \"{path}/own.pem\"\nclient-key-file = {key:?}");
    let looked = look(&shown).await;
    assert!(looked.is_ok(), "{looked:?}\n{}", server.log());
    let error = look(&tls).await.unwrap_err();
    assert!(matches!(error, CallError::Denied { .. }), "{error}");
}
