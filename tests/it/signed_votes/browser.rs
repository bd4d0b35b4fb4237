//! Votes that a passkey signs, in a real browser with a virtual authenticator.

use std::path::Path;

use clawback_tests::binary::{Clawback, OWN_PASSWORD, write_secret};
use clawback_tests::chromium::Chromium;
use clawback_tests::served::Served;

fn deliver(folder: &Path) {
    for mailbox in 1..=3 {
        let cur = folder.join(format!("mail/u{mailbox:04}/cur"));
        std::fs::create_dir_all(&cur).unwrap();
        let text = "Message-ID: <1@x.example>\r\nFrom: eve@evil.example\r\nSubject: Invoice\r\n\r\nx\r\n";
        std::fs::write(cur.join("1700000000.M1P1.host:2,S"), text).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_makes_a_passkey_and_signs_with_it() {
    let folder = tempfile::tempdir().unwrap();
    deliver(folder.path());
    let admin = Clawback::init(folder.path(), "connector = \"maildir\"\ndirectory = \"mail\"\n");
    let _ = admin.add("ben", "approver");
    let config = folder.path().join("clawback.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let signed = "\n[signed-votes]\nrequired = \"always\"\nkeys = \"approvers\"\n";
    write_secret(&config, &(text + signed)).unwrap();
    let keys = folder.path().join("approvers");
    write_secret(&keys, "").unwrap();
    let pending = admin.json(&["submit", "--name", "Phish", "--action", "soft-delete", "--from", "eve@evil.example"]);
    assert_eq!(pending["status"], "pending-approval", "{pending}");
    let id = pending["id"].as_str().unwrap();

    let served = Served::start(&admin, &[]);
    // A passkey belongs to a host name, so an address cannot be used.
    let address = served.url().replace("127.0.0.1", "localhost");
    let browser = Chromium::start(1280, 900).await;
    browser.plug_in_authenticator();
    browser.sign_in(&address, "ben", OWN_PASSWORD).await;

    browser.go(&format!("{address}/remediations/{id}")).await;
    browser.sees("An approval of this must be signed").await;
    let buttons = "return [...document.querySelectorAll('button[name=decision]')].map(e => e.value)";
    assert_eq!(browser.run(buttons).await, serde_json::json!(["reject"]), "only what can be used is there");

    // With a session the form can be sent nevertheless.
    let forged = "const form = document.querySelector('form[action$=decide]'); const field = document.createElement('input'); \
                  field.name = 'decision'; field.value = 'approve'; form.append(field); \
                  HTMLFormElement.prototype.submit.call(form);";
    browser.run(forged).await;
    browser.sees("This site asks for signed votes").await;
    assert_eq!(admin.json(&["show", id])["remediation"]["status"], "pending-approval");

    browser.go(&format!("{address}/passkey")).await;
    browser.press("Make a passkey").await;
    browser.sees("ben passkey localhost ").await;
    browser.picture("passkey").await;
    let line = browser.run("return document.querySelector('#passkey').textContent").await;
    // A passkey counts only once its line is in the file.
    browser.go(&format!("{address}/passkey")).await;
    browser.sees("No passkey of ben").await;
    write_secret(&keys, line.as_str().unwrap()).unwrap();

    browser.go(&format!("{address}/remediations/{id}")).await;
    browser.sees("Your vote on plan").await;
    browser.picture("passkey-vote").await;
    browser.press("Approve").await;
    browser.sees("ben approved").await;
    browser.sees(", signed").await;
    browser.sees("Completed").await;
    drop(served);
    admin.ok(&["verify"]);
    // A signature is valid for one plan and one decision: it is refused for another.
    let events = admin.json(&["show", id, "--events"]);
    assert!(events.to_string().contains("signed by a passkey"), "{events}");
}
