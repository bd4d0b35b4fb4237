//! Signed votes with the real binary and the real `ssh-keygen`.

use clawback_tests::binary::{Clawback, write_secret};
use clawback_tests::mail::CAMPAIGN_SENDER;
use clawback_tests::maildirs;
use clawback_tests::served::Served;
use clawback_tests::ssh::SshKey;

const MAILDIR: &str = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";

#[test]
fn an_approver_signs_on_the_command_line_here_and_through_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let options = maildirs::Options { empty: vec!["Recoverable Items".to_owned()], ..Default::default() };
    maildirs::write(&folder.path().join("mail"), &options).unwrap();
    let admin = Clawback::init(folder.path(), MAILDIR);
    let ben = admin.add("ben", "approver");
    let key = SshKey::make(folder.path(), "ben", "ed25519");
    let key_file = key.file.to_str().unwrap();
    let config = folder.path().join("clawback.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let signed = "\n[signed-votes]\nrequired = \"always\"\nkeys = \"approvers\"\n";
    write_secret(&config, &(text + signed)).unwrap();
    let doctor = String::from_utf8(admin.run(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("the keys of approvers"), "{doctor}");
    write_secret(&folder.path().join("approvers"), &key.line("ben")).unwrap();

    let submit = ["submit", "--name", "Phish", "--action", "soft-delete", "--from", CAMPAIGN_SENDER];
    let pending = admin.json(&submit);
    let id = pending["id"].as_str().unwrap();
    let refused = ben.fails(1, &["approve", id]);
    assert!(refused.contains(&format!("clawback approve {id} --key FILE")), "{refused}");
    let refused = ben.fails(1, &["approve", id, "--key", "nowhere"]);
    assert!(refused.contains("the vote was not signed with nowhere, and not cast"), "{refused}");
    let done = ben.json(&["approve", id, "--key", key_file]);
    assert_eq!(done["status"], "completed", "{done}");
    let told = admin.ok(&["show", id, "--events"]);
    assert!(told.contains("signed by an SSH key"), "{told}");

    let served = Served::start(&admin, &[]);
    let undo = admin.through(served.url()).json(&["undo", id]);
    let undo = undo["id"].as_str().unwrap();
    let ben = ben.through(served.url());
    let refused = ben.fails(1, &["approve", undo]);
    assert!(refused.contains("this site asks for signed votes"), "{refused}");
    let done = ben.json(&["approve", undo, "--key", key_file]);
    assert_eq!(done["status"], "completed", "{done}");
    drop(served);
    admin.ok(&["verify"]);
    let doctor = String::from_utf8(admin.run(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("signed votes: always, keys of ben"), "{doctor}");
}
