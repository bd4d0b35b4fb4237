//! Calendar entries go with their invitations, and come back with the undo.

use clawback_connectors::{ActionTarget, CalendarReadiness, MailStore, Which, survey};
use clawback_model::{Action, CalendarEntry, CalendarFate, Effect, Query, Receipt};
use clawback_tests::graph::{Graph, Options, Right};
use serde_json::Value;

use super::{ANN, MONDAY, invitation, is_success, mail, search, start, store_with};

const STRANGER: &str = "boss@bulk.example";

fn aim(message: &clawback_model::Message) -> ActionTarget {
    ActionTarget { reference: message.reference.clone(), location: message.location.clone(), former: None }
}

async fn aims(store: &dyn MailStore) -> Vec<ActionTarget> {
    search(store, ANN, &Query::default(), 100).await.iter().map(aim).collect()
}

fn receipt(effect: &Effect) -> &Receipt {
    let Effect::Succeeded(receipt) = effect else { panic!("{effect:?}") };
    receipt
}

/// The target of an undo, which is also that of a call that settles the act.
fn back(effect: &Effect) -> ActionTarget {
    let receipt = receipt(effect).clone();
    ActionTarget { reference: receipt.now.unwrap(), location: receipt.location.unwrap(), former: Some(receipt.former) }
}

fn fate(effect: &Effect) -> Option<CalendarFate> {
    receipt(effect).calendar_entry.as_ref().map(|entry| entry.fate)
}

fn detail(effect: &Effect) -> String {
    receipt(effect).calendar_entry.clone().and_then(|entry| entry.detail).unwrap_or_default()
}

fn deliver(graph: &Graph, number: usize, subject: &str) -> String {
    graph.deliver(ANN, "inbox", invitation(number, subject, STRANGER, STRANGER, "").as_bytes(), MONDAY)
}

fn subjects(graph: &Graph) -> Vec<Value> {
    graph.entries(ANN).into_iter().map(|entry| entry["subject"].clone()).collect()
}

#[tokio::test]
async fn an_entry_goes_with_its_invitation_and_comes_back_with_the_undo() {
    let hiding = [Action::SoftDelete, Action::MoveToQuarantine];
    for action in [Action::SoftDelete, Action::MoveToQuarantine, Action::MoveToJunk, Action::MoveToDeletedItems] {
        let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
        deliver(&graph, 1, "Pay day");
        graph.deliver(ANN, "inbox", mail(2, "No invitation").as_bytes(), MONDAY);
        let before = graph.entries(ANN);
        assert_eq!(before.len(), 1);
        // The second round removes what the undo made.
        for round in 0..2 {
            let aims = aims(&*store).await;
            let effects = store.apply(ANN, action, &aims).await.unwrap();
            let mut fates: Vec<_> = effects.iter().map(fate).collect();
            fates.sort_by_key(Option::is_some);
            assert_eq!(fates, [None, Some(CalendarFate::Removed)], "{action} {round}: {effects:?}");
            assert!(graph.entries(ANN).is_empty(), "{action} {round}");
            let is_seen = graph.deleted_entries(ANN) > 0;
            assert_eq!(is_seen, !hiding.contains(&action), "an act that hides a message hides its entry: {action}");
            let aims: Vec<_> = effects.iter().map(back).collect();
            let effects = store.apply(ANN, Action::Restore, &aims).await.unwrap();
            assert!(effects.iter().all(is_success), "{effects:?}");
            let mut fates: Vec<_> = effects.iter().map(fate).collect();
            fates.sort_by_key(Option::is_some);
            assert_eq!(fates, [None, Some(CalendarFate::Restored)], "{action} {round}");
            let [now] = graph.entries(ANN).try_into().unwrap();
            for same in ["subject", "start", "end", "isAllDay", "showAs", "isReminderOn", "reminderMinutesBeforeStart"]
            {
                assert_eq!(now[same], before[0][same], "{action} {round}: {same}");
            }
            assert_eq!(now["location"]["displayName"], before[0]["location"]["displayName"]);
            assert!(now["body"]["content"].as_str().unwrap().contains("METHOD:REQUEST"), "the text of the message");
            assert!(now.get("attendees").is_none(), "Graph would invite them: {now}");
        }
        graph.check();
    }
}

