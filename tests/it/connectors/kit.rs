//! The kit for connectors of others: a crate to begin with, and the rules of the contract over any component.

use std::fs;
use std::path::Path;

use clawback_tests::binary::Clawback;

use super::dist;

const MAILBOX: &str = "probe@example.test";

/// A site with a Maildir store that has one empty mailbox.
fn site(folder: &Path) -> Clawback {
    let mail = folder.join("mail");
    for sub in ["new", "cur", "tmp"] {
        fs::create_dir_all(mail.join(MAILBOX).join(sub)).unwrap();
    }
    Clawback::init(folder, &format!("connector = \"maildir\"\ndirectory = \"{}\"", mail.display()))
}

#[test]
fn a_component_is_tested_on_messages_that_are_made_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = site(folder.path());
    let test = ["connectors", "test", "--against", "corp", "--mailbox", MAILBOX];

    let refused = clawback.fails(1, &test);
    assert!(refused.contains("rules are broken") && refused.contains("--write-messages"), "{refused}");

    let messages = folder.path().join("messages");
    clawback.ok(&[&test[..], &["--write-messages", messages.to_str().unwrap()]].concat());
    for (number, file) in fs::read_dir(&messages).unwrap().enumerate() {
        let name = format!("mail/{MAILBOX}/cur/170000000{number}.M{number}P1.host:2,S");
        fs::copy(file.unwrap().path(), folder.path().join(name)).unwrap();
    }
    let told = clawback.ok(&test);
    assert!(told.contains("ok     a search is complete") && told.contains("rules are kept"), "{told}");
    assert!(told.contains("ok     soft-delete, again, and back"), "{told}");

    // The last message is gone, so the rules do not act again.
    let component = dist("maildir.wasm");
    let file = [&test[..], &[component.to_str().unwrap(), "--format", "json"]].concat();
    let output = clawback.run(&file);
    assert_eq!(output.status.code(), Some(1));
    let verdicts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let verdicts = verdicts["items"].as_array().unwrap();
    assert!(verdicts.iter().any(|verdict| verdict["broken"].is_string()), "{verdicts:?}");
    assert!(verdicts.iter().all(|verdict| !verdict["rule"].as_str().unwrap().contains("back")), "{verdicts:?}");
}

#[test]
fn a_new_connector_is_a_crate_of_the_sdk() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = site(folder.path());
    let sdk = dist("").join("../sdk");
    let sdk = sdk.to_str().unwrap();
    let new = |name: &str, sdk: &str| {
        clawback.command(&["connectors", "new", name, "--sdk", sdk]).current_dir(folder.path()).output().unwrap()
    };
    assert!(new("my-store", sdk).status.success());
    let read = |file: &str| fs::read_to_string(folder.path().join("my-store").join(file)).unwrap();
    assert!(read("src/lib.rs").contains("capabilities(\"my-store\""));
    let crate_file: toml::Table = read("Cargo.toml").parse().unwrap();
    let found = crate_file["dependencies"]["clawback-connector-sdk"]["path"].as_str().unwrap();
    assert!(Path::new(found).join("Cargo.toml").is_file(), "{found}");
    assert!(read("my-store.toml").contains("id = \"my-store\""));
    for (name, sdk) in [("my-store", sdk), ("../x", sdk), ("Store", sdk), ("other", "/nowhere")] {
        assert_eq!(new(name, sdk).status.code(), Some(2), "{name}");
    }
}
