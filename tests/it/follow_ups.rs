//! The follow-ups of a remediation as people read them: who decided, what each event says, what is undone by what, and
//! what may be requested next.

use clawback_tests::binary::Clawback;
use clawback_tests::mail::CAMPAIGN_SENDER;
use clawback_tests::maildirs;

const PLAYBOOK: &str = "playbook: purge
description: Asks for a vote where it is told to.
on: { manual: {} }
inputs:
  sender: { type: address, required: true }
  ask: { type: boolean, default: false }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - approve: { when: inputs.ask, votes: 1, from: [approver], two-step: false, expires: 7d }
  - remediate: { action: soft-delete }
";

struct Site {
    _folder: tempfile::TempDir,
    admin: Clawback,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = maildirs::Options { empty: vec!["Recoverable Items".to_owned()], ..Default::default() };
        maildirs::write(&folder.path().join("mail"), &options).unwrap();
        let store = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";
        let admin = Clawback::init(folder.path(), store);
        std::fs::write(folder.path().join("workflows/purge.yaml"), PLAYBOOK).unwrap();
        Self { _folder: folder, admin }
    }

    fn purge(&self, ask: bool) -> serde_json::Value {
        let (sender, ask) = (format!("sender={CAMPAIGN_SENDER}"), format!("ask={ask}"));
        self.admin.json(&["run", "purge", "-i", &sender, "-i", &ask])
    }

    /// All that a person sees of one remediation.
    fn seen(&self, id: &str) -> String {
        let output = self.admin.run(&["show", id]);
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }
}

fn id(remediation: &serde_json::Value) -> &str {
    remediation["id"].as_str().unwrap()
}

#[test]
fn an_undo_and_what_it_undoes_are_linked_both_ways() {
    let site = Site::new();
    let done = site.purge(false);
    let offer = format!("clawback undo {} puts it back", id(&done));
    assert!(site.seen(id(&done)).contains(&offer));
    assert!(site.seen(id(&done)).contains("nobody: no vote was asked for (admin requested it)"));
    let undo = site.admin.json(&["undo", id(&done)]);
    assert_eq!(undo["status"], "completed", "{undo}");

    let seen = site.seen(id(&done));
    assert!(seen.contains("undone by:") && seen.contains(&format!("{} (completed, ", id(&undo))), "{seen}");
    assert!(!seen.contains(&offer), "{seen}");
    let shown = site.admin.json(&["show", id(&done)]);
    assert_eq!((&shown["undone_by"][0]["id"], &shown["to_undo"]), (&undo["id"], &0.into()), "{shown}");
    assert_eq!(shown["undone_by"][0]["succeeded"], done["counts"]["succeeded"]);
    let again = site.admin.fails(1, &["undo", id(&done)]);
    assert!(again.contains(&format!("were put back by {}", id(&undo))), "{again}");
    assert!(site.admin.fails(1, &["retry", id(&done)]).contains("no message of it failed"));
    assert!(site.admin.fails(1, &["resume", id(&done)]).contains("it has ended"));
}

#[test]
fn a_rejected_undo_offers_none_and_leaves_the_first_as_it_was() {
    let site = Site::new();
    let pending = site.purge(true);
    assert_eq!(pending["status"], "pending-approval");
    let done = site.admin.json(&["approve", id(&pending), "-m", "it is the \u{202e}campaign"]);
    assert_eq!(done["status"], "completed", "{done}");
    let undo = site.admin.json(&["undo", id(&done)]);
    assert_eq!(undo["status"], "pending-approval", "the vote of the first");
    assert!(site.seen(id(&done)).contains("(pending-approval, 0 put back)"));
    site.admin.ok(&["reject", id(&undo), "-m", "it was no mistake"]);
    assert!(!site.seen(id(&undo)).contains("clawback undo"));
    let seen = site.seen(id(&done));
    assert!(!seen.contains("undone by") && seen.contains("puts it back"), "{seen}");

    let events = site.admin.ok(&["show", id(&done), "--events"]);
    for words in ["approved: it is the \\u{202e}campaign", "asks for 1 vote", "succeeded"] {
        assert!(events.contains(words), "{words}: {events}");
    }
    let events = site.admin.json(&["show", id(&undo), "--events"]);
    let said = |kind: &str| {
        let items = events["items"].as_array().unwrap();
        items.iter().find(|one| one["event"] == kind).unwrap()["detail"].as_str().unwrap().to_owned()
    };
    assert!(said("voted").starts_with("rejected: it was no mistake (plan "), "{events}");
    assert!(said("submitted").contains(&format!("messages that {} moved", id(&done))));
}
