//! Rooms: imports go one way within a crate, too. Files that import each other in a circle can only be read together,
//! so no crate has such a circle, and no file imports from a room above its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of each crate, from the lowest up: a file imports from its own room and from those before it. Rooms
/// separated by commas are on one level, and neither imports from the other. Files that no room names may be between
/// any two.
const ROOMS: [(&str, &[&str]); 5] = [
    (
        "store",
        &[
            "error",
            "database",
            "store",
            "watch",
            "health",
            "lease",
            "rows",
            "chain",
            "replay",
            "site_events",
            "people",
            "search_index",
            "notifying",
            "history",
            "work",
            "verify",
            "open",
        ],
    ),
    ("connectors", &["config", "granted", "imports", "component", "call", "wasm_store", "load", "host"]),
    ("runtime", &["gate", "evidence", "intake", "notifying", "checkpoints", "planning", "acting", "clock", "worker"]),
    (
        "action-center",
        &[
            "error_chain",
            "json",
            "remediation_export",
            "problem",
            "center",
            "session",
            "access",
            "lookup",
            "design",
            "api, pages",
            "router",
        ],
    ),
    ("cli", &["failure", "output", "table", "tables", "args", "config", "open", "client", "agents", "commands"]),
];

/// Crates whose imports are checked for circles: all that are more than a few files.
const CRATES: [&str; 9] =
    ["model", "store", "scripting", "connectors", "playbooks", "runtime", "app", "action-center", "cli"];

/// The modules of a crate: by path (`a::b`), what each imports.
struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    fn of(source: &Path) -> Self {
        let mut texts = BTreeMap::new();
        read(source, source, &mut texts);
        let known: BTreeSet<String> = texts.keys().cloned().collect();
        let imports = texts.iter().map(|(module, text)| {
            let mut found = BTreeSet::new();
            for path in paths(module, &without_tests(text), &known) {
                found.insert(resolve(module, &path, &known));
            }
            found.remove(module);
            (module.clone(), found)
        });
        Self(imports.collect())
    }

    /// Every set of modules that import each other, directly or not; the largest first.
    fn circles(&self) -> Vec<BTreeSet<&str>> {
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            self.0.keys().map(|from| (from.as_str(), self.reach(from))).collect();
        let mut circles = BTreeSet::new();
        for (from, to) in &reached {
            let circle: BTreeSet<&str> = to.iter().copied().filter(|other| reached[other].contains(from)).collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        let mut circles: Vec<_> = circles.into_iter().collect();
        circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
        circles
    }

    fn reach<'a>(&'a self, from: &str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = self.0[from].iter().map(String::as_str).collect();
        while let Some(module) = next.pop() {
            if reached.insert(module) {
                next.extend(self.0[module].iter().map(String::as_str));
            }
        }
        reached
    }
}

