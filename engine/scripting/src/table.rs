//! The table of what scripts can call: spelling is checked against it, and the README is tested against it.

use std::sync::OnceLock;

use crate::engine;
use crate::registry::{Entry, EntryKind};

/// The functions of rhai's own library that scripts may use.
pub(crate) const STANDARD: [&str; 62] = [
    "abs",
    "all",
    "any",
    "append",
    "as_string",
    "bytes",
    "call",
    "chars",
    "chop",
    "clear",
    "crop",
    "curry",
    "debug",
    "dedup",
    "drain",
    "extract",
    "filter",
    "find",
    "find_map",
    "for_each",
    "get",
    "index_of",
    "insert",
    "is_empty",
    "is_even",
    "is_odd",
    "keys",
    "len",
    "make_lower",
    "make_upper",
    "map",
    "max",
    "min",
    "mixin",
    "order",
    "pad",
    "parse_int",
    "pop",
    "print",
    "push",
    "range",
    "reduce",
    "remove",
    "replace",
    "retain",
    "reverse",
    "set",
    "shift",
    "sign",
    "some",
    "sort",
    "split",
    "split_rev",
    "sub_string",
    "to_chars",
    "to_int",
    "to_lower",
    "to_string",
    "to_upper",
    "trim",
    "truncate",
    "values",
];

/// Words that look like calls but are not.
pub(crate) const SYNTAX: [&str; 8] = ["if", "while", "switch", "return", "throw", "Fn", "type_of", "is_def_fn"];

/// Returns every getter and function that scripts can use, in the order of the documentation.
pub fn function_table() -> &'static [Entry] {
    static TABLE: OnceLock<Vec<Entry>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut entries = engine::build(false).entries;
        entries.extend(STANDARD.map(|name| Entry { name, kind: EntryKind::Standard, signature: "", about: "" }));
        entries
    })
}
