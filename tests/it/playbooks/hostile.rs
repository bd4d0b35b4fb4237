//! Scripts that are hostile, or just wrong, end with an error or a fault, soon and with a position.

use std::time::{Duration, Instant};

use clawback_scripting::{Context, FilterScript, Lists};

use super::message::ordinary;

fn outcome(source: &str) -> String {
    let started = Instant::now();
    let found = match FilterScript::compile("hostile.rhai", source, &Lists::default()) {
        Err(error) => format!("refused: {error}"),
        Ok(script) => match script.keep(&ordinary(), &Context::default()) {
            Ok(verdict) => format!("{verdict:?}"),
            Err(fault) => format!("fault: {fault}"),
        },
    };
    assert!(started.elapsed() < Duration::from_secs(5), "{source:.100} took {:?}", started.elapsed());
    found.to_lowercase()
}

#[test]
fn each_is_stopped() {
    let parentheses = format!("fn keep(message) {{ {}true{} }}", "(".repeat(500), ")".repeat(500));
    for (source, expected) in [
        ("fn keep(message) { loop { } }", "fault"),
        ("fn keep(message) { while true { let x = 1; } true }", "fault"),
        ("loop { } fn keep(message) { true }", "refused"),
        ("fn keep(message) { let s = \"xxxxxxxx\"; loop { s += s; } }", "fault"),
        ("fn keep(message) { let a = [1]; loop { a += a; } }", "fault"),
        ("fn keep(message) { let m = #{}; let i = 0; loop { m[i.to_string()] = i; i += 1; } }", "fault"),
        ("fn deep(n) { deep(n + 1) } fn keep(message) { deep(0) }", "fault"),
        (parentheses.as_str(), "refused"),
        ("fn keep(message) { eval(\"true\") }", "refused"),
        ("import \"x\" as y; fn keep(message) { true }", "refused"),
        ("fn keep(message) { message.subject = \"x\"; true }", "refused"),
        ("fn keep(message) { let pad = \"\"; pad.pad(100000000, \"x\"); true }", "fault"),
        ("fn keep(message) { let a = []; a.pad(100000000, 1); true }", "fault"),
        ("fn keep(message) { (0..1000000000).filter(|x| x > 5); true }", "refused"),
        ("fn keep(message) { throw \"no\" }", "fault"),
        ("fn keep(message) { 1 / 0 }", "fault"),
        ("fn keep(message) { 9223372036854775807 + 1 }", ""),
        ("fn keep(message) {", "refused"),
        ("\u{0}\u{202e}", "refused"),
    ] {
        let found = outcome(source);
        assert!(found.starts_with(expected), "{source:.100}: {found}");
    }
}

#[test]
fn print_is_captured_and_bounded() {
    let source = "fn keep(message) { for i in 0..1000 { print(\"line \\u001b \" + i); } true }";
    let script = FilterScript::compile("print.rhai", source, &Lists::default()).unwrap();
    let context = Context::default();
    let mut session = script.session(&context);
    assert!(session.keep(&ordinary()).unwrap().keep);
    let printed = session.take_printed();
    assert_eq!(printed.len(), 20);
    assert!(!printed[0].contains('\u{1b}'));
    assert!(session.take_printed().is_empty());
}

#[test]
fn a_huge_subject_is_no_fault() {
    let script = FilterScript::compile(
        "s.rhai",
        "fn keep(message) { message.subject.len() < 20000 && message.subject_has(\"zz\") == false }",
        &Lists::default(),
    )
    .unwrap();
    let mut message = ordinary();
    message.subject = "ü".repeat(1 << 20);
    assert!(script.keep(&message, &Context::default()).unwrap().keep);
}
