//! Investigations: from one message to its clusters, a verdict, and a plan that waits for a vote.

use serde_json::Value;

use crate::examination::{Site, TEXT, ids, mail};

const OTHER: &str = "The minutes of our meeting are attached, and the next one is on Tuesday in the large room of the \
    second floor, where we will talk about the new schedule of the cleaning and about the plants near the entrance.";

/// A message with an attached document.
fn with_file(id: &str, from: &str, subject: &str, text: &str, document: &str) -> String {
    let data = data_encoding::BASE64.encode(document.repeat(40).as_bytes());
    format!(
        "Message-ID: <{id}>\r\nFrom: {from}\r\nTo: ann@corp.example\r\nSubject: {subject}\r\n\
         Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n\
         --b\r\nContent-Type: application/pdf; name=invoice.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n\
         {data}\r\n--b--\r\n"
    )
}

/// Delivers a campaign, of which one message has another text, and mails of strangers. Returns the file of the root.
fn campaign(site: &Site) -> String {
    let root = mail("root@one.example", "hr@one.example", "Your salary is on hold", TEXT, "https://pay.bad.example/a");
    site.deliver("ann", 1, &root);
    site.deliver("ben", 2, &mail("2@two.example", "x@two.example", "Konto", TEXT, "https://q.bad.example/b"));
    // Another text, with the link of the root.
    site.deliver("ben", 3, &mail("3@three.example", "y@three.example", "News", OTHER, "https://pay.bad.example/a"));
    // Another text and link, with subject and sender domain.
    let again = mail("4@one.example", "it@one.example", "Re: Your salary is on hold", OTHER, "https://x.example/");
    site.deliver("cy", 4, &again);
    site.deliver("cy", 5, &mail("5@corp.example", "dan@corp.example", "Minutes", OTHER, "https://wiki.corp.example/"));
    // A stranger whose text is that of the root, with another sender and link.
    site.deliver("cy", 6, &mail("6@six.example", "s@six.example", "Warning", TEXT, "https://warn.example/"));
    site.file("root.eml", &root)
}

fn cluster<'a>(found: &'a Value, by: &str) -> &'a Value {
    let clusters = found["facts"]["clusters"].as_array().unwrap_or_else(|| panic!("{found}"));
    clusters.iter().find(|cluster| cluster["by"] == by).unwrap_or_else(|| panic!("no {by} in {found}"))
}

#[test]
fn a_message_in_a_mailbox_is_a_root() {
    let site = Site::new();
    let file = campaign(&site);
    let delivered = ["--mailbox", "ann", "--message-id", "<root@one.example>"];
    let found = site.clawback.json(&[&["investigate", "--dry-run"][..], &delivered].concat());
    assert_eq!(ids(&found), ids(&site.clawback.json(&["investigate", &file, "--dry-run"])), "{found}");
    assert_eq!(site.clawback.json(&[&["examine"][..], &delivered].concat())["from"], "hr@one.example");

    for (mailbox, id) in [("ann", "<2@two.example>"), ("nobody", "<root@one.example>")] {
        let said = site.clawback.fails(1, &["examine", "--mailbox", mailbox, "--message-id", id]);
        assert!(said.contains(&format!("no store has this message in mailbox `{mailbox}`")), "{said}");
    }
    // A sender chooses the Message-ID, also that of a mail which is in the mailbox already.
    site.deliver("ann", 9, &mail("root@one.example", "eve@evil.example", "Offer", OTHER, "https://evil.example/"));
    let said = site.clawback.fails(1, &[&["investigate"][..], &delivered].concat());
    assert!(said.contains("different mails of the mailbox have the Message-ID <root@one.example>"), "{said}");
    let said = site.clawback.fails(2, &["investigate", &file, "--mailbox", "ann", "--message-id", "<1@x>"]);
    assert!(said.contains("cannot be used with"), "{said}");
}

