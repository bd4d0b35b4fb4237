//! The text of a plan, from which anybody can compute the digest that was voted on.

use std::path::Path;
use std::process::{Command, Output};

use clawback_action_center::export_plan;
use clawback_connectors::MailStore;
use clawback_model::{PrincipalKind, RemediationId};
use clawback_tests::center::TestCenter;
use clawback_tests::smtp::PYTHON;
use clawback_tests::world;
use futures::TryStreamExt as _;

use super::*;

/// The procedure in `engine/cli/docs/exports.md`.
const PROCEDURE: &str = "{ sed -n 1,2p plan; tail -n +3 plan | split -l 64 --filter='sha256sum | cut -c1-64'; \
    echo $(($(wc -l <plan) - 2)); } | sha256sum | cut -c1-64";

fn verifier(file: &Path, digest: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("plan_digest.py");
    Command::new(PYTHON).arg(script).arg(file).arg(digest).output().expect("python3 is there")
}

/// A plan of 150 messages, some with texts that would break lines; and a reader's token.
async fn planned(database: &Database) -> (TestCenter, RemediationId, String) {
    let store = Arc::new(FakeStore::new("corp"));
    for letter in 0..150 {
        let subject = format!("Letter {letter} \u{2028}\u{202e}\"\\\u{85}");
        store.deliver("ann@corp.example", "eve@evil.example", &subject, Timestamp(NOON.0 - letter));
    }
    let stores: Vec<Arc<dyn MailStore>> = vec![store];
    let center = TestCenter::start(database.store.clone(), stores, &[("purge", PLAYBOOK)]);
    let token = center.add("vic", PrincipalKind::Person, &[Role::Viewer]).await;
    let ann = person("ann", &[Role::Analyst]);
    let submitted = center.api.submit(&ann, submission("purge", &[("sender", "eve@evil.example")])).await.unwrap();
    (center, submitted.id, token)
}

#[tokio::test]
async fn anybody_computes_the_digest_again_from_the_text_of_a_plan() {
    for database in Database::all().await {
        let (center, id, token) = planned(&database).await;
        let path = format!("/api/v1/remediations/{id}/plan");
        assert_eq!(center.call("", "GET", &path, None).await.status, 401);
        let none = center.call(&token, "GET", &path, None).await;
        assert_eq!((none.status, &none.json()["code"]), (409, &"wrong-status".into()), "{}", none.text);

        let worker = world::worker(&center.api);
        let digest = worker.plan_only(&id).await.unwrap().plan.unwrap().digest.to_string();
        let answer = center.call(&token, "GET", &path, None).await;
        assert_eq!((answer.status, answer.text.matches('\n').count()), (200, 152));
        assert!(answer.header("content-disposition").contains(&format!("{id}.plan")));

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plan");
        std::fs::write(&file, &answer.text).unwrap();
        let found = verifier(&file, &digest);
        assert!(found.status.success(), "{found:?}");
        let shell = Command::new("sh").args(["-c", PROCEDURE]).current_dir(folder.path()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&shell.stdout).trim(), digest, "{shell:?}");

        let lines: Vec<&str> = answer.text.split_inclusive('\n').collect();
        for at in 0..lines.len() {
            let mut other: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            // Changes a digit of the version or of a number; both lines keep their form.
            let digit = other[at].rfind(|letter: char| letter.is_ascii_digit()).unwrap();
            let new = if &other[at][digit..=digit] == "7" { "8" } else { "7" };
            other[at].replace_range(digit..=digit, new);
            std::fs::write(&file, other.concat()).unwrap();
            let refused = verifier(&file, &digest);
            assert!(!refused.status.success() && refused.stdout.is_empty(), "line {at}: {refused:?}");
        }
        for other in [lines[..lines.len() - 1].concat(), lines.concat() + lines[2], answer.text[1..].to_owned()] {
            std::fs::write(&file, other).unwrap();
            assert!(!verifier(&file, &digest).status.success());
        }
    }
}

#[tokio::test]
async fn an_altered_plan_text_is_not_exported_completely() {
    for database in Database::all().await {
        let (center, id, token) = planned(&database).await;
        let worker = world::worker(&center.api);
        let planned = worker.plan_only(&id).await.unwrap();
        assert!(database.force("UPDATE targets SET subject = 'Hello' WHERE seq = 70").await);
        let pieces = export_plan(&database.store, planned.clone()).await.unwrap();
        let error = pieces.try_collect::<Vec<_>>().await.unwrap_err();
        assert!(matches!(error, StoreError::Altered { .. }), "{error}");
        // A changed header is detected before anything is returned.
        assert!(database.force("UPDATE plans SET header = replace(header, 'evil', 'good')").await);
        assert!(export_plan(&database.store, planned).await.is_err());
        let path = format!("/api/v1/remediations/{id}/plan");
        assert_eq!(center.call(&token, "GET", &path, None).await.json()["code"], "altered");
    }
}
