//! Acts: labels are changed, confirmed, and brought back.

use clawback_model::{Action, Effect, LocationKind, Query};
use clawback_tests::gmail::{FULL, Faults, user};

use super::{Site, aim, back, mail, receipt};

#[tokio::test]
async fn restore_brings_every_label_back() {
    let site = Site::start(1).await;
    let own = site.gmail.with(&user(1), |mailbox| mailbox.create_label("Projects", false));
    let labels: [&[&str]; 6] = [
        &["INBOX", "UNREAD", "IMPORTANT", &own],
        &["INBOX", "STARRED", "CATEGORY_UPDATES"],
        &["SPAM", "UNREAD"],
        &[&own],
        &["SENT", "INBOX"],
        &["SENT"],
    ];
    let deliver = |(number, labels): (usize, &&[&str])| site.gmail.deliver(&user(1), &mail(number), labels);
    let ids: Vec<String> = labels.iter().enumerate().map(deliver).collect();
    let now = || ids.iter().map(|id| site.gmail.labels(&user(1), id).unwrap()).collect::<Vec<_>>();
    let before = now();
    for action in [Action::SoftDelete, Action::MoveToQuarantine, Action::MoveToDeletedItems] {
        let messages = site.search(1, &Query::default()).await;
        assert_eq!(messages.len(), labels.len());
        let receipts = site.act(1, action, &messages).await;
        for id in &ids {
            let labels = site.gmail.labels(&user(1), id).unwrap();
            assert!(!labels.iter().any(|label| label == "INBOX" || label == "SPAM"), "{action}: {labels:?}");
            assert_eq!(labels.iter().any(|label| label == "TRASH"), action != Action::MoveToQuarantine, "{action}");
            // The owner reads it in the meantime.
            site.gmail.with(&user(1), |mailbox| mailbox.mails.get_mut(id).unwrap().labels.remove("UNREAD"));
        }
        let hidden = Query { locations: vec![action.destination().unwrap()], ..Query::default() };
        assert_eq!(site.search(1, &hidden).await.len(), labels.len(), "{action}");
        if action != Action::MoveToDeletedItems {
            assert!(site.search(1, &Query::default()).await.is_empty(), "{action} hides");
        }
        let aims: Vec<_> = receipts.into_iter().map(back).collect();
        for effect in site.store.apply(&user(1), Action::Restore, &aims).await.unwrap() {
            receipt(effect);
        }
        assert_eq!(now(), before, "{action}");
    }
    let hidden = site.gmail.with(&user(1), |mailbox| mailbox.labels.values().filter(|label| label.is_hidden).count());
    assert_eq!(hidden, 2, "the labels of hidden places are hidden");
}

#[tokio::test]
async fn many_messages_are_changed_one_by_one_and_each_answer_is_the_proof() {
    let site = Site::start(1).await;
    for number in 0..100 {
        site.gmail.deliver(&user(1), &mail(number), &["INBOX", "UNREAD"]);
    }
    let messages = site.search(1, &Query::default()).await;
    site.gmail.take_seen();
    let receipts = site.act(1, Action::SoftDelete, &messages).await;
    assert!(receipts.iter().all(|receipt| receipt.location.as_ref().unwrap().kind == LocationKind::RecoverableItems));
    let seen = site.gmail.take_seen();
    assert!(!seen.iter().any(|seen| seen.query.contains("q=")), "the index is not asked where a message is");
    let units: u64 = seen.iter().map(|seen| seen.units).sum();
    assert!(units <= 100 * 25 + 20, "{units} units");
    let aims: Vec<_> = receipts.into_iter().map(back).collect();
    let effects = site.store.apply(&user(1), Action::Restore, &aims).await.unwrap();
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Succeeded(_))));
    assert!(site.gmail.mails(&user(1)).iter().all(|mail| mail.labels.iter().eq(["INBOX", "UNREAD"])));
}

#[tokio::test]
async fn success_without_effect_is_a_failure() {
    let site = Site::with(1, FULL, "hard-delete = \"yes\"").await;
    for number in 0..30 {
        site.gmail.deliver(&user(1), &mail(number), &["INBOX"]);
    }
    let messages = site.search(1, &Query::default()).await;
    let aims: Vec<_> = messages.iter().map(aim).collect();
    site.gmail.set_faults(Faults { is_lying: true, ..Faults::default() });
    for (action, aims) in
        [(Action::MoveToJunk, &aims[..2]), (Action::MoveToJunk, &aims[..]), (Action::HardDelete, &aims[..2])]
    {
        let effects = site.store.apply(&user(1), action, aims).await.unwrap();
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Failed(_))), "{action}: {effects:?}");
    }
}

#[tokio::test]
async fn a_message_that_search_does_not_know_is_acted_on() {
    let site = Site::start(1).await;
    let ids: Vec<String> = (0..30).map(|number| site.gmail.deliver(&user(1), &mail(number), &["INBOX"])).collect();
    let messages = site.search(1, &Query::default()).await;
    site.gmail.with(&user(1), |mailbox| {
        ids.iter().step_by(3).for_each(|id| mailbox.mails.get_mut(id).unwrap().is_unindexed = true);
    });
    site.act(1, Action::MoveToJunk, &messages).await;
    assert!(site.gmail.mails(&user(1)).iter().all(|mail| mail.labels.iter().eq(["SPAM"])));
}

#[tokio::test]
async fn what_its_owner_moved_is_left_alone_and_a_message_that_is_gone_is_not_found() {
    let site = Site::start(1).await;
    let ids: Vec<String> = (0..3).map(|number| site.gmail.deliver(&user(1), &mail(number), &["INBOX"])).collect();
    let mut messages = site.search(1, &Query::default()).await;
    messages.sort_by(|one, other| one.reference.locator.cmp(&other.reference.locator));
    site.gmail.with(&user(1), |mailbox| {
        mailbox.mails.get_mut(&ids[0]).unwrap().labels.remove("INBOX");
        mailbox.mails.remove(&ids[1]);
    });
    let aims: Vec<_> = messages.iter().map(aim).collect();
    let effects = site.store.apply(&user(1), Action::SoftDelete, &aims).await.unwrap();
    assert!(matches!(&effects[0], Effect::MovedSince(place) if place.kind == LocationKind::Archive), "{effects:?}");
    assert_eq!(effects[1], Effect::NotFound);
    assert!(matches!(effects[2], Effect::Succeeded(_)));
    assert_eq!(site.gmail.labels(&user(1), &ids[0]).unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_label_that_was_deleted_since_is_named_by_the_outcome() {
    let site = Site::start(1).await;
    let own = site.gmail.with(&user(1), |mailbox| mailbox.create_label("Projects", false));
    let id = site.gmail.deliver(&user(1), &mail(1), &["INBOX", &own]);
    let messages = site.search(1, &Query::default()).await;
    let receipts = site.act(1, Action::MoveToJunk, &messages).await;
    site.gmail.with(&user(1), |mailbox| mailbox.delete_label(&own));
    let effects = site.store.apply(&user(1), Action::Restore, &[back(receipts[0].clone())]).await.unwrap();
    assert!(matches!(&effects[0], Effect::Failed(why) if why.contains("it is back in `INBOX`")), "{effects:?}");
    assert_eq!(site.gmail.labels(&user(1), &id).unwrap(), ["INBOX"]);
}

#[tokio::test]
async fn hard_delete_is_off_unless_it_is_set() {
    let site = Site::start(1).await;
    assert!(!site.store.capabilities().actions.contains(&Action::HardDelete));
}