/// Reads every file of a crate under the path of its module; the root is `crate`.
fn read(source: &Path, folder: &Path, texts: &mut BTreeMap<String, String>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            read(source, &path, texts);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let relative = path.strip_prefix(source).unwrap().with_extension("");
            let mut parts: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
            if matches!(parts.last(), Some(&"mod" | &"lib" | &"main")) {
                parts.pop();
            }
            let name = if parts.is_empty() { "crate".to_owned() } else { parts.join("::") };
            // The imports of a module of tests do not count.
            if parts.last() != Some(&"tests") && parts.last() != Some(&"vocabulary") {
                texts.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
}

/// The text without comments and without what is compiled for tests alone, which is at the end of a file.
fn without_tests(text: &str) -> String {
    let starts = ["]\nmod tests", "]\npub(crate) mod tests"];
    let start = starts.iter().filter_map(|start| text.find(start)).min();
    // The condition may contain more than `test`.
    let end = start.and_then(|start| text[..start].rfind("#[cfg(")).unwrap_or(text.len());
    text[..end].lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Every path in a text that begins with `crate`, `super`, `self` or a module below this one, with nested `use` lists
/// expanded.
fn paths(module: &str, code: &str, known: &BTreeSet<String>) -> Vec<Vec<String>> {
    let beneath = known.iter().filter_map(|other| match (module, other.rsplit_once("::")) {
        ("crate", None) => Some(other.as_str()),
        (_, Some((above, name))) if above == module => Some(name),
        _ => None,
    });
    let mut found = Vec::new();
    for start in beneath.chain(["crate", "super", "self"]) {
        let start = format!("{start}::");
        for (at, _) in code.match_indices(&start) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':' && c != '$') {
                tree(&code[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    found
}

/// Reads one `use` tree, or one path, from the start of a text. Returns the rest of it.
fn tree<'a>(mut code: &'a str, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let depth = before.len();
    loop {
        code = code.trim_start();
        if let Some(list) = code.strip_prefix('{') {
            code = list;
            loop {
                code = tree(code, before, found).trim_start();
                match code.chars().next() {
                    Some(',') => code = &code[1..],
                    Some('}') => break code = &code[1..],
                    _ => break,
                }
                if let Some(rest) = code.trim_start().strip_prefix('}') {
                    break code = rest;
                }
            }
            break;
        }
        let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
        before.push(code[..end].to_owned());
        code = &code[end..];
        match code.strip_prefix("::") {
            Some(rest) if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '{') => code = rest,
            _ => {
                found.push(before.clone());
                code = code.trim_start();
                if let Some(alias) = code.strip_prefix("as ") {
                    let end = alias.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(alias.len());
                    code = &alias[end..];
                }
                break;
            }
        }
    }
    before.truncate(depth);
    code
}

/// The module that a path leads to: its longest prefix that is one.
fn resolve(module: &str, path: &[String], known: &BTreeSet<String>) -> String {
    let mut parts: Vec<&str> =
        if path[0] == "crate" || module == "crate" { Vec::new() } else { module.split("::").collect() };
    let mut rest = path;
    while let [first, more @ ..] = rest
        && matches!(first.as_str(), "crate" | "super" | "self")
    {
        if first == "super" {
            parts.pop();
        }
        rest = more;
    }
    let base = parts.len();
    parts.extend(rest.iter().map(String::as_str));
    while parts.len() > base && !known.contains(&parts.join("::")) {
        parts.pop();
    }
    if parts.is_empty() { "crate".to_owned() } else { parts.join("::") }
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("engine").join(name).join("src")
}

#[test]
fn files_of_a_crate_form_no_circles() {
    let mut wrong = Vec::new();
    for name in CRATES {
        let imports = Imports::of(&source(name));
        for circle in imports.circles() {
            for module in &circle {
                let of_circle: Vec<_> =
                    imports.0[*module].iter().filter(|target| circle.contains(target.as_str())).collect();
                wrong.push(format!("engine/{name}: {module} imports {of_circle:?}, from where it is imported again"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_import_from_no_room_above_their_own() {
    let mut wrong = Vec::new();
    for (name, rooms) in ROOMS {
        let name_of = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
        let room =
            |module: &str| rooms.iter().position(|beside| beside.split(", ").any(|room| room == name_of(module)));
        for (module, imports) in &Imports::of(&source(name)).0 {
            for target in imports {
                if let (Some(own), Some(other)) = (room(module), room(target))
                    && (other > own || other == own && name_of(module) != name_of(target))
                {
                    wrong.push(format!(
                        "engine/{name}: {module} imports {target}, a room above its own or on its level"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_a_grant_can_do_knows_no_component() {
    let mut texts = BTreeMap::new();
    read(&source("connectors"), &source("connectors").join("granted"), &mut texts);
    assert!(texts.contains_key("granted::http"), "the capabilities are where this test looks");
    let wrong: Vec<_> = texts.iter().filter(|(_, text)| text.contains("wasmtime")).map(|(module, _)| module).collect();
    assert!(wrong.is_empty(), "engine/connectors: {wrong:?} name wasmtime; what needs it belongs to imports");
}

#[test]
fn paths_are_read_as_rust_reads_them() {
    let known: BTreeSet<String> = ["crate", "a", "a::b", "c"].map(str::to_owned).into();
    let code = "use crate::a::{self, b::{X, Y as Z}, T};\nuse super::c;\nlet x = crate::c::make(crate::Error);";
    let read = |module: &str, code: &str| -> Vec<String> {
        paths(module, code, &known).iter().map(|path| resolve(module, path, &known)).collect()
    };
    assert_eq!(read("a::b", code), ["a", "a::b", "a::b", "a", "c", "crate", "a"]);
    assert_eq!(read("a", "use b::X; use super::c; self::b::Y"), ["a::b", "c", "a::b"]);
    assert_eq!(read("crate", "pub use a::{T, b::X}; c::make()"), ["a", "a::b", "c"]);
    let tests = "use super::a;\n#[cfg(all(test, unix))]\nmod tests {\n    use super::*;\n}\n";
    assert_eq!(read("c", &without_tests(tests)), ["a"]);
    let circle = |a: &[&str], b: &[&str]| {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Imports(BTreeMap::from([("a".to_owned(), set(a)), ("b".to_owned(), set(b))])).circles().len()
    };
    assert_eq!((circle(&["b"], &[]), circle(&["b"], &["a"])), (0, 1));
}
