//! An engine under construction, and the table of what scripts can call in it.

use rhai::{Engine, EvalAltResult, RhaiNativeFunc, Variant};

use crate::current::Current;

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Read as `message.name`.
    Getter,
    /// Called as a function.
    Function,
    /// A function of rhai's own library.
    Standard,
}

/// One name that scripts can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// Whether it is a getter or a function.
    pub kind: EntryKind,
    /// The form of a call, or the type of a getter.
    pub signature: &'static str,
    /// A description of the result.
    pub about: &'static str,
}

/// An engine under construction, and the table of its entries.
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

    /// Registers the same function for other arguments.
    pub(crate) fn overload<A: 'static, const N: usize, const X: bool, R: Variant + Clone, const F: bool>(
        &mut self,
        name: &'static str,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) {
        self.engine.register_fn(name, function);
    }
}
