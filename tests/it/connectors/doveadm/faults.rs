//! A server with faults, and one whose owner moves mail meanwhile.

use clawback_tests::doveadm_proxy::{DoveadmProxy, Fault};

use super::*;

/// Six messages behind a server with this fault.
async fn six(fault: Option<Fault>) -> (Dovecot, DoveadmProxy, Arc<dyn MailStore>) {
    let server = start(1, Format::Sdbox);
    for number in 0..6 {
        deliver(&server, 1, "INBOX", raw(number, "Parcel").as_bytes(), &["\\Seen"]);
    }
    let proxy = DoveadmProxy::start(server.api(), fault).await;
    let store = load(&store(server.folder(), proxy.address(), "")).await;
    (server, proxy, store)
}

#[tokio::test]
async fn few_requests_do_much() {
    let (server, proxy, store) = six(None).await;
    let counted = || proxy.requests().len();
    assert!(found(&*store, 1, "Nothing").await.is_empty());
    assert_eq!(counted(), 1, "a search without hits");
    let seen = found(&*store, 1, "Parcel").await;
    assert_eq!(counted(), 3, "a search with hits");
    receipts(&store.apply(&named(1), Action::SoftDelete, &aims(&seen)).await.unwrap());
    assert_eq!(counted(), 6, "an action that creates its folder");
    assert_eq!(subjects(&server, 1, "Recoverable Items").len(), 6);
    for commands in proxy.requests() {
        let of_user = |command: &serde_json::Value| command[1]["user"] == dovecot::user(1).as_str();
        assert!(commands.as_array().unwrap().iter().all(of_user), "{commands}");
    }
}

#[tokio::test]
async fn throttling_costs_time_and_nothing_else() {
    let (server, proxy, store) = six(Some(Fault::Throttled(2))).await;
    let seen = found(&*store, 1, "Parcel").await;
    assert_eq!(seen.len(), 6);
    proxy.set(Fault::Throttled(1));
    receipts(&store.apply(&named(1), Action::MoveToJunk, &aims(&seen)).await.unwrap());
    assert_eq!(subjects(&server, 1, "Junk").len(), 6);
    proxy.set(Fault::Throttled(100));
    let refused = store.locate(&named(1), &[seen[0].reference.clone()]).await.unwrap_err();
    assert!(matches!(refused, CallError::Throttled { .. }), "{refused}");
}

#[tokio::test]
async fn an_answer_that_is_lost_is_an_error_and_doing_it_again_is_harmless() {
    for fault in [Fault::Lost("move"), Fault::Cut("move")] {
        let (server, _proxy, store) = six(Some(fault)).await;
        let seen = found(&*store, 1, "Parcel").await;
        let lost = store.apply(&named(1), Action::MoveToJunk, &aims(&seen)).await.unwrap_err();
        assert!(matches!(lost, CallError::Transient { .. }), "{lost}");
        assert_eq!(subjects(&server, 1, "Junk").len(), 6, "it was done");
        let again = store.apply(&named(1), Action::MoveToJunk, &aims(&seen)).await.unwrap();
        assert!(again.iter().all(|effect| *effect == Effect::AlreadyInDestination), "{again:?}");
    }
}

#[tokio::test]
async fn an_answer_without_an_error_is_no_success() {
    for (command, action) in
        [("move", Action::SoftDelete), ("expunge", Action::HardDelete), ("flagsReplace", Action::Restore)]
    {
        let (server, proxy, store) = six(None).await;
        let mut targets = aims(&found(&*store, 1, "Parcel").await);
        if action == Action::Restore {
            let flags = vec!["\\Flagged".to_owned()];
            for target in &mut targets {
                target.former = Some(RestorePoint { location: target.location.clone(), flags: flags.clone() });
            }
        }
        proxy.set(Fault::Ignored(command));
        let effects = store.apply(&named(1), action, &targets).await.unwrap();
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Failed(_))), "{command}: {effects:?}");
        assert_eq!(subjects(&server, 1, "INBOX").len(), 6);
    }
}