#[test]
fn a_campaign_is_found_by_its_clusters_and_removed_after_one_vote() {
    let site = Site::new();
    let root = campaign(&site);
    let found = site.clawback.json(&["investigate", &root, "--dry-run"]);
    let all = ["<2@two.example>", "<3@three.example>", "<4@one.example>", "<root@one.example>"];
    assert_eq!(ids(&found), all, "{found}");
    for (by, messages) in [("body", 2), ("url", 2), ("subject+sender-domain", 2), ("body+url-host", 2)] {
        assert_eq!(cluster(&found, by)["messages"], messages, "{by} of {found}");
    }
    assert_eq!(cluster(&found, "subject+sender-domain")["alone"], 1);
    assert_eq!(cluster(&found, "body")["read"], 2, "both are seen");
    assert_eq!((&found["facts"]["verdict"], &found["facts"]["sure"]), (&"malicious".into(), &2.into()), "{found}");
    assert!(found["facts"]["clusters_not_made"].to_string().contains("sending address"), "{found}");
    assert!(found["facts"]["left_out"].to_string().contains("perhaps a copy"), "the stranger is shown: {found}");

    // One cluster alone is a plan, too.
    let one = site.clawback.json(&["investigate", &root, "--by", "url", "--dry-run"]);
    assert_eq!(ids(&one), ["<3@three.example>", "<root@one.example>"]);

    // A message that is in no sure cluster makes the plan wait for a vote.
    let ben = site.clawback.add("ben", "approver");
    let pending = site.clawback.json(&["investigate", &root]);
    assert_eq!(pending["status"], "pending-approval", "{pending}");
    assert_eq!(pending["name"], "Investigate \"Your salary is on hold\"");
    let id = pending["id"].as_str().unwrap().to_owned();
    let shown = ben.ok(&["show", &id]);
    assert!(shown.contains("body+url-host") && shown.contains("malicious"), "{shown}");
    let export = ben.ok(&["export", &id, "--format", "o365-air"]);
    assert!(export.contains("ClusterBy") && export.contains("Subject;P2SenderDomain"), "{export}");
    ben.ok(&["approve", pending["approval_id"].as_str().unwrap()]);
    let done = site.clawback.json(&["run", &id]);
    assert_eq!((&done["status"], &done["counts"]["succeeded"]), (&"completed".into(), &4.into()), "{done}");
    let reasons = ben.ok(&["show", &id, "--messages", "--format", "json"]);
    assert!(reasons.contains("cluster subject+sender-domain"), "{reasons}");
    site.clawback.ok(&["verify"]);
}

#[test]
fn a_file_is_found_in_any_message_and_waits_for_a_vote() {
    let site = Site::new();
    let root = with_file("root@one.example", "hr@one.example", "Invoice 1", TEXT, "%PDF threat");
    site.deliver("ann", 1, &root);
    site.deliver("ben", 2, &with_file("2@two.example", "x@two.example", "Other", OTHER, "%PDF threat"));
    site.deliver("ben", 3, &with_file("3@two.example", "x@two.example", "Other", OTHER, "%PDF another"));
    let root = site.file("root.eml", &root);
    let found = site.clawback.json(&["investigate", &root, "--by", "file", "--by", "body", "--dry-run"]);
    assert_eq!(ids(&found), ["<2@two.example>", "<root@one.example>"], "{found}");
    assert_eq!(found["approval"]["votes"], 1, "a public document is no proof: {found}");
    let copies = site.clawback.json(&["investigate", &root, "--by", "body", "--dry-run"]);
    assert_eq!(ids(&copies), [""; 0], "nothing joins it to its root but the text: {copies}");
    let suspicious = site.clawback.json(&["investigate", &root, "--by", "file"]);
    assert_eq!(suspicious["status"], "pending-approval", "{suspicious}");
}

