//! Principals and tokens.

use clawback_model::{Digest, Principal, PrincipalKind, Role, Timestamp};
use clawback_store::{StoreError, TokenTerms};

use super::harness::Database;

#[tokio::test]
async fn only_one_of_confusable_names_is_added() {
    for database in Database::all().await {
        let add = |name: &'static str| {
            let store = database.store.clone();
            tokio::spawn(async move {
                let principal = Principal::new(name, PrincipalKind::Person, vec![Role::Viewer]);
                store.add_principal(&principal, "root", Timestamp(1)).await
            })
        };
        // Concurrently, so that none sees another before its own transaction.
        let mut added = 0;
        for adding in ["ben", "Ben", "BEN", "ｂｅｎ", "bеn", "Ьen"].map(add) {
            match adding.await.unwrap() {
                Ok(()) => added += 1,
                Err(StoreError::Name(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(added, 1, "{:?}", database.store.principals().await.unwrap());
        for name in ["automation", "ann, ben", "https://id.example", "init"] {
            let principal = Principal::new(name, PrincipalKind::Person, vec![]);
            let refused = database.store.add_principal(&principal, "root", Timestamp(2)).await.unwrap_err();
            assert!(matches!(refused, StoreError::Name(_)), "{name}: {refused}");
        }
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_valid_token_authenticates_its_principal() {
    for database in Database::all().await {
        let store = &database.store;
        let eve = Principal::new("eve", PrincipalKind::Person, vec![Role::Approver]);
        store.add_principal(&eve, "root", Timestamp(1)).await.unwrap();
        let again = store.add_principal(&eve, "root", Timestamp(1)).await.unwrap_err();
        assert!(matches!(again, StoreError::Exists { .. }), "{again}");

        let secret = Digest::of(b"secret");
        let nobody =
            store.add_token("bob", &secret, TokenTerms::labelled("x"), "root", Timestamp(2)).await.unwrap_err();
        assert!(matches!(nobody, StoreError::NotFound { .. }), "{nobody}");
        let terms = TokenTerms { expires: Some(Timestamp(100)), ..TokenTerms::labelled("laptop") };
        store.add_token("eve", &secret, terms, "root", Timestamp(2)).await.unwrap();
        let by = async |at| store.principal_by_token(&secret, Timestamp(at)).await.unwrap();
        let found = by(99).await.unwrap();
        let credential = found.credential.clone().unwrap();
        assert_eq!((credential.label.as_str(), credential.issued_by.as_str()), ("laptop", "root"));
        assert_eq!(credential.issued_at, Timestamp(2));
        assert_eq!(Principal { credential: None, ..found }, eve);
        assert_eq!(by(100).await, None, "expired");
        assert_eq!(store.principal_by_token(&Digest::of(b"other"), Timestamp(3)).await.unwrap(), None);

        let scoped = Digest::of(b"for a script");
        let terms = TokenTerms { scope: Some(&[Role::Viewer, Role::Approver]), ..TokenTerms::labelled("script") };
        store.add_token("eve", &scoped, terms, "root", Timestamp(3)).await.unwrap();
        let narrow = TokenTerms { scope: Some(&[Role::Admin]), ..TokenTerms::labelled("narrow") };
        store.add_token("eve", &Digest::of(b"narrow"), narrow, "root", Timestamp(3)).await.unwrap();
        let roles = async |secret: &[u8]| {
            store.principal_by_token(&Digest::of(secret), Timestamp(50)).await.unwrap().unwrap().roles
        };
        assert_eq!(roles(b"for a script").await, [Role::Approver], "what it names and the principal has");
        assert_eq!(roles(b"narrow").await, [], "a scope gives nothing");

        store.change_roles("eve", &[Role::Viewer], "root", Timestamp(4)).await.unwrap();
        assert_eq!(by(50).await.unwrap().roles, [Role::Viewer]);
        store.revoke_token("eve", "laptop", "root", Timestamp(5)).await.unwrap();
        store.revoke_token("eve", "laptop", "root", Timestamp(6)).await.unwrap();
        assert_eq!(by(50).await, None, "revoked");
        assert_eq!(store.tokens().await.unwrap()[0].revoked_at, Some(Timestamp(5)));
        assert_eq!(store.principals().await.unwrap(), [store.principal("eve").await.unwrap()]);

        let kinds: Vec<_> = store.chain(0, 9).await.unwrap().into_iter().map(|entry| entry.link.kind).collect();
        let added = ["principal-added", "token-added", "token-added", "token-added"];
        assert_eq!(kinds, [added.as_slice(), &["roles-changed", "token-revoked"]].concat());
        store.verify(None, |_| {}).await.unwrap();
    }
}
