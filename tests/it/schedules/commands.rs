//! `clawback schedules` and `clawback sweeps` as commands.

use clawback_tests::binary::Clawback;
use clawback_tests::maildirs;

const MAILDIR: &str = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";
const PLAYBOOK: &str = "playbook: watch
on: { schedule: { cron: \"* * * * * *\", misfire: run-once } }
steps:
  - search: { where: { from: nobody@nowhere.example } }
  - remediate: { action: soft-delete }
  - sweep: { every: 1h, for: 1d }
";
/// Each try starts a process, and a slot is due every second.
const TRIES: u32 = 100;

#[test]
fn schedules_and_sweeps_are_listed_and_controlled() {
    let folder = tempfile::tempdir().unwrap();
    maildirs::write(&folder.path().join("mail"), &maildirs::Options::default()).unwrap();
    let clawback = Clawback::init(folder.path(), MAILDIR);
    let vic = clawback.add("vic", "viewer");
    let listed = clawback.json(&["schedules", "list"]);
    assert_eq!(
        (&listed["items"][0]["name"], &listed["items"][0]["state"]),
        (&"sweep-junk-worthy".into(), &"paused".into())
    );

    std::fs::write(folder.path().join("workflows/watch.yaml"), PLAYBOOK).unwrap();
    let fired = (0..TRIES).find_map(|_| {
        clawback.ok(&["worker", "--once"]);
        let slots = clawback.json(&["schedules", "slots", "watch"]);
        let items = slots["items"].as_array().unwrap().clone();
        items.iter().find_map(|slot| Some((slot["slot"].clone(), slot["remediation"].as_str()?.to_owned())))
    });
    let (slot, remediation) = fired.expect("a slot a second");
    let shown = clawback.json(&["show", &remediation]);
    assert_eq!((&shown["remediation"]["as_of"], &shown["remediation"]["action_source"]), (&slot, &"schedule".into()));
    assert_eq!(shown["remediation"]["status"], "nothing-to-do");
    assert_eq!((&shown["sweep"]["first"], &shown["sweep"]["looks"]), (&remediation.as_str().into(), &0.into()));

    // It searched everything and found nothing: the slot records it, and the lists have no row of it.
    let slots = clawback.ok(&["schedules", "slots", "watch"]);
    assert!(slots.contains(&format!("{remediation}: nothing found in ")), "{slots}");
    let rows = |arguments: &[&str]| vic.json(arguments)["items"].as_array().unwrap().len();
    assert_eq!((rows(&["history"]), rows(&["history", "--status", "nothing-to-do", "--limit", "1"])), (0, 1));
    assert!(rows(&["history", "--empty"]) >= 1);

    let next = vic.json(&["schedules", "next", "watch", "--count", "3"]);
    assert_eq!(next["items"].as_array().unwrap().len(), 3);
    assert!(vic.fails(1, &["schedules", "pause", "watch"]).contains("needs the role analyst"));
    assert!(vic.fails(2, &["schedules", "next", "wtch"]).contains("no playbook `wtch` has a schedule"));
    assert!(clawback.fails(2, &["schedules", "pause", "wtch"]).contains("known are sweep-junk-worthy, watch"));
    clawback.ok(&["schedules", "pause", "watch"]);
    let listed = clawback.ok(&["schedules", "list"]);
    assert!(listed.lines().any(|line| line.starts_with("watch") && line.contains("paused")), "{listed}");
    assert_eq!(vic.json(&["schedules", "next"])["items"].as_array().unwrap().len(), 0);
    let by_hand = clawback.json(&["schedules", "run", "watch", "--no-run"]);
    assert_eq!((&by_hand["action_source"], &by_hand["requested_by"]), (&"manual".into(), &"admin".into()));
    clawback.ok(&["schedules", "resume", "watch"]);

    let under_way = vic.json(&["sweeps", "list"])["items"].as_array().unwrap().len();
    assert!(under_way >= 2);
    assert!(vic.fails(1, &["sweeps", "stop", &remediation]).contains("needs the role analyst"));
    clawback.ok(&["sweeps", "stop", &remediation]);
    assert_eq!(vic.json(&["sweeps", "list"])["items"].as_array().unwrap().len(), under_way - 1);
    assert!(clawback.ok(&["show", &remediation]).contains("ended: admin stopped it"));
    clawback.ok(&["verify"]);
}
