//! Whole remediations on real IMAP servers: what is found, what each action does and reports, and what undo does with
//! it, compared with what an independent client reads from the server. The table in tests/README.md follows these
//! tests.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use clawback_app::Api;
use clawback_connectors::{Host, MailStore};
use clawback_model::{ManualClock, Outcome, Principal, Remediation, Role, Throttles};
use clawback_runtime::{Site, silent};
use clawback_store::Store;
use clawback_tests::access::{Access, Login};
use clawback_tests::components;
use clawback_tests::imap_client::{Kept, Snapshot, difference};
use clawback_tests::mail::Random;
use clawback_tests::site::{api, noon, person, site, submission};
use clawback_tests::world;

mod abuse_mailbox;
mod campaigns;
mod cuts;
mod deletes;
mod headers;
mod logins;
mod mbsync;
mod report_mails;
mod simulations;

mod refusals;
mod verbs;

/// The sender of the campaign.
const SENDER: &str = "payroll@evil.example";
/// One action on all of a sender's mail.
const PLAYBOOK: &str = "playbook: act
description: One action on all of a sender's mail, without approval.
severity: high
on: { manual: {} }
inputs:
  action: { type: text, required: true }
  sender: { type: address, required: true }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: \"${inputs.action}\", canary: 0 }
  - verify: {}
";
/// Puts mail back without receipts.
const RESTORE: &str = "playbook: give-back
description: A sender's mail from where it was hidden to the inbox.
severity: low
on: { manual: {} }
inputs:
  sender: { type: address, required: true }
steps:
  - search: { where: { from: \"${inputs.sender}\", latest-delivery-location: [quarantine, recoverable-items, junk] } }
  - remediate: { action: restore, canary: 0 }
  - verify: {}
";

/// A site with one store on a server.
struct World {
    access: Access,
    store: Arc<dyn MailStore>,
    api: Api,
    clock: Arc<ManualClock>,
    ann: Principal,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(access: Access) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = access.store(folder.path());
        Self::of(folder, access, &config).await
    }

    /// A site with a store of Maildirs, without a server.
    async fn of_maildirs(directory: &Path) -> Self {
        let nowhere = Access::new(([127, 0, 0, 1], 1).into(), Login::Own { password: String::new() }, Vec::new());
        let config = format!("connector = \"maildir\"\ndirectory = \"{}\"", directory.display());
        Self::of(tempfile::tempdir().unwrap(), nowhere, &config).await
    }

    async fn of(folder: tempfile::TempDir, access: Access, config: &str) -> Self {
        Self::of_site(folder, access, config, |_| {}).await
    }

    /// The same, with a change of the site's settings.
    async fn of_site(folder: tempfile::TempDir, access: Access, config: &str, change: impl FnOnce(&mut Site)) -> Self {
        let config = toml::from_str(config).expect("the test's own configuration");
        let store: Arc<dyn MailStore> = host().load("corp", &config).await.unwrap();
        let history = Store::open(&format!("sqlite:{}", folder.path().join("test.db").display())).await.unwrap();
        let clock = noon();
        let playbooks = [("act", PLAYBOOK), ("give-back", RESTORE)];
        let mut site = site(history, vec![Arc::clone(&store)], &playbooks, Arc::clone(&clock) as _);
        // The same selection repeatedly, and many messages in few mailboxes.
        site.throttles = Throttles { same_selection_minutes: 0, recipients_ratio: 0.0, ..Throttles::default() };
        change(&mut site);
        let ann = person("ann", &[Role::Analyst, Role::Purger]);
        Self { access, store, api: api(site), clock, ann, _folder: folder }
    }

    async fn run(&self, playbook: &str, inputs: &[(&str, &str)]) -> Remediation {
        let submitted = self.api.submit(&self.ann, submission(playbook, inputs)).await.unwrap();
        self.finish(&submitted).await
    }

    async fn finish(&self, submitted: &Remediation) -> Remediation {
        let done = world::worker(&self.api).run(&submitted.id).await.unwrap();
        assert!(done.counts.is_consistent(), "{:?}", done.counts);
        done
    }

    /// Runs `action` on all of the campaign.
    async fn act(&self, action: &str) -> Remediation {
        self.run("act", &[("action", action), ("sender", SENDER)]).await
    }

    async fn undo(&self, of: &Remediation) -> Remediation {
        let submitted = self.api.undo(&self.ann, &of.id).await.unwrap();
        self.finish(&submitted).await
    }

    /// The number of messages that a dry run of `action` counts, or why it refuses.
    async fn counted(&self, action: &str) -> Result<u64, String> {
        let asked = submission("act", &[("action", action), ("sender", SENDER)]);
        let dry = self.api.dry_run(&self.ann, asked, 0, &silent()).await.map_err(|error| error.to_string())?;
        dry.plan.map(|plan| plan.counts.remediable).map_err(|reason| reason.to_string())
    }

    async fn outcomes(&self, of: &Remediation) -> Vec<Outcome> {
        let messages = self.api.site().history.messages(&of.id, None, 100_000).await.unwrap();
        messages.into_iter().filter_map(|(_, outcome)| outcome).collect()
    }

    /// The first details of single messages, for a failed test.
    async fn told(&self, of: &Remediation) -> String {
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for outcome in self.outcomes(of).await {
            *kinds.entry(format!("{:?}/{:?}: {:?}", outcome.kind, outcome.reason, outcome.detail)).or_default() += 1;
        }
        format!("{:?} {:?} {:?} {kinds:#?}", of.status, of.stop, of.counts)
    }

    /// Everything in every mailbox, except folders whose name begins with one of `without`.
    fn snapshot(&self, without: &[&str]) -> Vec<Snapshot> {
        let mailboxes = self.access.mailboxes.iter();
        mailboxes.map(|mailbox| self.access.session(mailbox).snapshot_without(without)).collect()
    }
}

/// One host for all tests of this process: compiling the component takes longer than most of them.
fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(components::host)
}

