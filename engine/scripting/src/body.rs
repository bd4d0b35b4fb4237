//! The body of `keep`, taken out of its function: a session evaluates it as statements, once for each message.
//!
//! A call from outside would create a scope, a state and an empty cache of resolved functions for each message, which
//! costs more than most scripts. Here they live as long as the session. What a script could change in them is reset
//! before each message, so a script keeps no state between messages.

use rhai::{AST, ASTNode, Caches, Dynamic, Engine, EvalAltResult, Expr, FnCallExpr, FnCallHashes, GlobalRuntimeState};
use rhai::{Module, Scope, Shared, Stmt, StmtBlock};

use crate::current::Current;
use crate::engine;

/// The statements of `keep`.
pub(crate) struct Body {
    statements: Vec<Stmt>,
    parameter: String,
    functions: Shared<Module>,
}

/// The most resolved functions that a session keeps. A script names a few dozen; computed names could be unlimited.
const MOST_RESOLVED: usize = 1_024;

impl Body {
    /// Takes the body out of a script that has one `keep` with one argument.
    pub(crate) fn of_keep(ast: &AST) -> Self {
        // Not `clone_functions_only_filtered`: it returns every function, regardless of the filter.
        let mut only = ast.clone_functions_only();
        only.retain_functions(|_, _, name, arguments| name == "keep" && arguments == 1);
        let mut statements = Vec::new();
        only.walk(&mut |path: &[ASTNode<'_>]| {
            if let [ASTNode::Stmt(statement)] = path {
                statements.push((*statement).clone());
            }
            true
        });
        // A script without functions of its own calls only registered ones: rhai then skips the search for script
        // functions.
        if ast.iter_functions().count() == 1 {
            statements.iter_mut().for_each(statement);
        }
        let parameter = only.iter_functions().find_map(|keep| keep.params.first().map(|name| (*name).to_owned()));
        Self { statements, parameter: parameter.unwrap_or_default(), functions: ast.shared_lib().clone() }
    }

    /// Begins a session; `scope` contains what the body sees in addition to the message.
    pub(crate) fn runner(&self, mut scope: Scope<'static>, message: Current) -> Runner<'_> {
        let engine = engine::strict();
        scope.push(self.parameter.as_str(), message);
        let mut global = engine.new_global_runtime_state();
        global.lib.push(self.functions.clone());
        Runner { body: self, engine, kept: scope.len(), scope, global, caches: Caches::new(), message }
    }
}

/// The state that a session keeps between messages.
pub(crate) struct Runner<'script> {
    body: &'script Body,
    engine: &'static Engine,
    scope: Scope<'static>,
    /// The length of the scope before the body adds its own variables.
    kept: usize,
    global: GlobalRuntimeState,
    caches: Caches,
    message: Current,
}

impl Runner<'_> {
    /// Evaluates the body once.
    pub(crate) fn run(&mut self) -> Result<Dynamic, Box<EvalAltResult>> {
        engine::begin();
        self.restore();
        #[expect(deprecated, reason = "the only way to keep the cache; rhai is pinned because of it")]
        let answer =
            self.engine.eval_statements_raw(&mut self.global, &mut self.caches, &mut self.scope, &self.body.statements);
        self.scope.rewind(self.kept);
        answer
    }

    /// Returns the number of resolved functions.
    #[cfg(test)]
    pub(crate) fn resolved(&mut self) -> usize {
        self.caches.fn_resolution_cache_mut().dict.len()
    }

    fn restore(&mut self) {
        self.global.num_operations = 0;
        (self.global.level, self.global.scope_level) = (0, 1);
        self.global.always_search_scope = false;
        // A script may assign to its argument, and a closure that captures it makes it shared.
        let is_whole = |found: &Dynamic| found.is::<Current>() && !found.is_shared();
        if !self.scope.get(&self.body.parameter).is_some_and(is_whole) {
            self.scope.rewind(self.kept - 1).push(self.body.parameter.as_str(), self.message);
        }
        if self.caches.fn_resolution_cache_mut().dict.len() > MOST_RESOLVED {
            self.caches = Caches::new();
        }
    }
}

/// Marks calls as calls of registered functions. Statements that are not visited keep their meaning and are only
/// slower.
fn statement(one: &mut Stmt) {
    match one {
        Stmt::If(flow, _) => {
            expression(&mut flow.expr);
            block(&mut flow.body);
            block(&mut flow.branch);
        }
        Stmt::Block(inner) => block(inner),
        Stmt::Var(variable, ..) => expression(&mut variable.1),
        Stmt::FnCall(call, _) => native(call),
        Stmt::Expr(inner) => expression(inner),
        Stmt::Return(Some(value), ..) => expression(value),
        _ => {}
    }
}

fn block(block: &mut StmtBlock) {
    block.statements_mut().iter_mut().for_each(statement);
}

fn expression(one: &mut Expr) {
    match one {
        Expr::FnCall(call, _) | Expr::MethodCall(call, _) => native(call),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
            expression(&mut pair.lhs);
            expression(&mut pair.rhs);
        }
        Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
            parts.iter_mut().for_each(expression);
        }
        Expr::Array(parts, _) | Expr::InterpolatedString(parts, _) => parts.iter_mut().for_each(expression),
        Expr::Map(parts, _) => parts.0.iter_mut().for_each(|(_, value)| expression(value)),
        Expr::Stmt(inner) => block(inner),
        _ => {}
    }
}

fn native(call: &mut FnCallExpr) {
    call.args.iter_mut().for_each(expression);
    if call.name != "keep" {
        call.hashes = FnCallHashes::from_native_only(call.hashes.native());
    }
}

#[cfg(test)]
mod tests {
    use clawback_model::{Location, LocationKind, Message, MessageRef, Timestamp};

