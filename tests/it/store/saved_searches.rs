//! Saved searches: names, the limit, who sees and changes them, and the events of those that are shared.

use clawback_model::{
    Id, Inputs, MOST_SAVED_SEARCHES, Principal, PrincipalKind, Role, SavedSearch, SavedSearchId, SavedSearchRefused,
    SavedSearchTerms, Timestamp,
};
use clawback_store::{Store, StoreError};

use super::harness::Database;

fn at(micros: i64) -> Timestamp {
    Timestamp(micros)
}

async fn person(store: &Store, name: &str, role: Role) -> Principal {
    let who = Principal::new(name, PrincipalKind::Person, vec![role]);
    store.add_principal(&who, "root", at(1)).await.unwrap();
    who
}

fn terms(name: &str, is_shared: bool, from: &str) -> SavedSearchTerms {
    let conditions: Inputs = [("from", from), ("since", "7d"), ("subject", "a\0b, \u{202e}c")].into();
    SavedSearchTerms { name: name.into(), is_shared, conditions }
}

fn refused(error: StoreError) -> SavedSearchRefused {
    match error {
        StoreError::SavedSearch(refused) => refused,
        other => panic!("{other}"),
    }
}

fn names(found: &[SavedSearch]) -> Vec<(&str, &str)> {
    found.iter().map(|one| (one.owner.as_str(), one.terms.name.as_str())).collect()
}

