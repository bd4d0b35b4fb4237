//! What was not searched never counts as clean: every way in which a search can miss something makes its result
//! partial, or refuses the plan, and names what was missed.

use std::sync::Arc;
use std::time::Duration;

use clawback_app::Api;
use clawback_connectors::{CallError, MailStore};
use clawback_model::{
    Decision, InvestigationStatus, OcsfEvent, Picked, Principal, Reason, Remediation, Role, SelectionMode, Status,
};
use clawback_runtime::{Worker, silent};
use clawback_store::Store;
use clawback_tests::fake_store::FakeStore;
use clawback_tests::site::{NOON, api, known, noon, person, site, submission};
use clawback_tests::world;

const SENDER: &str = "eve@evil.example";
const PLAYBOOK: &str = "playbook: purge
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: soft-delete }
";

struct World {
    stores: Vec<Arc<FakeStore>>,
    api: Api,
    ann: Principal,
    _folder: tempfile::TempDir,
}

impl World {
    /// A number of stores of three mailboxes, each with one message of the sender; and this filter script, if any.
    async fn new(stores: usize, script: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let history = Store::open(&format!("sqlite:{}", folder.path().join("test.db").display())).await.unwrap();
        let stores: Vec<Arc<FakeStore>> =
            (0..stores).map(|number| Arc::new(FakeStore::new(&format!("store{number}")))).collect();
        for (number, store) in stores.iter().enumerate() {
            for letter in ["a", "b", "c"] {
                store.deliver(&format!("{letter}{number}@corp.example"), SENDER, "Invoice", NOON);
            }
        }
        let mails: Vec<Arc<dyn MailStore>> = stores.iter().map(|store| Arc::clone(store) as _).collect();
        let filtered = PLAYBOOK.replace("  - remediate", "  - filter: { script: test.rhai }\n  - remediate");
        let playbook = if script.is_some() { filtered.as_str() } else { PLAYBOOK };
        let mut site = site(history, mails, &[("purge", playbook)], noon());
        site.tuning.outage_pause = Duration::from_millis(20);
        if let Some(script) = script {
            site.library.shipped_scripts.insert("test.rhai".to_owned(), script.to_owned());
        }
        Self { stores, api: api(site), ann: person("ann", &[Role::Analyst]), _folder: folder }
    }

    fn worker(&self) -> Worker {
        world::worker(&self.api)
    }

    async fn run(&self) -> Remediation {
        self.run_with(SelectionMode::Query, Vec::new()).await
    }

    async fn run_with(&self, mode: SelectionMode, picked: Vec<Picked>) -> Remediation {
        let mut asked = submission("purge", &[("sender", SENDER)]);
        (asked.mode, asked.picked) = (mode, picked);
        let submitted = self.api.submit(&self.ann, asked).await.unwrap();
        let mut done = self.worker().run(&submitted.id).await.unwrap();
        if done.status == Status::PendingApproval {
            let ben = known(&self.api.site().history, "ben", &[Role::Approver]).await;
            self.api.decide(&ben, &done.id, Decision::Approve, None, None).await.unwrap();
            done = self.worker().run(&submitted.id).await.unwrap();
        }
        assert!(done.counts.is_consistent(), "{:?}", done.counts);
        self.api.site().history.verify(None, |_| {}).await.unwrap();
        done
    }
}

/// Checks that every front end reports the result as partial, with the reason.
fn is_partial(done: &Remediation, succeeded: u64, why: &str) {
    assert_eq!((done.status, done.counts.succeeded), (Status::PartiallyCompleted, succeeded), "{why}: {:?}", done.stop);
    assert_eq!(InvestigationStatus::of(done), InvestigationStatus::PartiallyRemediated);
    let gaps = done.plan.as_ref().unwrap().facts.not_looked_at();
    assert!(gaps.iter().any(|gap| gap.contains(why)), "{gaps:?} names not `{why}`");
    let event = OcsfEvent::of_end(done, None).unwrap();
    assert_eq!(event.status, "Partial");
    assert!(event.status_detail.unwrap().contains(why));
}

