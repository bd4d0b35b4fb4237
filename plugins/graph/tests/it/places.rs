//! Folders: of stores without a listing of the whole tree, hidden ones, and those of what is gone.

use std::cell::RefCell;
use std::rc::Rc;

use clawback_connector_sdk::Connector as _;
use clawback_connector_sdk::matching::everything;
use clawback_connector_sdk::types::{Action, Effect, Location, LocationKind, Query};
use serde_json::{Value, json};

use crate::script::{ANN, Answer, below, folder, folders, graph, mail, missing, targets};

fn list(value: &[Value]) -> Answer {
    (200, None, json!({ "value": value }))
}

fn refused(status: u16, code: &str) -> Answer {
    (status, None, json!({ "error": { "code": code } }))
}

#[test]
fn a_store_without_a_tree_of_folders_is_listed_level_by_level() {
    for refusal in [refused(403, "ErrorQuotaExceeded"), refused(404, "UnknownError"), refused(400, "BadRequest")] {
        let connector = graph(move |_, path, _| {
            let next = "https://graph.example/v1.0/users/ann@acme.test/mailfolders?$skiptoken=2";
            match below(path) {
                Some("/mailFolders/delta") => refusal.clone(),
                Some("/mailFolders") if path.contains("$filter") => list(&[]),
                Some("/mailFolders") if path.contains("$skiptoken") => list(&[folder("F1", "Projects", "R")]),
                Some("/mailFolders") => (200, None, json!({ "value": [], "@odata.nextLink": next })),
                Some("/mailFolders/F1/childFolders") => list(&[folder("F2", "a/b", "F1")]),
                Some("/mailFolders/F2/childFolders") => missing(),
                _ => folders(path).unwrap_or_else(|| list(&[mail("A", "F2")])),
            }
        });
        let page = connector.search(ANN, &everything(), None, 10).unwrap();
        assert_eq!(page.messages[0].location.path, "Projects/a\\/b");
    }
    let connector = graph(move |_, path, _| match below(path) {
        Some("/mailFolders/delta") => refused(504, ""),
        _ => folders(path).unwrap_or_else(|| list(&[mail("A", "I")])),
    });
    assert!(connector.search(ANN, &everything(), None, 10).is_err(), "an outage is no such store");
}

#[test]
fn many_folders_are_remembered() {
    let count = Rc::new(RefCell::new(0));
    let counted = count.clone();
    let connector = graph(move |_, path, _| match below(path) {
        Some("/mailFolders/delta") => {
            *counted.borrow_mut() += 1;
            let one = |number| folder(&format!("F{number}"), &"name".repeat(10), "R");
            list(&(0..2_000).map(one).collect::<Vec<_>>())
        }
        _ => folders(path).unwrap_or_else(|| list(&[mail("A", "I")])),
    });
    for _ in 0..3 {
        assert_eq!(connector.search(ANN, &everything(), None, 10).unwrap().messages.len(), 1);
    }
    assert_eq!(*count.borrow(), 1);
}

#[test]
fn mail_in_a_hidden_folder_is_found_and_moved() {
    let connector = graph(move |method, path, _| match below(path) {
        Some("/mailFolders/H") => (200, None, folder("H", "Rules", "G")),
        Some("/mailFolders/G") => (200, None, folder("G", "Hidden", "R")),
        Some("/messages/A/move") if method == "POST" => (201, None, mail("A", "J")),
        Some("/messages/A") => (200, None, mail("A", "H")),
        _ => folders(path).unwrap_or_else(|| list(&[mail("A", "H")])),
    });
    let place = Location { kind: LocationKind::Folder, path: "Hidden/Rules".into() };
    let page = connector.search(ANN, &everything(), None, 10).unwrap();
    assert_eq!(page.messages[0].location, place);
    let query = Query { locations: vec![LocationKind::Folder], ..everything() };
    assert_eq!(connector.search(ANN, &query, None, 10).unwrap().messages.len(), 1);
    let mut target = targets(&["A"]).remove(0);
    target.location = place.clone();
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &[target]).unwrap();
    assert!(matches!(&outcomes[0].effect, Effect::Succeeded(receipt) if receipt.former.location == place));
}