#[test]
fn the_text_of_strangers_makes_no_copies() {
    let site = Site::new();
    let footer = "You receive this message because you subscribed to the list of the town. To leave the list write to \
        the address below with the word leave as the subject and nothing else in the text of the message please.";
    let notice = "This message and its attachments can contain confidential information and are intended for the named \
        recipients only. Tell the sender if you have received it by mistake and delete it from all of your systems.";
    let own = "Open the document that our office shared with you this morning, sign every page of it with your new \
        certificate, and send the signed copy back before noon.";
    let link = "https://docs.bad.example/";
    let root = mail("root@one.example", "eve@one.example", "Hello", &format!("{own} {footer} {notice}"), link);
    let deliver = |number: u32, text: &str| {
        let (id, from) = (format!("{number}@s{number}.example"), format!("w@s{number}.example"));
        site.deliver("ann", number, &mail(&id, &from, "Garden", text, link));
    };
    for number in 10..13 {
        deliver(number, &format!("{OTHER} {footer}"));
        deliver(number + 10, &format!("{OTHER} {notice}"));
    }
    // A stranger who writes both: most of the root, but nothing of its own.
    deliver(30, &format!("{OTHER} {footer} {notice}"));
    site.deliver("cy", 1, &root);
    let root = site.file("root.eml", &root);
    let found = site.clawback.json(&["plan", "purge-like", "--like", &root, "--dry-run"]);
    assert_eq!(ids(&found), ["<root@one.example>"], "{found}");
}

#[test]
fn a_message_without_traits_of_its_own_is_refused() {
    let site = Site::new();
    let root = site.file("root.eml", "From: x@gmail.com\r\nSubject: Hi\r\n\r\nHello\r\n");
    let refused = site.clawback.fails(2, &["investigate", &root]);
    assert!(refused.contains("makes no cluster") && refused.contains("its text is too short"), "{refused}");
    let attached = site.clawback.fails(2, &["investigate", &root, "--attached"]);
    assert!(attached.contains("no message is attached"), "{attached}");
}

#[test]
fn a_plan_that_waits_can_be_cancelled_before_anything_moves() {
    let site = Site::new();
    let root = campaign(&site);
    let file = site.folder.path().join("workflows/investigate.yaml");
    let shipped = std::fs::read_to_string(&file).unwrap();
    let waits = shipped.replace("  - remediate:", "  - wait: { for: 1h }\n  - remediate:");
    let waits = waits.replace("plan.sure < plan.count", "false");
    assert!(waits.contains("|| false"), "{waits}");
    std::fs::write(&file, waits).unwrap();
    let waiting = site.clawback.json(&["investigate", &root]);
    assert_eq!(waiting["status"], "approved", "{waiting}");
    assert!(waiting["starts_at"].is_string() && waiting["counts"]["open"] == 4, "{waiting}");
    let id = waiting["id"].as_str().unwrap();
    assert!(site.clawback.ok(&["show", id]).contains("waits until"));
    let cancelled = site.clawback.json(&["cancel", id]);
    assert_eq!((&cancelled["status"], &cancelled["counts"]["cancelled"]), (&"cancelled".into(), &4.into()));
}

/// A campaign of four copies, which are all sure.
fn copies(site: &Site) -> String {
    let root = mail("root@one.example", "hr@one.example", "Your salary is on hold", TEXT, "https://pay.bad.example/a");
    site.deliver("ann", 1, &root);
    for number in 2..5 {
        let (id, from) = (format!("{number}@s{number}.example"), format!("x@s{number}.example"));
        site.deliver("ben", number, &mail(&id, &from, "Konto", TEXT, "https://q.bad.example/b"));
    }
    site.file("root.eml", &root)
}

/// Appends to the configuration of a site.
fn configure(site: &Site, more: &str) {
    let file = site.folder.path().join("clawback.toml");
    let known = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, known + more).unwrap();
}