fn refused(done: &Remediation, why: &str) {
    assert_eq!((done.status, InvestigationStatus::of(done)), (Status::Failed, InvestigationStatus::Failed));
    let stop = done.stop.as_ref().unwrap().to_string();
    assert!(stop.contains(why), "{stop}");
}

fn pick(mailbox: &str, message_id: &str) -> Picked {
    Picked { mailbox: mailbox.to_owned(), message_id: message_id.to_owned(), fingerprint: None, locator: None }
}

#[tokio::test]
async fn a_mailbox_that_cannot_be_searched_asks_for_a_person_and_makes_it_partial() {
    let world = World::new(1, None).await;
    world.stores[0].deny("b0@corp.example");
    let submitted = world.api.submit(&world.ann, submission("purge", &[("sender", SENDER)])).await.unwrap();
    let planned = world.worker().run(&submitted.id).await.unwrap();
    assert_eq!(planned.status, Status::PendingApproval, "the playbook has no `approve` step, and a person is asked");
    let done = world.run().await;
    is_partial(&done, 2, "1 mailbox could not be searched, such as b0@corp.example: store `store0` denies access");
}

#[tokio::test]
async fn nothing_found_is_no_all_clear_if_something_was_not_searched() {
    let world = World::new(1, None).await;
    world.stores[0].deny("b0@corp.example");
    let submitted = world.api.submit(&world.ann, submission("purge", &[("sender", "nobody@x.example")])).await.unwrap();
    is_partial(&world.worker().run(&submitted.id).await.unwrap(), 0, "b0@corp.example");
    let world = World::new(1, None).await;
    let submitted = world.api.submit(&world.ann, submission("purge", &[("sender", "nobody@x.example")])).await.unwrap();
    let done = world.worker().run(&submitted.id).await.unwrap();
    assert_eq!((done.status, done.plan.unwrap().facts.searched), (Status::NothingToDo, Some(3)));
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_is_the_only_gap() {
    let world = World::new(1, None).await;
    world.stores[0].leave_gap("c0@corp.example", "Archive", "no right to read");
    let done = world.run().await;
    is_partial(&done, 3, "c0@corp.example: folder `Archive`: no right to read");
    let facts = done.plan.unwrap().facts;
    assert_eq!((facts.searched, facts.unsearched, facts.searched_in_part), (Some(3), 1, 1));
    assert!(done.approval.is_none(), "a gap in one folder needs no vote");
}

#[tokio::test]
async fn a_store_that_fails_does_not_fail_the_others() {
    let world = World::new(2, None).await;
    for letter in ["a", "b", "c"] {
        world.stores[1].deny(&format!("{letter}1@corp.example"));
    }
    is_partial(&world.run().await, 3, "3 mailboxes could not be searched");
    for letter in ["a", "b", "c"] {
        world.stores[0].deny(&format!("{letter}0@corp.example"));
    }
    refused(&world.run().await, "nothing was searched");
}

#[tokio::test]
async fn no_store_and_no_mailbox_are_no_all_clear() {
    refused(&World::new(0, None).await.run().await, "no store is configured");
    let world = World::new(1, None).await;
    let folder = tempfile::tempdir().unwrap();
    let history = Store::open(&format!("sqlite:{}", folder.path().join("empty.db").display())).await.unwrap();
    let empty = api(site(history, vec![Arc::new(FakeStore::new("empty")) as _], &[("purge", PLAYBOOK)], noon()));
    let submitted = empty.submit(&world.ann, submission("purge", &[("sender", SENDER)])).await.unwrap();
    refused(&world::worker(&empty).run(&submitted.id).await.unwrap(), "lists no mailbox");
}

#[tokio::test]
async fn a_script_that_fails_on_every_message_makes_no_plan() {
    let world = World::new(1, Some("fn keep(message) { message.subject + 1 / 0 > \"x\" }")).await;
    let done = world.run().await;
    refused(&done, "script test.rhai failed on 3 of 3 messages: line 1, column ");
    let found = world.api.dry_run(&world.ann, submission("purge", &[("sender", SENDER)]), 5, &silent()).await.unwrap();
    assert!(found.plan.unwrap_err().to_string().contains("failed on 3 of 3 messages"));
}

#[tokio::test]
async fn a_script_that_fails_on_some_messages_makes_it_partial() {
    let script = "fn keep(message) { if message.mailbox == \"b0@corp.example\" { throw \"no\" } else { true } }";
    let world = World::new(1, Some(script)).await;
    let done = world.run().await;
    is_partial(&done, 2, "1 message could not be judged, as a script failed on it, such as test.rhai: ");
    let messages = world.api.site().history.messages(&done.id, None, 10).await.unwrap();
    let failed = messages.iter().filter(|(target, _)| target.not_remediable == Some(Reason::ScriptError)).count();
    assert_eq!((failed, done.counts.not_remediable), (1, 1));
}

#[tokio::test]
async fn reasons_of_scripts_are_kept_and_what_they_leave_out_is_counted() {
    let script = "fn keep(message) {\n\
        if message.mailbox == \"b0@corp.example\" { return #{ keep: false, reason: \"SecOps mailbox\" }; }\n\
        #{ keep: true, reason: \"known brand\", tag: \"brand\" } }";
    let world = World::new(1, Some(script)).await;
    let done = world.run().await;
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 2));
    let facts = done.plan.unwrap().facts;
    assert_eq!(facts.left_out[0].in_words(), "1 message by test.rhai: SecOps mailbox");
    let messages = world.api.site().history.messages(&done.id, None, 10).await.unwrap();
    for (target, _) in &messages {
        let words = (target.script_reason.as_deref(), target.script_tag.as_deref());
        assert_eq!(words, (Some("known brand"), Some("brand")));
    }
}