#[test]
fn a_folder_that_the_owner_sees_is_no_quarantine() {
    let connector = graph(move |method, path, _| {
        let own = json!({ "id": "Q", "displayName": "Quarantine", "parentFolderId": "R", "isHidden": false });
        assert!(method != "POST" || !path.ends_with("/move"), "nothing goes there");
        match below(path) {
            Some("/mailFolders") if path.contains("$filter") => list(&[own]),
            Some("/messages/A") => (200, None, mail("A", "I")),
            _ => folders(path).unwrap_or_else(|| list(&[mail("B", "Q")])),
        }
    });
    let page = connector.search(ANN, &everything(), None, 10).unwrap();
    assert_eq!(page.messages[0].location.kind, LocationKind::Folder, "an ordinary search has what is in it");
    let outcomes = connector.apply(ANN, Action::MoveToQuarantine, &targets(&["A"])).unwrap();
    assert!(matches!(&outcomes[0].effect, Effect::Failed(why) if why.contains("quarantine-folder")), "{outcomes:?}");
}

#[test]
fn a_search_that_names_places_lists_the_folders_anew() {
    let is_made = Rc::new(RefCell::new(false));
    let made = is_made.clone();
    let connector = graph(move |_, path, _| match below(path) {
        Some("/mailFolders/archive") if *made.borrow() => (200, None, folder("V", "Archive", "R")),
        Some("/mailFolders/V/messages") => list(&[mail("A", "V")]),
        _ => folders(path).unwrap_or_else(|| list(&[])),
    });
    let query = Query { locations: vec![LocationKind::Archive], ..everything() };
    assert!(connector.search(ANN, &query, None, 10).unwrap().messages.is_empty());
    *is_made.borrow_mut() = true;
    assert_eq!(connector.search(ANN, &query, None, 10).unwrap().messages.len(), 1);
}

#[test]
fn a_found_message_has_the_present_name_of_its_folder() {
    let name = Rc::new(RefCell::new("Old"));
    let named = name.clone();
    let connector = graph(move |_, path, _| match below(path) {
        Some("/mailFolders/delta") => list(&[folder("F1", &named.borrow(), "R")]),
        _ => folders(path).unwrap_or_else(|| list(&[mail("A", "F1")])),
    });
    for now in ["Old", "New"] {
        *name.borrow_mut() = now;
        assert_eq!(connector.search(ANN, &everything(), None, 10).unwrap().messages[0].location.path, now);
    }
}

#[test]
fn a_special_folder_may_be_renamed() {
    let connector = graph(move |_, path, _| match below(path) {
        Some("/messages/A/move") => (201, None, mail("A", "J")),
        Some("/messages/A") => (200, None, mail("A", "I")),
        _ => folders(path).unwrap_or_else(|| list(&[])),
    });
    let mut target = targets(&["A"]).remove(0);
    target.location.path = "Posteingang".into();
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &[target]).unwrap();
    assert!(matches!(outcomes[0].effect, Effect::Succeeded(_)), "{outcomes:?}");
}

#[test]
fn what_is_in_purges_is_gone() {
    // Known by its name, or beside the folder of recoverable items.
    for is_named in [true, false] {
        let is_done = RefCell::new(false);
        let connector = graph(move |_, path, _| match below(path) {
            Some("/messages/A/permanentDelete") => {
                *is_done.borrow_mut() = true;
                (204, None, Value::Null)
            }
            Some("/messages/A") => (200, None, mail("A", if *is_done.borrow() { "P" } else { "I" })),
            Some("/mailFolders/recoverableitemsdeletions") => (200, None, folder("D", "Deletions", "RR")),
            Some("/mailFolders/P") => (200, None, folder("P", "Purges", if is_named { "elsewhere" } else { "RR" })),
            Some("/mailFolders/recoverableitemspurges") if is_named => (200, None, folder("P", "Purges", "elsewhere")),
            _ => folders(path).unwrap_or_else(|| list(&[])),
        });
        let targets = targets(&["A"]);
        let outcomes = connector.apply(ANN, Action::HardDelete, &targets).unwrap();
        assert!(matches!(&outcomes[0].effect, Effect::Succeeded(receipt) if receipt.now.is_none()), "{outcomes:?}");
        let located = connector.locate(ANN, &[targets[0].ref_.clone()]).unwrap();
        assert!(located[0].sightings.is_empty());
        let outcomes = connector.apply(ANN, Action::HardDelete, &targets).unwrap();
        assert_eq!(outcomes[0].effect, Effect::NotFound);
    }
}
