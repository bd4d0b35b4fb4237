//! Recipients of notifications, with the binary: mail through a real SMTP server, chats, and a webhook at every change
//! of status.

use std::path::Path;

use clawback_tests::binary::{Clawback, write_secret};
use clawback_tests::hooks::Hooks;
use clawback_tests::smtp::{PASSWORD, Smtp, USER};

const STORE: &str = "connector = \"maildir\"\ndirectory = \"mail\"\n";
/// A name that would be a field of a mail, a mention, a link, and a line on a terminal.
const HOSTILE: &str = "x\r\nBcc: everyone@corp.example\r\nX-Evil: 1\r\n\r\n<!channel> <https://evil.example|here> [y](https://evil.example) \u{202e}\u{1b}[2J";

/// A site with one message of eve's, and this at the end of its configuration.
fn new_site(folder: &Path, config: &str) -> Clawback {
    let cur = folder.join("mail/u0001@corp.example/cur");
    std::fs::create_dir_all(&cur).unwrap();
    let text = "Message-ID: <1@x.example>\r\nFrom: eve@evil.example\r\nTo: u0001@corp.example\r\nSubject: Secret of the mail\r\n\r\nx\r\n";
    std::fs::write(cur.join("1700000001.M1P1.host:2,S"), text).unwrap();
    let clawback = Clawback::init(folder, STORE);
    let file = folder.join("clawback.toml");
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("public-url = \"https://clawback.example\"\n{written}\n{config}")).unwrap();
    write_secret(&folder.join("smtp.password"), PASSWORD).unwrap();
    let playbook = "playbook: purge\non: { manual: {} }\nsteps:\n  - search: { where: { from: eve@evil.example } }\n  \
        - approve: { expires: 1d }\n  - remediate: { action: soft-delete }\n";
    std::fs::write(folder.join("workflows/purge.yaml"), playbook).unwrap();
    clawback
}

fn mail_config(server: &str, port: u16, authority: &Path, password: &str) -> String {
    format!(
        "[notifiers.desk]\nkind = \"email\"\nserver = \"{server}\"\nport = {port}\nca-file = \"{}\"\nuser = \"{USER}\"\n\
         password-file = \"{password}\"\nfrom = \"Clawback <clawback@corp.example>\"\n\
         to = [\"ann@corp.example\", \"Ben <ben@corp.example>\"]\n[approvals]\nnotify = [\"desk\"]\n",
        authority.display()
    )
}

#[test]
fn a_name_cannot_alter_the_mail_to_approvers() {
    let (folder, server) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let smtp = Smtp::start(server.path()).unwrap();
    let config = mail_config("localhost", smtp.port, &smtp.authority(), "smtp.password");
    let clawback = new_site(folder.path(), &config);
    let pending = clawback.json(&["run", "purge", "--name", HOSTILE]);
    assert_eq!(pending["status"], "pending-approval");
    let mails = smtp.received(1).unwrap();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(mail.recipients, "ann@corp.example, ben@corp.example", "{}", mail.text);
    for (field, count) in [("Subject", 1), ("To", 1), ("From", 1), ("Bcc", 0), ("X-Evil", 0), ("Auto-Submitted", 1)] {
        assert_eq!(mail.fields(field).len(), count, "{field} of {}", mail.text);
    }
    let id = pending["id"].as_str().unwrap();
    assert!(mail.fields("Message-ID")[0].starts_with(&format!("<{id}.pending-approval.")), "{}", mail.text);
    let body = mail.text.split_once("\n\n").unwrap().1.replace("=\n", "").replace("=3D", "=");
    assert!(body.contains(&format!("https://clawback.example/remediations/{id}")), "{body}");
    assert!(body.contains(pending["approval_id"].as_str().unwrap()) && body.contains("1 in 1 mailboxes"), "{body}");
    assert!(!mail.text.contains("Secret of the mail") && !mail.text.contains("eve@evil.example"), "{}", mail.text);
    assert!(!mail.text.chars().any(|c| c != '\n' && clawback_model::is_deceptive(c)), "{}", mail.text);
}

