//! The READMEs document everything that can be written, and the schema matches the table.

use clawback_scripting::{EntryKind, function_table};
use clawback_tests::committed;

use super::{read, root};

#[test]
fn every_function_and_getter_is_in_the_readme() {
    let readme = read(&root("scripts/README.md"));
    let missing = |kind: EntryKind, name: &str| match kind {
        EntryKind::Getter => !readme.contains(&format!("`message.{name}`")),
        EntryKind::Function => !readme.contains(&format!("{name}(")),
        EntryKind::Standard => !readme.contains(&format!("`{name}`")),
    };
    let missing: Vec<_> = function_table().iter().filter(|entry| missing(entry.kind, entry.name)).collect();
    assert!(missing.is_empty(), "scripts/README.md lacks {missing:#?}");
}

#[test]
fn every_key_is_in_the_readme() {
    let readme = read(&root("workflows/README.md"));
    let missing: Vec<_> =
        clawback_playbooks::keys().into_iter().filter(|key| !readme.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "workflows/README.md lacks {missing:?}");
}

#[test]
fn the_schema_is_the_one_that_is_committed() {
    committed::check("workflows/playbook.schema.json", &clawback_playbooks::schema());
}
