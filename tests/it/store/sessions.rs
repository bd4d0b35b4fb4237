//! Sessions of browsers and their secrets.

use clawback_model::{Digest, Principal, PrincipalKind, Role, Timestamp};
use clawback_store::{NewSession, Renewal};

use super::harness::Database;

#[tokio::test]
async fn one_request_renews_a_session_and_the_earlier_secret_no_more_once_the_newest_was_used() {
    for database in Database::all().await {
        let store = &database.store;
        let eve = Principal::new("eve", PrincipalKind::Person, vec![Role::Approver]);
        store.add_principal(&eve, "root", Timestamp(1)).await.unwrap();
        let [id, first] = [b"id", b"s1"].map(|part| Digest::of(part));
        let session = NewSession {
            id,
            secret: first,
            principal: "eve",
            at: Timestamp(10),
            expires: Timestamp(1_000),
            at_provider: false,
        };
        store.begin_session(&session, Timestamp(10)).await.unwrap();

        let mut all = tokio::task::JoinSet::new();
        for number in 0..20 {
            let store = store.clone();
            let new = Digest::of(format!("new {number}").as_bytes());
            let renewal = Renewal { id, shown: first, current: first, new };
            all.spawn(async move { store.renew_session(&renewal, Timestamp(20)).await.unwrap().then_some(new) });
        }
        let mut won = Vec::new();
        while let Some(new) = all.join_next().await {
            won.extend(new.unwrap());
        }
        assert_eq!(won.len(), 1, "{}", database.name);
        let secrets = async || store.session(&id, Timestamp(0)).await.unwrap().unwrap().secrets;
        let found = secrets().await;
        assert_eq!((found.current, found.since), (won[0], Timestamp(20)));
        assert_eq!((found.earlier, found.earlier_until), (Some(first), None));

        // Lost on its way: one more replaces it.
        let second = Digest::of(b"second");
        let lost = Renewal { id, shown: first, current: won[0], new: second };
        assert!(store.renew_session(&lost, Timestamp(30)).await.unwrap());
        store.expire_earlier_secret(&id, &won[0], Timestamp(40)).await.unwrap();
        assert_eq!(secrets().await.earlier_until, None, "that one is no longer the newest");
        store.expire_earlier_secret(&id, &second, Timestamp(40)).await.unwrap();
        store.expire_earlier_secret(&id, &second, Timestamp(50)).await.unwrap();
        assert_eq!(secrets().await.earlier_until, Some(Timestamp(40)), "the first use counts");
        let late = Renewal { id, shown: first, current: second, new: Digest::of(b"late") };
        assert!(!store.renew_session(&late, Timestamp(41)).await.unwrap());

        // The two parts of the cookie are not in the database, in any column.
        let columns = "digest || secret || COALESCE(earlier, '') || principal";
        let rows = database.lines(&format!("SELECT {columns} FROM sessions")).await;
        assert_eq!(rows, [format!("{id}{second}{first}eve")]);
        store.end_session(&id).await.unwrap();
        assert!(store.session(&id, Timestamp(0)).await.unwrap().is_none());
    }
}