/// Asserts that all mailboxes are as expected.
#[track_caller]
fn assert_same(expected: &[Snapshot], seen: &[Snapshot], when: &str) {
    for (number, (expected, seen)) in expected.iter().zip(seen).enumerate() {
        assert!(expected == seen, "{when}, mailbox {number}: {}", difference(expected, seen));
    }
}

/// How a server names folders.
#[derive(Clone, Copy)]
struct Names {
    prefix: &'static str,
    delimiter: char,
    odd: [&'static str; 5],
}

impl Names {
    const FLAT: Self = Self { prefix: "", delimiter: '/', odd: ODD };
    const BENEATH_INBOX: Self = Self { prefix: "INBOX.", delimiter: '.', odd: ODD };

    /// For servers that refuse the unusual names.
    fn with_plainer_names(self) -> Self {
        Self { odd: PLAINER, ..self }
    }

    /// A folder's full name; `/` is replaced by the delimiter.
    fn of(self, folder: &str) -> String {
        let inner = folder.replace('/', &self.delimiter.to_string());
        if folder == "INBOX" { inner } else { format!("{}{inner}", self.prefix) }
    }
}

/// Folder names that are hard for the protocol.
const ODD: [&str; 5] =
    ["Projects/2026", "Quotes \"and\" back\\slash {5}", "100% & *more*", "Entwürfe ☃", " (blanks) at both ends "];
/// Unusual names of letters that every server accepts.
const PLAINER: [&str; 5] = ["Projects/2026", "Plus + and = #1", "Fish & Chips", "Entwürfe ☃", "7:8:INBOX"];

/// The content of each mailbox: the campaign in the inbox and in every odd folder, a message without Message-ID,
/// identical copies, and mail that must not change in each folder, some of it marked for deletion by its owner.
struct Seeded {
    /// The beginning of the campaign's messages, by which [`Kept`] identifies them.
    marker: &'static str,
    /// The campaign's messages in one mailbox.
    each: u64,
}

impl Seeded {
    fn is_campaign(&self, kept: &Kept) -> bool {
        kept.start.contains(self.marker)
    }

