//! Principals and tokens.

use clawback_model::{Digest, Principal, PrincipalKind, Role, Timestamp};
use clawback_store::StoreError;

use super::harness::Database;

#[tokio::test]
async fn a_token_stands_for_its_principal_while_it_is_good() {
    for database in Database::all().await {
        let store = &database.store;
        let eve = Principal { name: "eve".into(), kind: PrincipalKind::Person, roles: vec![Role::Approver] };
        store.add_principal(&eve, "root", Timestamp(1)).await.unwrap();
        let again = store.add_principal(&eve, "root", Timestamp(1)).await.unwrap_err();
        assert!(matches!(again, StoreError::Exists { .. }), "{again}");

        let secret = Digest::of(b"secret");
        let nobody = store.add_token("bob", &secret, "x", None, "root", Timestamp(2)).await.unwrap_err();
        assert!(matches!(nobody, StoreError::NotFound { .. }), "{nobody}");
        store.add_token("eve", &secret, "laptop", Some(Timestamp(100)), "root", Timestamp(2)).await.unwrap();
        let by = async |at| store.principal_by_token(&secret, Timestamp(at)).await.unwrap();
        assert_eq!(by(99).await, Some(eve.clone()));
        assert_eq!(by(100).await, None, "expired");
        assert_eq!(store.principal_by_token(&Digest::of(b"other"), Timestamp(3)).await.unwrap(), None);

        store.change_roles("eve", &[Role::Viewer], "root", Timestamp(4)).await.unwrap();
        assert_eq!(by(50).await.unwrap().roles, [Role::Viewer]);
        store.revoke_token("eve", "laptop", "root", Timestamp(5)).await.unwrap();
        store.revoke_token("eve", "laptop", "root", Timestamp(6)).await.unwrap();
        assert_eq!(by(50).await, None, "revoked");
        assert_eq!(store.tokens().await.unwrap()[0].revoked_at, Some(Timestamp(5)));
        assert_eq!(store.principals().await.unwrap(), [store.principal("eve").await.unwrap()]);

        let kinds: Vec<_> = store.chain(0, 9).await.unwrap().into_iter().map(|entry| entry.link.kind).collect();
        assert_eq!(kinds, ["principal-added", "token-added", "roles-changed", "token-revoked"]);
        store.verify(None, |_| {}).await.unwrap();
    }
}