#[test]
fn a_server_with_a_wrong_certificate_gets_no_mail_and_work_continues() {
    let (folder, server) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let smtp = Smtp::start(server.path()).unwrap();
    let other = tempfile::tempdir().unwrap();
    clawback_tests::openssl::write_certificates(other.path()).unwrap();
    let config = mail_config("localhost", smtp.port, &other.path().join("authority.pem"), "smtp.password");
    let clawback = new_site(folder.path(), &config);
    let output = clawback.command(&["run", "purge", "--verbose", "--format", "json"]).output().unwrap();
    let pending: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(pending["status"], "pending-approval");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("Notification not delivered") && !said.contains(PASSWORD), "{said}");
    assert!(smtp.received(0).unwrap().is_empty());
}

#[test]
fn chats_and_webhooks_get_their_own_format() {
    let folder = tempfile::tempdir().unwrap();
    let hooks = Hooks::start();
    for name in ["slack", "teams"] {
        write_secret(&folder.path().join(format!("{name}.url")), &format!("{}/{name}/secret\n", hooks.url)).unwrap();
    }
    write_secret(&folder.path().join("hook.secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let config = format!(
        "[notifiers.slack]\nkind = \"slack\"\nurl-file = \"slack.url\"\n[notifiers.teams]\nkind = \"teams\"\nurl-file = \"teams.url\"\n\
         [notifiers.siem]\nkind = \"webhook\"\nurl = \"{}/siem\"\nsecret-file = \"hook.secret\"\nevery-change = true\n\
         [approvals]\nnotify = [\"slack\", \"teams\"]\n",
        hooks.url
    );
    let clawback = new_site(folder.path(), &config);
    let ben = clawback.add("ben", "approver");
    let pending = clawback.json(&["run", "purge", "--name", HOSTILE]);
    let id = pending["id"].as_str().unwrap();
    let done = ben.json(&["approve", id]);
    assert_eq!(done["status"], "completed");
    let received = hooks.received(8);
    let of = |path: &str| received.iter().filter(|hook| hook.path.starts_with(path)).collect::<Vec<_>>();
    let changes: Vec<_> = of("/siem").iter().map(|hook| hook.body["type"].as_str().unwrap().to_owned()).collect();
    let expected = ["queued", "planning", "pending-approval", "approved", "in-progress", "completed"];
    assert_eq!(changes, expected.map(|status| format!("remediation.{status}")));
    let page = format!("https://clawback.example/remediations/{id}");
    let [slack] = of("/slack")[..] else { panic!("{received:#?}") };
    let text = slack.body.to_string();
    assert!(text.contains(&page) && slack.body["text"].as_str().unwrap().contains("&lt;!channel&gt;"), "{text}");
    let [teams] = of("/teams")[..] else { panic!("{received:#?}") };
    assert_eq!(teams.body["attachments"][0]["content"]["actions"][0]["url"], page);
    for told in [&slack.body, &teams.body] {
        let deceptive = |c: char| clawback_model::is_deceptive(c);
        assert!(!texts(told).iter().any(|text| text.replace('\n', "").contains(deceptive)), "{told}");
    }
}

fn texts(value: &serde_json::Value) -> Vec<&str> {
    let inner = value.as_object().into_iter().flat_map(|map| map.values());
    let inner = inner.chain(value.as_array().into_iter().flatten()).flat_map(texts);
    value.as_str().into_iter().chain(inner).collect()
}

#[test]
fn an_unusable_notifier_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = new_site(folder.path(), "[approvals]\nnotify = [\"nobody\"]\n");
    let refused = clawback.fails(2, &["history"]);
    assert!(refused.contains("[notifiers.nobody]"), "{refused}");
    let other = tempfile::tempdir().unwrap();
    let clawback = new_site(
        other.path(),
        "[notifiers.m]\nkind = \"email\"\nserver = \"localhost\"\nfrom = \"a@b.example\"\nto = []\n",
    );
    let refused = clawback.fails(2, &["history"]);
    assert!(refused.contains("names nobody"), "{refused}");
}