#[tokio::test]
async fn picks_and_exclusions_that_match_nothing_are_named() {
    let world = World::new(1, None).await;
    let typo = vec![pick("a0@corp.example", "<0@evil.example>"), pick("a0@corp.example", "<typo@x>")];
    is_partial(
        &world.run_with(SelectionMode::Handpicked, typo.clone()).await,
        1,
        "1 picked message was not found, such as a0@corp.example <typo@x>",
    );
    refused(&world.run_with(SelectionMode::Handpicked, vec![pick("z@corp.example", "<0@x>")]).await, "not found");
    let left = world.run_with(SelectionMode::QueryWithExclusions, vec![pick("b0@corp.example", "<typo@x>")]).await;
    assert!(left.approval.is_some(), "an exclusion that excludes nothing asks for a person");
    is_partial(&left, 2, "1 exclusion matched nothing, such as b0@corp.example <typo@x>");
}

#[tokio::test]
async fn a_truncated_text_does_not_count_as_searched() {
    let world = World::new(1, None).await;
    world.stores[0].deliver("d0@corp.example", "other@good.example", "Long", NOON);
    world.stores[0].answer_everything();
    world.stores[0].cut("d0@corp.example", "from");
    is_partial(&world.run().await, 3, "1 message has a text too long to be judged whole, such as d0@corp.example");
}

#[tokio::test]
async fn a_node_that_serves_asks_a_silent_store_again() {
    let world = World::new(1, None).await;
    let store = Arc::clone(&world.stores[0]);
    let submitted = world.api.submit(&world.ann, submission("purge", &[("sender", SENDER)])).await.unwrap();
    // More failures than the tries of one round, so that the mailbox is searched only by a later round.
    let tries = world.api.site().tuning.attempts;
    let silent_store = || CallError::Transient { store: "store0".into(), detail: "connection refused".into() };
    store.fail_next((0..tries * 3).map(|_| silent_store()));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = world.worker();
    let serving = tokio::spawn(async move { worker.serve(async { stopped.await.unwrap_or(()) }, |_| {}).await });
    let history = &world.api.site().history;
    let mut done = history.load(&submitted.id).await.unwrap();
    while !done.status.is_final() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        done = history.load(&submitted.id).await.unwrap();
    }
    drop(stop);
    serving.await.unwrap().unwrap();
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 3));
}