/// A shared and a private search of the principal `root`.
pub(super) async fn saved(database: &Database, root: &Principal) {
    for (number, name, is_shared) in [(1, "Payroll", true), (2, "Mine", false)] {
        let id = Id::from_random(number);
        database
            .store
            .add_saved_search(&id, &terms(name, is_shared, "eve@evil.example"), root, at(2_000_900))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_search_is_saved_opened_changed_and_removed() {
    for database in Database::all().await {
        let store = &database.store;
        let ann = person(store, "ann", Role::Analyst).await;
        let id = Id::from_random(1);
        let saved = store.add_saved_search(&id, &terms("Payroll", false, "a@x"), &ann, at(10)).await.unwrap();
        assert_eq!((saved.version, saved.created_at, saved.owner.as_str()), (1, at(10), "ann"));
        assert_eq!(store.saved_search(&id).await.unwrap(), saved, "as it was typed, hidden characters too");
        let listed = store.saved_searches("ann").await.unwrap();
        assert!(listed[0].terms.conditions.is_empty(), "a list has no conditions");

        let renamed = terms("Salaries", false, "b@x");
        let changed = store.change_saved_search(&id, 1, &renamed, &ann, at(20)).await.unwrap();
        assert_eq!((changed.version, changed.created_at, changed.changed_at), (2, at(10), at(20)));
        assert_eq!(store.saved_search(&id).await.unwrap(), changed);
        assert_eq!(changed.terms, renamed);
        let same = store.change_saved_search(&id, 2, &renamed, &ann, at(30)).await.unwrap();
        assert_eq!(same, changed, "nothing to change");
        let stale = store.change_saved_search(&id, 1, &terms("Third", false, "c@x"), &ann, at(30)).await.unwrap_err();
        assert_eq!(refused(stale), SavedSearchRefused::Changed { name: "Salaries".into(), expected: 1, found: 2 });

        store.remove_saved_search(&id, &ann, at(40)).await.unwrap();
        let gone = store.remove_saved_search(&id, &ann, at(50)).await.unwrap_err().to_string();
        assert!(gone.contains("there is no saved search") && gone.contains("clawback saved-searches list"), "{gone}");
        let kinds: Vec<_> = store.chain(0, 9).await.unwrap().into_iter().map(|entry| entry.link.kind).collect();
        assert_eq!(kinds, ["principal-added"], "a private search has no event");
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_private_search_does_not_exist_for_others() {
    for database in Database::all().await {
        let store = &database.store;
        let ann = person(store, "ann", Role::Analyst).await;
        let ben = person(store, "ben", Role::Analyst).await;
        let root = person(store, "root", Role::Admin).await;
        let (private, shared) = (Id::from_random(1), Id::from_random(2));
        store.add_saved_search(&private, &terms("Private", false, "a@x"), &ann, at(10)).await.unwrap();
        store.add_saved_search(&shared, &terms("Shared", true, "a@x"), &ann, at(10)).await.unwrap();
        store.add_saved_search(&Id::from_random(3), &terms("private", false, "a@x"), &ben, at(10)).await.unwrap();
        assert_eq!(names(&store.saved_searches("ann").await.unwrap()), [("ann", "Private"), ("ann", "Shared")]);
        assert_eq!(names(&store.saved_searches("ben").await.unwrap()), [("ben", "private"), ("ann", "Shared")]);
        assert_eq!(names(&store.saved_searches("root").await.unwrap()), [("ann", "Shared")]);

        let new = terms("Of Ben", true, "b@x");
        let change = async |id: &SavedSearchId| store.change_saved_search(id, 1, &new, &ben, at(20)).await.unwrap_err();
        let remove = async |id: &SavedSearchId| store.remove_saved_search(id, &ben, at(20)).await.unwrap_err();
        for error in [change(&private).await, remove(&private).await] {
            assert!(matches!(error, StoreError::NotFound { noun: "saved search", .. }), "{error}");
        }
        let owner = SavedSearchRefused::NotTheOwner { name: "Shared".into(), owner: "ann".into() };
        assert_eq!([refused(change(&shared).await), refused(remove(&shared).await)], [owner.clone(), owner]);
        let error = store.change_saved_search(&shared, 1, &new, &root, at(20)).await.unwrap_err();
        assert!(matches!(refused(error), SavedSearchRefused::NotTheOwner { .. }), "an administrator removes only");
        store.remove_saved_search(&shared, &root, at(30)).await.unwrap();
        store.remove_saved_search(&private, &root, at(30)).await.unwrap();
        assert_eq!(names(&store.saved_searches("ann").await.unwrap()), []);
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_name_is_one_of_its_owner_without_case() {
    for database in Database::all().await {
        let store = &database.store;
        let ann = person(store, "ann", Role::Analyst).await;
        let ben = person(store, "ben", Role::Analyst).await;
        let add = async |number, name: &str, who: &Principal| {
            store.add_saved_search(&Id::from_random(number), &terms(name, false, "a@x"), who, at(10)).await
        };
        let first = add(1, "Payroll", &ann).await.unwrap();
        for (number, name) in [(2, "Payroll"), (3, "PAYROLL"), (4, "Ｐayroll")] {
            let taken = SavedSearchRefused::Taken { owner: "ann".into(), name: name.into() };
            assert_eq!(refused(add(number, name, &ann).await.unwrap_err()), taken);
        }
        add(5, "payroll", &ben).await.unwrap();
        let second = add(6, "Invoices", &ann).await.unwrap();
        let renamed = store.change_saved_search(&second.id, 1, &terms("payROLL", false, "a@x"), &ann, at(20)).await;
        assert!(matches!(refused(renamed.unwrap_err()), SavedSearchRefused::Taken { .. }));
        let own = store.change_saved_search(&first.id, 1, &terms("PAYROLL", false, "a@x"), &ann, at(20)).await.unwrap();
        assert_eq!(own.terms.name, "PAYROLL", "its own name does not stand in its way");
    }
}

#[tokio::test]
async fn an_owner_has_so_many_and_no_more() {
    for database in Database::all().await {
        let store = &database.store;
        let ann = person(store, "ann", Role::Analyst).await;
        let ben = person(store, "ben", Role::Analyst).await;
        for number in 1..MOST_SAVED_SEARCHES {
            let id = Id::from_random(number.into());
            store.add_saved_search(&id, &terms(&format!("No. {number}"), false, "a@x"), &ann, at(10)).await.unwrap();
        }
        // Concurrently, so that each sees the same number before its own transaction.
        let add = |number: u64, who: &Principal| {
            let (store, who) = (store.clone(), who.clone());
            tokio::spawn(async move {
                let terms = terms(&format!("Extra {number}"), false, "a@x");
                store.add_saved_search(&Id::from_random(number), &terms, &who, at(20)).await
            })
        };
        let mut added = 0;
        for adding in [1_001, 1_002, 1_003].map(|number| add(number, &ann)) {
            match adding.await.unwrap() {
                Ok(_) => added += 1,
                Err(error) => {
                    assert_eq!(refused(error), SavedSearchRefused::TooMany { owner: "ann".into() });
                }
            }
        }
        assert_eq!(added, 1, "{}", database.name);
        add(2_001, &ben).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn of_two_who_save_over_each_other_one_is_told() {
    for database in Database::all().await {
        let store = &database.store;
        let ann = person(store, "ann", Role::Analyst).await;
        let id = Id::from_random(1);
        store.add_saved_search(&id, &terms("Payroll", true, "a@x"), &ann, at(10)).await.unwrap();
        let change = |from: &'static str| {
            let (store, ann, id) = (store.clone(), ann.clone(), id.clone());
            tokio::spawn(
                async move { store.change_saved_search(&id, 1, &terms("Payroll", true, from), &ann, at(20)).await },
            )
        };
        let mut results = Vec::new();
        for changing in ["b@x", "c@x"].map(change) {
            results.push(changing.await.unwrap());
        }
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        let error = results.into_iter().find_map(Result::err).unwrap();
        assert_eq!(refused(error), SavedSearchRefused::Changed { name: "Payroll".into(), expected: 1, found: 2 });
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn what_others_see_of_it_is_in_the_history() {
    for database in Database::all().await {
        let store = &database.store;
        let ann = person(store, "ann", Role::Analyst).await;
        let root = person(store, "root", Role::Admin).await;
        let id = Id::from_random(1);
        store.add_saved_search(&id, &terms("Payroll", false, "a@x"), &ann, at(10)).await.unwrap();
        let change = async |version, name, is_shared, from| {
            store.change_saved_search(&id, version, &terms(name, is_shared, from), &ann, at(20)).await.unwrap();
        };
        change(1, "Payroll", true, "a@x").await;
        change(2, "Payroll", true, "b@x").await;
        change(3, "Salaries", true, "b@x").await;
        change(4, "Salaries", false, "b@x").await;
        change(5, "Hidden", false, "c@x").await;
        change(6, "Hidden", true, "c@x").await;
        store.remove_saved_search(&id, &root, at(30)).await.unwrap();
        let told: Vec<_> = store
            .chain(2, 99)
            .await
            .unwrap()
            .into_iter()
            .map(|entry| (entry.in_words(), entry.link.kind, entry.link.actor))
            .collect();
        let told: Vec<_> = told.iter().map(|(says, kind, who)| (kind.as_str(), says.as_str(), who.as_str())).collect();
        assert_eq!(
            told,
            [
                ("search-shared", "Payroll, of ann", "ann"),
                ("search-shared", "Payroll, of ann", "ann"),
                ("search-shared", "Salaries, of ann", "ann"),
                ("search-unshared", "Salaries", "ann"),
                ("search-shared", "Hidden, of ann", "ann"),
                ("search-unshared", "Hidden", "root"),
            ]
        );
        store.verify(None, |_| {}).await.unwrap();
    }
}