    use crate::filter::{Context, FilterScript};
    use crate::lists::Lists;

    fn message() -> Message {
        Message {
            store: "corp".into(),
            mailbox: "boss@corp.example".into(),
            reference: MessageRef {
                locator: "1".into(),
                message_id: "<1@evil.example>".into(),
                fingerprint: "f".into(),
            },
            location: Location::new(LocationKind::Inbox, "INBOX"),
            original_location: None,
            subject: "Invoice".into(),
            from_address: "billing@evil.example".into(),
            from_name: "Billing".into(),
            also_from: Vec::new(),
            cut: Vec::new(),
            features: None,
            to: vec![],
            received_at: Timestamp(0),
            size: 5_000,
            flags: vec![],
            attachments: vec![],
            headers: vec![],
        }
    }

    fn lists() -> Lists {
        let ours = |name: &str, entry: &str| (name.to_owned(), vec![entry.to_owned()]);
        Lists::new([ours("vips", "boss@contoso.example"), ours("secops_mailboxes", "soc@fabrikam.example")]).unwrap()
    }

    /// Judges the same message three times with one session: the third time from its cache.
    fn thrice(source: &str) -> String {
        // A mistake that holds for every message is found when the script is loaded, at the same place.
        let script = match FilterScript::compile("test.rhai", source, &lists()) {
            Ok(script) => script,
            Err(error) => return format!("line {}, column {}: {}", error.line, error.column, error.message),
        };
        let mut session = script.session(&Context::default());
        let mut judge = || match session.keep(&message()) {
            Ok(verdict) => verdict.keep.to_string(),
            Err(fault) => fault.to_string(),
        };
        let first = judge();
        // An endless loop may meet the limit of operations or that of time: the fault is on the same line.
        let line = |said: &str| said.split(',').next().unwrap_or_default().to_owned();
        assert_eq!([judge(), judge()].map(|said| line(&said)), [line(&first), line(&first)], "{source}");
        first
    }

    #[test]
    fn every_message_is_the_first_one() {
        for (source, expected) in [
            ("fn keep(m) { let seen = m.size; m = 5; seen == 5000 }", "true"),
            ("fn keep(m) { let big = || m.size > 1; big.call() }", "true"),
            ("fn keep(m) { let x = 1; { let x = 2; } for i in 0..9 { x += i; } let m = 3; x == 37 && m == 3 }", "true"),
            ("fn keep(m) { for i in 0..9 { if i == 4 { return false; } } true }", "false"),
            ("fn keep(m) { try { throw 1; } catch { return m.is_in(\"inbox\"); } }", "true"),
            ("fn big(m) { if m.size > 9 { return true; } false } fn keep(m) { !big(m) }", "false"),
            ("fn keep(m) { little(m) } fn little(m) { if m.size > 9 { return false; } true }", "false"),
            ("fn keep(m) { m.keep() }", "line 1, column 16: function not found"),
            ("fn twice(n) { n * 2 } fn keep(m) { twice(m.size) == 10000 && Fn(\"twice\").call(2) == 4 }", "true"),
            ("fn keep(m) { if m.size == 1 { return true; } m.size = 1; keep(m) }", "line 1, column"),
            ("fn keep(m) { [1, 2].map(|n| n + 1).contains(3) || m.size in [5000] }", "true"),
            (
                "const BILL = regex(\"^bill(ing)?@\"); fn keep(m) { BILL.matches(m.from) && !BILL.matches(m.subject) }",
                "true",
            ),
            (
                "const WRONG = regex(\"a(b\"); fn keep(m) { true }",
                "line 1, column 15: the regular expression has an error",
            ),
            (
                "const BOTH = vips + secops_mailboxes; fn keep(m) { \"soc@fabrikam.example\" in BOTH && BOTH.len() == 2 }",
                "true",
            ),
        ] {
            let found = thrice(source);
            assert!(found.starts_with(expected), "{source}: {found}");
        }
    }

    #[test]
    fn faults_are_where_they_happen_and_do_not_last() {
        for (source, line) in [
            ("fn keep(message) {\n  true &&\n    message.subject > 5\n}", 3),
            ("fn help(m) {\n  1 / 0\n}\nfn keep(message) { help(message) }", 2),
            ("fn keep(message) {\n  loop { }\n}", 2),
            ("fn keep(message) {\n  let a = [];\n  loop { a.push(1); }\n}", 3),
            ("fn deep(n) {\n  deep(n + 1)\n}\nfn keep(message) { deep(0) }", 4),
            ("fn keep(message) {\n  keep(message)\n}", 2),
        ] {
            let found = thrice(source);
            assert!(found.starts_with(&format!("line {line}, ")), "{source}: {found}");
        }
    }

    #[test]
    fn calls_are_as_deep_as_elsewhere() {
        let source = |depth: u8| {
            format!("fn deep(n) {{ if n == 0 {{ true }} else {{ deep(n - 1) }} }} fn keep(message) {{ deep({depth}) }}")
        };
        assert_eq!(thrice(&source(15)), "true");
        assert!(thrice(&source(16)).contains("stack overflow"));
    }

    #[test]
    fn computed_names_do_not_pile_up() {
        let source = "fn keep(m) { for i in 0..900 { try { Fn(\"f\" + i + m.subject).call(1); } catch { } } true }";
        let script = FilterScript::compile("test.rhai", source, &lists()).unwrap();
        let mut session = script.session(&Context::default());
        let mut mail = message();
        for n in 0..12 {
            mail.subject = n.to_string();
            assert!(session.keep(&mail).unwrap().keep);
            assert!(session.resolved() < super::MOST_RESOLVED + 2_000, "{}", session.resolved());
        }
    }
}