    /// The mailboxes after the whole campaign was moved into one folder.
    fn moved(&self, before: &[Snapshot], folder: &str) -> Vec<Snapshot> {
        let moved = |kept: &Kept| Kept {
            folder: if self.is_campaign(kept) { folder.to_owned() } else { kept.folder.clone() },
            ..kept.clone()
        };
        before
            .iter()
            .map(|mailbox| {
                let mut after = Snapshot::new();
                for (kept, count) in mailbox {
                    *after.entry(moved(kept)).or_default() += count;
                }
                after
            })
            .collect()
    }

    /// The mailboxes after the whole campaign was deleted.
    fn deleted(&self, before: &[Snapshot]) -> Vec<Snapshot> {
        let without = |mailbox: &Snapshot| -> Snapshot {
            mailbox
                .iter()
                .filter(|(kept, _)| !self.is_campaign(kept))
                .map(|(kept, count)| (kept.clone(), *count))
                .collect()
        };
        before.iter().map(without).collect()
    }
}

fn raw(from: &str, subject: &str, id: Option<&str>) -> Vec<u8> {
    let id = id.map_or(String::new(), |id| format!("Message-ID: <{id}>\r\n"));
    format!(
        "From: {from}\r\nTo: Staff <staff@acme.test>\r\nSubject: {subject}\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n{id}\
         \r\nText of {subject}\r\n.\r\nA line with a dot above.\r\n"
    )
    .into_bytes()
}

/// Fills every mailbox. See [`Seeded`].
fn seed(access: &Access, names: Names) -> Seeded {
    const CAMPAIGN: &str = "Salary statement";
    let mut random = Random::new(7);
    for mailbox in &access.mailboxes {
        let mut session = access.session(mailbox);
        let have: HashSet<String> = session.folders().into_iter().collect();
        for folder in names.odd.iter().map(|folder| names.of(folder)).filter(|folder| !have.contains(folder)) {
            session.create(&folder);
        }
        let mut time = || 1_764_547_200 + i64::try_from(random.below(300 * 86_400)).unwrap();
        let payroll = |number: &str| {
            raw(
                "Payroll <payroll@evil.example>",
                &format!("{CAMPAIGN} {number}"),
                Some(&format!("{number}@evil.example")),
            )
        };
        session.append("INBOX", &payroll("1"), &[], time());
        session.append("INBOX", &payroll("2"), &["\\Seen"], time());
        session.append("INBOX", &payroll("3"), &["\\Flagged", "\\Answered"], time());
        let same = time();
        session.append("INBOX", &payroll("twins"), &[], same);
        session.append("INBOX", &payroll("twins"), &[], same);
        session.append(
            "INBOX",
            &raw("payroll@evil.example", &format!("{CAMPAIGN} nameless"), None),
            &["\\Seen"],
            time(),
        );
        for (number, folder) in names.odd.iter().enumerate() {
            session.append(
                &names.of(folder),
                &payroll(&format!("odd {number}").replace(' ', "-")),
                &["\\Seen"],
                time(),
            );
        }
        for (number, folder) in ["INBOX"].iter().chain(&names.odd).enumerate() {
            let friend = |what: &str| {
                let id = format!("{what}{number}@good.example");
                raw("\"payroll@evil.example\" <friend@good.example>", &format!("{what} {number}"), Some(&id))
            };
            session.append(&names.of(folder), &friend("Lunch"), &["\\Seen"], time());
            session.append(&names.of(folder), &friend("Deleted-by-owner"), &["\\Deleted"], time());
        }
    }
    Seeded { marker: CAMPAIGN, each: 6 + names.odd.len() as u64 }
}