#[tokio::test]
async fn an_order_that_is_refused_is_tried_message_by_message() {
    let (server, proxy, store) = six(None).await;
    let seen = found(&*store, 1, "Parcel").await;
    proxy.set(Fault::Refused("move", 75));
    receipts(&store.apply(&named(1), Action::MoveToJunk, &aims(&seen)).await.unwrap());
    assert_eq!(subjects(&server, 1, "Junk").len(), 6);
    let moves = |commands: &serde_json::Value| {
        commands.as_array().unwrap().iter().filter(|command| command[0] == "move").count()
    };
    assert_eq!(proxy.requests().iter().map(moves).collect::<Vec<_>>().last(), Some(&6));
}

#[tokio::test]
async fn exit_codes_of_a_search() {
    let (_server, proxy, store) = six(None).await;
    // Where the search of the whole mailbox fails, each folder is searched.
    for code in [75, 77, 68] {
        proxy.set(Fault::Refused("fetch", code));
        assert_eq!(found(&*store, 1, "Parcel").await.len(), 6, "{code}");
    }
    proxy.set(Fault::Refused("fetch", 67));
    let unknown = store.search(&named(1), &Query::default(), None, 10).await.unwrap_err();
    assert!(matches!(unknown, CallError::NotFound { .. }), "{unknown}");
    proxy.set(Fault::Cut("fetch"));
    let cut = store.search(&named(1), &Query::default(), None, 10).await.unwrap_err();
    assert!(matches!(cut, CallError::Transient { .. }), "{cut}");
}

