//! The shipped scripts.

use super::scripts;

#[test]
fn every_script_begins_by_saying_what_it_decides() {
    for (script, source) in scripts() {
        assert!(
            source.starts_with("// ")
                && source.lines().next().unwrap().ends_with('.') | source.lines().nth(1).unwrap().starts_with("//"),
            "{script}"
        );
    }
}