#[tokio::test]
async fn a_hard_delete_takes_the_entry_first() {
    let (graph, store, _folder) = start(Options { has_permanent_delete: false, ..Options::default() }, &[ANN]).await;
    deliver(&graph, 1, "Pay day");
    let target = aims(&*store).await;
    let effects = store.apply(ANN, Action::HardDelete, &target).await.unwrap();
    assert!(matches!(&effects[0], Effect::Failed(_)), "{effects:?}");
    graph.behave(|options| options.has_permanent_delete = true);
    let effects = store.apply(ANN, Action::HardDelete, &target).await.unwrap();
    assert_eq!(fate(&effects[0]), Some(CalendarFate::Removed), "{effects:?}");
    assert!(graph.entries(ANN).is_empty() && graph.kept(ANN).is_empty() && graph.deleted_entries(ANN) == 0);
    graph.check();
}

#[tokio::test]
async fn what_may_be_the_owners_or_the_organisations_stays() {
    let (graph, store, folder) = start(Options::default(), &[ANN]).await;
    let own = "carol@acme.test";
    for (number, sender, organizer, expected) in [
        (1, STRANGER, STRANGER, "answered"),
        (2, STRANGER, "other@bulk.example", "not the sender"),
        (3, own, own, "organisation"),
        (4, "x@partner.example", "x@partner.example", "organisation"),
        (5, STRANGER, ANN, "not the sender"),
    ] {
        let id = format!("{number} {expected}");
        graph.deliver(ANN, "inbox", invitation(number, &id, sender, organizer, "").as_bytes(), MONDAY);
    }
    graph.respond(ANN, "1 answered", "accepted");
    let store_of_site = store_with(&graph, folder.path(), "settings = { own-domains = \"partner.example\" }").await;
    let messages = search(&*store, ANN, &Query::default(), 100).await;
    let targets: Vec<_> = messages.iter().map(aim).collect();
    let before = graph.entries(ANN);
    let effects = store_of_site.apply(ANN, Action::SoftDelete, &targets).await.unwrap();
    for (message, effect) in messages.iter().zip(&effects) {
        let (_, expected) = message.subject.split_once(' ').unwrap();
        assert_eq!(fate(effect), Some(CalendarFate::Left), "{}: {effect:?}", message.subject);
        assert!(detail(effect).contains(expected), "{}: {effect:?}", message.subject);
    }
    assert_eq!(graph.entries(ANN), before);
    let targets: Vec<_> = effects.iter().map(back).collect();
    let effects = store_of_site.apply(ANN, Action::Restore, &targets).await.unwrap();
    assert!(effects.iter().all(|effect| fate(effect).is_none()), "nothing was removed: {effects:?}");
    assert_eq!(graph.entries(ANN), before);
    graph.check();
}

#[tokio::test]
async fn without_the_right_messages_go_and_the_record_says_what_was_not_done() {
    let mail_only = vec![Right::MailReadWrite, Right::UserReadAll];
    let reading = [mail_only.clone(), vec![Right::CalendarsRead]].concat();
    for (rights, expected) in [(mail_only, CalendarFate::NotLookedFor), (reading, CalendarFate::Failed)] {
        let (graph, store, _folder) = start(Options { rights, ..Options::default() }, &[ANN]).await;
        deliver(&graph, 1, "Pay day");
        let effects = store.apply(ANN, Action::SoftDelete, &aims(&*store).await).await.unwrap();
        assert_eq!(fate(&effects[0]), Some(expected), "{effects:?}");
        assert!(detail(&effects[0]).contains("Calendars.ReadWrite"), "{effects:?}");
        assert_eq!((graph.kept(ANN)[0].folder.as_str(), graph.entries(ANN).len()), ("Deletions", 1));
        let effects = store.apply(ANN, Action::Restore, &[back(&effects[0])]).await.unwrap();
        assert!(is_success(&effects[0]), "{effects:?}");
        assert_eq!(graph.entries(ANN).len(), 1, "an entry that stayed is not made twice");
        let seen = survey(&*store, &Which::All).await.unwrap();
        let CalendarReadiness::Obstacle(why) = &seen.visits[0].calendar else { panic!("{seen:?}") };
        assert!(why.contains("Calendars.ReadWrite"), "{why}");
        assert!(seen.visits[0].seen.as_ref().unwrap().iter().all(|one| one.obstacle.is_none()), "{seen:?}");
        graph.check();
    }
    let (_graph, store, _folder) = start(Options::default(), &[ANN]).await;
    assert_eq!(survey(&*store, &Which::All).await.unwrap().visits[0].calendar, CalendarReadiness::Ready);
}

