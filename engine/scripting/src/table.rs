//! The table of what scripts can call: it registers, it checks spelling, and it is what the README is tested against.

use std::sync::OnceLock;

use rhai::{Engine, EvalAltResult, RhaiNativeFunc, Variant};

use crate::current::Current;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Read as `message.name`.
    Getter,
    /// Called.
    Function,
    /// Of rhai's own library.
    Standard,
}

/// One name that scripts can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// Getter or function.
    pub kind: EntryKind,
    /// How it is called, or the type of a getter.
    pub signature: &'static str,
    /// What it gives.
    pub about: &'static str,
}

/// An engine that is being filled, and the table of what is in it.
pub(crate) struct Registry {
    pub(crate) engine: Engine,
    pub(crate) entries: Vec<Entry>,
}

impl Registry {
    pub(crate) fn getter<V: Variant + Clone>(
        &mut self,
        name: &'static str,
        signature: &'static str,
        about: &'static str,
        get: impl Fn(&mut Current) -> Result<V, Box<EvalAltResult>> + Send + Sync + 'static,
    ) {
        self.engine.register_get(name, get);
        self.entries.push(Entry { name, kind: EntryKind::Getter, signature, about });
    }

    pub(crate) fn function<A: 'static, const N: usize, const X: bool, R: Variant + Clone, const F: bool>(
        &mut self,
        name: &'static str,
        signature: &'static str,
        about: &'static str,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) {
        self.overload(name, function);
        self.entries.push(Entry { name, kind: EntryKind::Function, signature, about });
    }

    /// The same function for other arguments.
    pub(crate) fn overload<A: 'static, const N: usize, const X: bool, R: Variant + Clone, const F: bool>(
        &mut self,
        name: &'static str,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) {
        self.engine.register_fn(name, function);
    }
}

/// What scripts may use of rhai's own library.
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

/// Words that look like calls and are not.
pub(crate) const SYNTAX: [&str; 8] = ["if", "while", "switch", "return", "throw", "Fn", "type_of", "is_def_fn"];

/// Every getter and function that scripts can use, in the order in which they are documented.
pub fn function_table() -> &'static [Entry] {
    static TABLE: OnceLock<Vec<Entry>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut entries = crate::engine::build(false).entries;
        entries.extend(STANDARD.map(|name| Entry { name, kind: EntryKind::Standard, signature: "", about: "" }));
        entries
    })
}