#[test]
fn what_a_service_investigates_is_removed_without_a_vote_only_where_the_site_says_so() {
    let site = Site::new();
    let root = copies(&site);
    site.clawback.ok(&["principals", "add", "hunter", "--service", "--owner", "admin", "--role", "analyst"]);
    let token = site.folder.path().join("hunter.token");
    site.clawback.ok(&["principals", "token", "hunter", "--output", &token.display().to_string()]);
    let hunter = site.clawback.with_token(&token);

    // Off, whatever the playbook says.
    let file = site.folder.path().join("workflows/investigate.yaml");
    let shipped = std::fs::read_to_string(&file).unwrap();
    let (before, after) = (shipped.find("  - approve:").unwrap(), shipped.find("  - remediate:").unwrap());
    std::fs::write(&file, format!("{}{}", &shipped[..before], &shipped[after..])).unwrap();
    let pending = hunter.json(&["investigate", &root]);
    assert_eq!(pending["status"], "pending-approval", "{pending}");
    let reasons = &pending["facts"]["not_automatic"];
    assert_eq!((reasons.as_array().map(Vec::len), &reasons[0]["rule"]), (Some(1), &"switched-on".into()), "{pending}");
    let id = pending["id"].as_str().unwrap();
    let shown = site.clawback.ok(&["show", id]);
    assert!(shown.contains("asks for a vote") && shown.contains("automatic remediation is off"), "{shown}");
    site.clawback.ok(&["cancel", id]);
    // A person starts the same without a vote, as the playbook says.
    let by_hand = site.clawback.json(&["investigate", &root, "--dry-run"]);
    assert_eq!((&by_hand["approval"], ids(&by_hand).len()), (&Value::Null, 4), "{by_hand}");

    // On, with another rule that asks for a person.
    std::fs::write(&file, &shipped).unwrap();
    configure(&site, "\n[investigations]\nautomatic = true\nat-most = 3\n");
    let dry = hunter.json(&["investigate", &root, "--dry-run"]);
    assert_eq!((&dry["facts"]["not_automatic"][0]["rule"], &dry["approval"]["votes"]), (&"at-most".into(), &1.into()));
    let config = site.folder.path().join("clawback.toml");
    let raised = std::fs::read_to_string(&config).unwrap().replace("at-most = 3", "at-most = 4");
    std::fs::write(&config, raised).unwrap();
    let done = hunter.json(&["investigate", &root]);
    assert_eq!((&done["status"], &done["counts"]["succeeded"]), (&"completed".into(), &4.into()), "{done}");
    assert_eq!(done["facts"]["automatic"], true, "{done}");
    assert!(
        site.clawback.ok(&["show", done["id"].as_str().unwrap()]).contains("rules for automatic remediation are met")
    );
    site.clawback.ok(&["verify"]);
}

#[test]
fn a_script_gives_the_verdict_on_a_plan() {
    let site = Site::new();
    let root = copies(&site);
    let file = site.folder.path().join("workflows/investigate.yaml");
    let shipped = std::fs::read_to_string(&file).unwrap();
    let judged = shipped.replace("malicious: plan.sure > 0", "script: judge.rhai");
    assert_ne!(judged, shipped);
    std::fs::write(&file, judged).unwrap();
    let script =
        "fn verdict(plan) { if plan.clusters[\"body\"].messages > 3 { \"malicious\" } else { \"suspicious\" } }";
    let path = site.folder.path().join("scripts/judge.rhai");
    std::fs::write(&path, script).unwrap();
    let found = site.clawback.json(&["investigate", &root, "--dry-run"]);
    assert_eq!((&found["facts"]["verdict"], &found["approval"]), (&"malicious".into(), &Value::Null), "{found}");
    std::fs::write(&path, script.replace("> 3", "> 4")).unwrap();
    let found = site.clawback.json(&["investigate", &root, "--dry-run"]);
    assert_eq!((&found["facts"]["verdict"], &found["approval"]["votes"]), (&"suspicious".into(), &1.into()), "{found}");
    std::fs::write(&path, "fn verdict(plan) { plan.cuont }").unwrap();
    let refused = site.clawback.fails(2, &["check", &file.display().to_string()]);
    assert!(refused.contains("judge.rhai:1:"), "{refused}");
}