#[tokio::test]
async fn an_act_that_was_interrupted_is_completed_once() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    deliver(&graph, 1, "Pay day");
    let only = |entries: Vec<Option<CalendarEntry>>| entries[0].as_ref().map(|entry| entry.fate);
    // The message moves; then the calendar does not answer, as if the program had ended there.
    graph.break_calendars(true);
    let effects = store.apply(ANN, Action::SoftDelete, &aims(&*store).await).await.unwrap();
    assert_eq!((fate(&effects[0]), graph.entries(ANN).len()), (Some(CalendarFate::Failed), 1), "{effects:?}");
    graph.break_calendars(false);
    let moved = [back(&effects[0])];
    for _ in 0..2 {
        let settled = store.settle_calendar(ANN, Action::SoftDelete, &moved).await.unwrap();
        assert_eq!((only(settled), graph.entries(ANN).len()), (Some(CalendarFate::Removed), 0));
    }
    graph.break_calendars(true);
    let effects = store.apply(ANN, Action::Restore, &moved).await.unwrap();
    assert_eq!((fate(&effects[0]), graph.entries(ANN).len()), (Some(CalendarFate::Failed), 0), "{effects:?}");
    graph.break_calendars(false);
    let home = [back(&effects[0])];
    for _ in 0..2 {
        let settled = store.settle_calendar(ANN, Action::Restore, &home).await.unwrap();
        assert_eq!((only(settled), graph.entries(ANN).len()), (Some(CalendarFate::Restored), 1));
    }
    // An owner who answers between the two steps keeps the entry.
    graph.break_calendars(true);
    deliver(&graph, 2, "Another day");
    let another = aims(&*store).await.into_iter().filter(|one| one.reference.message_id.contains("<2@"));
    let effects = store.apply(ANN, Action::SoftDelete, &another.collect::<Vec<_>>()).await.unwrap();
    graph.break_calendars(false);
    graph.respond(ANN, "Another day", "accepted");
    let settled = store.settle_calendar(ANN, Action::SoftDelete, &[back(&effects[0])]).await.unwrap();
    assert_eq!((only(settled), graph.entries(ANN).len()), (Some(CalendarFate::Left), 2));
    graph.check();
}

#[tokio::test]
async fn a_meeting_of_two_messages_comes_back_once_and_a_series_as_one() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    for number in [1, 2] {
        let raw = invitation(number, "Series", STRANGER, STRANGER, "RRULE:FREQ=DAILY;COUNT=3\r\n");
        let raw = raw.replace(&format!("UID:{number}@"), "UID:same@");
        graph.deliver(ANN, "inbox", raw.as_bytes(), MONDAY);
    }
    let before = graph.entries(ANN);
    let effects = store.apply(ANN, Action::SoftDelete, &aims(&*store).await).await.unwrap();
    assert!(effects.iter().all(|effect| fate(effect) == Some(CalendarFate::Removed)), "{effects:?}");
    assert!(subjects(&graph).is_empty());
    let aims: Vec<_> = effects.iter().map(back).collect();
    store.apply(ANN, Action::Restore, &aims).await.unwrap();
    let [now] = graph.entries(ANN).try_into().unwrap();
    assert_eq!((&now["type"], &now["recurrence"]), (&"seriesMaster".into(), &before[0]["recurrence"]));
    graph.check();
}

#[tokio::test]
async fn an_entry_follows_its_invitation_out_of_junk() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    deliver(&graph, 1, "Pay day");
    let junked = store.apply(ANN, Action::MoveToJunk, &aims(&*store).await).await.unwrap();
    let target = ActionTarget { former: None, ..back(&junked[0]) };
    let gone = store.apply(ANN, Action::SoftDelete, &[target]).await.unwrap();
    assert_eq!(fate(&gone[0]), None, "it was gone before: {gone:?}");
    let junk = store.apply(ANN, Action::Restore, &[back(&gone[0])]).await.unwrap();
    assert_eq!((fate(&junk[0]), graph.entries(ANN).len()), (None, 0), "its message is in junk: {junk:?}");
    let target = ActionTarget { former: None, ..back(&junk[0]) };
    let released = store.apply(ANN, Action::MoveToInbox, &[target]).await.unwrap();
    assert_eq!((fate(&released[0]), graph.entries(ANN).len()), (Some(CalendarFate::Restored), 1), "{released:?}");
    graph.check();
}
