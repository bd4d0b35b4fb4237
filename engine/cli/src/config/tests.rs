//! The page of the configuration has every key, with its default, and no other. The keys of the program are those that its
//! refusal of an unknown key lists.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize as _;
use toml::{Table, Value};

use super::Config;

const PAGE: &str = include_str!("../../docs/configuration.md");
/// A key that no table has.
const UNKNOWN: &str = "zz-unknown";
/// The name of a table that the operator chooses.
const NAME: &str = "NAME";

/// The way to a table. `a[]` is an array of tables, `kind=x` the value of the key `kind`.
type Way = Vec<String>;

/// The keys of the page: of each table, of each key, type and default.
type Documented = BTreeMap<String, BTreeMap<String, (String, String)>>;

fn shown(way: &[String]) -> String {
    way.join(".").replace("[]", "").replace(".kind=", " kind=")
}

/// A document that has `inner` at the end of a way.
fn document(way: &[String], inner: Table) -> Table {
    way.iter().rev().fold(inner, |mut inner, step| {
        if let Some(kind) = step.strip_prefix("kind=") {
            inner.insert("kind".to_owned(), kind.into());
            return inner;
        }
        let (step, inner) = match step.strip_suffix("[]") {
            Some(step) => (step, Value::Array(vec![inner.into()])),
            None => (step.as_str(), inner.into()),
        };
        Table::from_iter([(step.to_owned(), inner)])
    })
}

