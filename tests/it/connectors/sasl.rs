//! SASL mechanisms: the strongest that both sides support, against scripts and against Dovecot.

use clawback_connectors::{CallError, SandboxLimits};
use clawback_model::Query;
use clawback_tests::dovecot::{self, Dovecot};

use super::conformance::secret;
use super::login::{OWN, PLAIN, TOKEN, fails};
use super::{config, host};

#[tokio::test]
async fn login_is_used_if_nothing_else_is_offered() {
    let (_, heard) = fails(
        &[
            "* OK [CAPABILITY IMAP4rev1 AUTH=LOGIN LOGINDISABLED] hi\r\n",
            "+ VXNlcm5hbWU6\r\n",
            "+ UGFzc3dvcmQ6\r\n",
            "$ NO [AUTHENTICATIONFAILED] wrong\r\n",
        ],
        "none",
        OWN,
    )
    .await;
    // u1@example.test*admin, hunter2
    assert_eq!(heard[..3], ["C1 AUTHENTICATE LOGIN", "dTFAZXhhbXBsZS50ZXN0KmFkbWlu", "aHVudGVyMg=="]);
}

#[tokio::test]
async fn a_refused_scram_gives_way_to_plain() {
    let (_, heard) = fails(
        &[
            "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256 SASL-IR] hi\r\n",
            "$ NO [AUTHENTICATIONFAILED] not kept in that way\r\n",
            "$ OK [CAPABILITY IMAP4rev1] in\r\n",
        ],
        "none",
        PLAIN,
    )
    .await;
    assert!(heard[0].starts_with("C1 AUTHENTICATE SCRAM-SHA-256 "), "{heard:?}");
    assert_eq!(heard[1], "C2 AUTHENTICATE PLAIN dTFAZXhhbXBsZS50ZXN0AGFkbWluAGh1bnRlcjI=");
}

#[tokio::test]
async fn a_server_that_skips_its_proof_is_refused() {
    let lines: &[&str] = &["* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256 SASL-IR] hi\r\n", "$ OK in\r\n"];
    let (error, _) = fails(lines, "none", PLAIN).await;
    assert!(matches!(error, CallError::Untrusted { .. }), "{error}");
}

#[tokio::test]
async fn the_error_says_what_the_server_offers() {
    let lines: &[&str] = &["* OK [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5 AUTH=GSSAPI LOGINDISABLED] hi\r\n", ""];
    let (error, heard) = fails(lines, "none", PLAIN).await;
    let said = error.to_string();
    assert!(heard.is_empty() && said.contains("offers CRAM-MD5, GSSAPI") && said.contains("SCRAM-SHA-256"), "{said}");
}

#[tokio::test]
async fn dovecot_accepts_each_mechanism() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, format!("{}:{{PLAIN}}{}\n", dovecot::user(1), dovecot::PASSWORD)).unwrap();
    let passdb = format!(
        "passdb {{\n  driver = passwd-file\n  mechanisms = scram-sha-256 scram-sha-1\n  args = username_format=%u {}\n}}\n",
        users.display()
    );
    let own = secret(folder.path(), &format!("{}:{}", dovecot::user(1), dovecot::PASSWORD));
    let own = format!("kind = \"per-mailbox\"\npassword-file = {own:?}");
    for mechanism in ["scram-sha-256", "scram-sha-1", "plain", "login", "oauthbearer", "xoauth2"] {
        let extra = format!("auth_mechanisms = {mechanism}\n{passdb}");
        let server = Dovecot::start(&dovecot::Options { users: 1, extra, ..dovecot::Options::default() });
        let tokens = tempfile::tempdir().unwrap();
        let token = secret(tokens.path(), &server.access_token(&dovecot::user(1), 4_000_000_000));
        let auth =
            if mechanism.contains("auth") { TOKEN.replace("$PASSWORD", &format!("{token:?}")) } else { own.clone() };
        let text = format!(
            "connector = \"imap\"\nmailboxes = [{:?}]\n[server]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n[auth]\n{auth}",
            dovecot::user(1),
            server.plain().port(),
        );
        let store = host(SandboxLimits::default()).load("corp", &config(&text)).await.unwrap();
        let looked = store.search(&dovecot::user(1).into(), &Query::default(), None, 1).await;
        assert!(looked.is_ok(), "{mechanism}: {looked:?}\n{}", server.log());
    }
}