#[tokio::test]
async fn what_the_owner_moves_meanwhile_is_left_alone() {
    let (server, proxy, store) = six(None).await;
    let user = dovecot::user(1);
    let seen = found(&*store, 1, "Parcel").await;
    let by_owner = |folder: &str| {
        let mut session = session(&server, 1);
        session.ok("SELECT INBOX");
        session.ok(&format!("UID MOVE 1 {folder}"));
    };
    // Before the call.
    by_owner("Archive");
    let effects = store.apply(&named(1), Action::SoftDelete, &aims(&seen[..1])).await.unwrap();
    let [Effect::MovedSince(now)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((now.kind, now.path.as_str()), (LocationKind::Archive, "Archive"));
    // Between check and act: by the same GUID in another folder, and by another message.
    let address = server.plain();
    let act = move || {
        let mut session = Session::plain(address, &user, &user, dovecot::PASSWORD);
        session.ok("SELECT INBOX");
        session.ok("UID MOVE 2 Archive");
        session.append("INBOX", raw(9, "Other").as_bytes(), &[], RECEIVED);
    };
    proxy.set(Fault::Before("move", Box::new(act)));
    let effects = store.apply(&named(1), Action::SoftDelete, &aims(&seen[1..])).await.unwrap();
    assert!(matches!(&effects[0], Effect::MovedSince(now) if now.path == "Archive"), "{effects:?}");
    receipts(&effects[1..]);
    assert_eq!(subjects(&server, 1, "Archive"), ["Parcel 0", "Parcel 1"]);
    assert_eq!(subjects(&server, 1, "INBOX"), ["Other 9"]);
    // One that its owner deleted.
    let mut session = session(&server, 1);
    session.ok("SELECT Archive");
    session.ok("UID STORE 1 +FLAGS (\\Deleted)");
    session.ok("EXPUNGE");
    let effects = store.apply(&named(1), Action::SoftDelete, &aims(&seen[..1])).await.unwrap();
    assert_eq!(effects, [Effect::NotFound]);
    assert!(store.locate(&named(1), &[seen[0].reference.clone()]).await.unwrap()[0].sightings.is_empty());
}

#[tokio::test]
async fn a_server_that_is_down_and_a_wrong_key() {
    let (mut server, _proxy, _) = six(None).await;
    let folder = tempfile::tempdir().unwrap();
    let text = store(folder.path(), server.api(), "");
    let wrong = secret(folder.path(), "another");
    let denied = load(&text).await.search(&named(1), &Query::default(), None, 10).await.unwrap_err();
    assert!(matches!(denied, CallError::Denied { .. }) && denied.to_string().contains("401"), "{denied}");
    assert!(!denied.to_string().contains("another"), "{denied}");
    std::fs::write(wrong, dovecot::API_PASSWORD).unwrap();
    let store = load(&text).await;
    assert_eq!(found(&*store, 1, "Parcel").await.len(), 6);
    let nobody = store.search(&"nobody@acme.test".into(), &Query::default(), None, 10).await.unwrap_err();
    assert!(matches!(nobody, CallError::NotFound { .. }), "{nobody}");
    server.lose();
    let down = store.search(&named(1), &Query::default(), None, 10).await.unwrap_err();
    assert!(matches!(down, CallError::Transient { .. }), "{down}");
}

#[tokio::test]
async fn what_cannot_be_read_is_a_gap() {
    let server = start(1, Format::Maildir);
    for folder in ["INBOX", "Archive", "Work"] {
        session(&server, 1).create(folder);
        deliver(&server, 1, folder, raw(1, "Parcel").as_bytes(), &[]);
    }
    let store = open(&server).await;
    let path = server.maildir_folder(&dovecot::user(1), "Work");
    let forbid = |mode| {
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    forbid(0);
    let page = store.search(&named(1), &Query::default(), None, 10).await.unwrap();
    forbid(0o700);
    assert_eq!(page.items.len(), 2, "{page:?}");
    assert!(page.gaps.iter().any(|gap| gap.folder == "Work"), "{page:?}");
    assert_eq!(store.search(&named(1), &Query::default(), None, 10).await.unwrap().gaps.len(), 0);
}

#[tokio::test]
async fn bytes_that_are_no_text_are_never_returned_as_if_they_were_stored() {
    let server = start(1, Format::Sdbox);
    let header = "From: Boss <boss@evil.example>\r\nMessage-ID: <1@x>\r\nSubject: plain\r\n\r\n";
    let latin = [header.as_bytes(), b"caf\xe9 \xff\r\n"].concat();
    let exact = format!("{}gr\u{fc}\u{df}e \u{fffd} \u{1f600} \"\\ \t\r\n.\r\n", header.replace("<1@x>", "<2@x>"));
    let subject = b"From: boss@evil.example\r\nMessage-ID: <3@x>\r\nSubject: caf\xe9 bill\r\n\r\nx\r\n";
    for raw in [&latin[..], exact.as_bytes(), subject] {
        deliver(&server, 1, "INBOX", raw, &[]);
    }
    let store = open(&server).await;
    let query = Query { subject_contains: vec!["plain".into()], ..Query::default() };
    let seen = contract::search(&*store, &named(1), &query, 10).await;
    let of = |id: &str| seen.iter().find(|message| message.reference.message_id == id).unwrap();
    let refused = store.fetch_raw(&named(1), &of("<1@x>").reference, 1 << 20).await.unwrap_err();
    assert!(refused.to_string().contains("UTF-8"), "{refused}");
    let whole = store.fetch_raw(&named(1), &of("<2@x>").reference, 1 << 20).await.unwrap();
    assert_eq!(String::from_utf8(whole).unwrap(), exact);
    let start = store.fetch_raw(&named(1), &of("<2@x>").reference, 5).await.unwrap();
    assert_eq!(start, b"From:");
    // A subject that cannot be read cannot be decided.
    assert!(seen.iter().any(|message| message.reference.message_id == "<3@x>"), "{seen:?}");
    let targets = aims(&seen);
    receipts(&store.apply(&named(1), Action::SoftDelete, &targets).await.unwrap());
}