/// Why a document is refused; empty if it is not.
fn refusal(document: Table) -> String {
    let refused = Config::deserialize(Value::from(document)).map(drop).map_err(|error| error.to_string());
    refused.err().unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

fn refusal_of(way: &[String], key: &str, value: impl Into<Value>) -> String {
    refusal(document(way, Table::from_iter([(key.to_owned(), value.into())])))
}

fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The names that the refusal of [`UNKNOWN`] lists; none if it is refused for another reason.
fn listed(refusal: &str) -> Option<Vec<String>> {
    let unknown = refusal.contains("unknown") && refusal.contains(&format!("`{UNKNOWN}`"));
    unknown.then(|| quoted(refusal).into_iter().filter(|name| name != UNKNOWN).collect())
}

/// Finds the tables of the program beneath a way, and the keys of each. Whether there is a table.
fn walk(way: &Way, found: &mut BTreeMap<String, BTreeSet<String>>) -> bool {
    let step = |step: String| way.iter().cloned().chain([step]).collect::<Way>();
    // A word of an enumeration is refused in the same way as a key.
    if let Some((key, around)) = way.split_last()
        && refusal_of(around, key, UNKNOWN).contains("unknown variant")
    {
        return false;
    }
    let refused = refusal_of(way, UNKNOWN, 1);
    if refused.contains("missing field `kind`") {
        for kind in listed(&refusal_of(way, "kind", UNKNOWN)).unwrap() {
            let variant = step(format!("kind={kind}"));
            if !walk(&variant, found) {
                // A variant without keys of its own.
                found.insert(shown(&variant), BTreeSet::new());
            }
        }
        return true;
    }
    let Some(keys) = listed(&refused) else { return false };
    for key in &keys {
        let named: Way = step(key.clone()).into_iter().chain([NAME.to_owned()]).collect();
        let _ = walk(&step(key.clone()), found) || walk(&named, found) || walk(&step(format!("{key}[]")), found);
    }
    found.insert(shown(way), keys.into_iter().collect());
    true
}

fn documented(page: &str) -> Documented {
    let mut found = Documented::new();
    let (mut tables, mut is_table) = (Vec::new(), false);
    for line in page.lines() {
        if line.starts_with('#') {
            let quoted = quoted(line);
            let names = quoted.iter().filter(|word| word.starts_with('[')).map(|word| word.trim_matches(['[', ']']));
            let kinds: Vec<&str> = quoted.iter().filter_map(|word| word.strip_prefix("kind = ")).collect();
            tables = match kinds.as_slice() {
                [] => names.map(str::to_owned).collect(),
                kinds => names
                    .flat_map(|name| kinds.iter().map(move |kind| format!("{name} kind={}", kind.trim_matches('"'))))
                    .collect(),
            };
            if line == "## Top level" {
                tables.push(String::new());
            }
            for table in &tables {
                found.entry(table.clone()).or_default();
            }
        } else if line.starts_with('|') {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            if cells.first() == Some(&"key") {
                is_table = true;
            } else if let [keys, kind, default, ..] = cells.as_slice()
                && is_table
                && !keys.starts_with("---")
            {
                for (table, key) in
                    tables.iter().flat_map(|table| quoted(keys).into_iter().map(move |key| (table, key)))
                {
                    let was = found.get_mut(table).unwrap().insert(key.clone(), ((*kind).into(), (*default).into()));
                    assert!(was.is_none(), "`{key}` of [{table}] is twice on the page");
                }
            }
        } else {
            is_table = false;
        }
    }
    found
}

/// A key with dots is that of a table within.
fn flat(tables: &Documented) -> BTreeSet<String> {
    let keys = tables.iter().flat_map(|(table, keys)| keys.keys().map(move |key| format!("{table}.{key}")));
    keys.map(|key| key.trim_start_matches('.').to_owned()).collect()
}

/// What a page lacks, and what it has that is not there.
fn wrong_keys(page: &str) -> Vec<String> {
    let mut tables = BTreeMap::new();
    assert!(walk(&Way::new(), &mut tables));
    assert!(tables.len() > 30, "the walk finds the tables: {tables:#?}");
    let documented = documented(page);
    let keys = flat(&documented);
    let is_within = |name: &str| {
        let within = |other: &str| other.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ']));
        keys.iter().any(|key| within(key)) || documented.keys().any(|table| table == name || within(table))
    };
    let all: BTreeSet<String> = tables
        .iter()
        .flat_map(|(table, keys)| keys.iter().map(move |key| format!("{table}.{key}")))
        .map(|key| key.trim_start_matches('.').to_owned())
        .collect();
    let lacking = all.iter().filter(|key| !keys.contains(*key) && !is_within(key));
    let lacking_tables = tables.keys().filter(|table| !table.is_empty() && !is_within(table));
    let unknown = keys.iter().filter(|key| !all.contains(*key));
    let unknown_tables = documented.iter().filter(|(table, keys)| keys.is_empty() && !tables.contains_key(*table));
    let lacking = lacking.chain(lacking_tables).map(|name| format!("configuration.md lacks {name}"));
    let unknown = unknown.chain(unknown_tables.map(|(table, _)| table));
    lacking.chain(unknown.map(|name| format!("configuration.md has {name}, which is none"))).collect()
}

/// The way of a table of the page.
fn way(table: &str) -> Way {
    let (path, kind) = table.split_once(" kind=").map_or((table, None), |(path, kind)| (path, Some(kind)));
    let steps = path.split('.').filter(|step| !step.is_empty());
    let steps = steps.map(|step| if step == "witnesses" { "witnesses[]".to_owned() } else { step.to_owned() });
    steps.chain(kind.map(|kind| format!("kind={kind}"))).collect()
}

/// Adds what one document has to another.
fn merge(into: &mut Table, other: Table) {
    for (key, value) in other {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(other)) => merge(into, other),
            (Some(Value::Array(into)), Value::Array(other)) => {
                for (into, other) in into.iter_mut().zip(other) {
                    if let (Value::Table(into), Value::Table(other)) = (into, other) {
                        merge(into, other);
                    }
                }
            }
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

/// A document with the keys that a table and those around it require, but for one.
fn required(documented: &Documented, table: &str, without: Option<&str>) -> Table {
    let mut made = document(&way(table), Table::new());
    let path = table.split(' ').next().unwrap();
    for (other, keys) in documented {
        let around = other == table || !other.contains(' ') && path.starts_with(&format!("{other}."));
        for (key, (kind, default)) in keys.iter().filter(|_| around) {
            if default == "required" && !(other == table && Some(key.as_str()) == without) {
                let value = match kind.as_str() {
                    "list of strings" => Value::Array(Vec::new()),
                    _ => "x".into(),
                };
                merge(&mut made, document(&way(other), Table::from_iter([(key.clone(), value)])));
            }
        }
    }
    if path.starts_with("oidc") {
        merge(&mut made, document(&way("oidc.roles"), Table::new()));
    }
    made
}

/// The defaults and requirements of a page that are not those of the program.
fn wrong_defaults(page: &str) -> Vec<String> {
    let documented = documented(page);
    let read = |document: Table| {
        Config::deserialize(Value::from(document))
            .map(|config| format!("{config:#?}"))
            .map_err(|error| error.to_string())
    };
    let mut wrong = Vec::new();
    // The keys of its own table are read in place of the name of the connector.
    for (table, keys) in documented.iter().filter(|(table, _)| *table != "stores.NAME.connector") {
        let least = required(&documented, table, None);
        let mut most = least.clone();
        for (key, (_, default)) in keys {
            match (default.as_str(), quoted(default).as_slice()) {
                (_, [value]) => {
                    let whole: Table = toml::from_str(&format!("{key} = {value}")).unwrap();
                    merge(&mut most, document(&way(table), whole));
                }
                ("required", _) => {
                    let said = refusal(required(&documented, table, Some(key)));
                    if !said.contains(&format!("missing field `{key}`")) {
                        wrong.push(format!("[{table}] does not require {key}: {said}"));
                    }
                }
                ("none" | "per table", _) => {}
                (other, _) => wrong.push(format!("[{table}] {key}: `{other}` is no default")),
            }
        }
        match (read(least), read(most)) {
            (Ok(least), Ok(most)) if least == most => {}
            (Ok(_), Ok(_)) => wrong.push(format!("a default of [{table}] is another")),
            (Err(said), _) => wrong.push(format!("[{table}] requires more than the page says: {said}")),
            (_, Err(said)) => wrong.push(format!("a default of [{table}] is refused: {said}")),
        }
    }
    wrong
}

#[test]
fn the_page_is_that_of_this_program() {
    assert_eq!(wrong_keys(PAGE), Vec::<String>::new());
    assert_eq!(wrong_defaults(PAGE), Vec::<String>::new());
}

#[test]
fn a_page_that_is_wrong_is_found() {
    let changed = |from: &str, to: &str| {
        assert_eq!(PAGE.matches(from).count(), 1, "{from}");
        PAGE.replace(from, to)
    };
    let row = PAGE.lines().find(|line| line.starts_with("| `io-timeout`")).unwrap();
    for (from, to) in [
        (row, ""),
        (row, "| `io-time-out` | duration | none | none such |"),
        ("`[stores.NAME.auth]` `kind = \"external\"`", "External"),
        ("`[notifiers.NAME]` `kind = \"log\"`", "`[notifiers.NAME]` `kind = \"logs\"`"),
    ] {
        assert!(!wrong_keys(&changed(from, to)).is_empty(), "{from} -> {to}");
    }
    for (from, to) in [
        ("| `handpicked` | integer | `100` |", "| `handpicked` | integer | `101` |"),
        ("| `idle-connections` | integer | `8` |", "| `idle-connections` | integer | `\"8\"` |"),
        ("| `issuer` | string | required |", "| `issuer` | string | none |"),
        ("| `region` | string | none |", "| `region` | string | required |"),
    ] {
        assert!(!wrong_defaults(&changed(from, to)).is_empty(), "{from} -> {to}");
    }
}

#[test]
fn the_parts_of_a_configuration_are_compared_by_their_values() {
    let parts = |text: &str| super::setup(text);
    let here = parts("database = \"sqlite:a\"\n[limits]\nquery = 5\npicked = 3\n[stores.a]\nconnector = \"imap\"\n");
    let same = "cache = \"x\"\n# a comment\n[stores.a]\nconnector = 'imap'\n[limits]\npicked = 3\nquery = 5\n";
    assert!(here.differences(&parts(same)).is_empty());
    let other = "[limits]\nquery = 6\npicked = 3\n[stores.a]\nconnector = \"imap\"\n[stores.b]\nconnector = \"imap\"\n";
    assert_eq!(here.differences(&parts(other)), ["limits", "stores.b"]);
    for key in super::OF_THE_NODE {
        let refused = refusal_of(&[], key, Value::Integer(-1));
        assert!(!refused.contains("unknown"), "`{key}` is no key: {refused}");
    }
}
