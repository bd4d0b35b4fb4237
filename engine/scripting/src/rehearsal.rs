//! Type checks when a script is loaded: a getter that does not exist, a missing argument or one of the wrong type, an
//! invalid comparison, an invalid result.
//!
//! Rhai resolves calls at run time, so a mistake in a branch would be found on the first message that reaches it.
//! Therefore every expression of `keep` is evaluated once on a sample message, in every branch, and `keep` as a whole
//! for its result. An expression that reads a variable of the script itself is checked only if `keep` reaches it. Only
//! mistakes that hold for every message count: what depends on values (an absent header field, a division) does not.

use clawback_model::{Authentication, Features, Location, LocationKind, Message, MessageRef, Timestamp};
use rhai::{AST, ASTNode, Caches, Dynamic, EvalAltResult, Expr, Map, Scope, Stmt};

use crate::current::{Current, judging};
use crate::engine;
use crate::error::{ScriptError, ScriptFault};
use crate::verdict::verdict;

/// Returns the first mistake, if there is one. `known` contains the constants and lists of the script.
pub(crate) fn rehearse(name: &str, ast: &AST, known: &Scope<'static>) -> Result<(), ScriptError> {
    let message = sample();
    let mut scope = known.clone();
    let keep = ast.iter_functions().find(|function| function.name == "keep");
    let parameter = keep.and_then(|keep| keep.params.first().map(|name| (*name).to_owned())).unwrap_or_default();
    scope.push("inputs", Map::new()).push("now", Timestamp::default());
    scope.push(parameter, Current { now: Timestamp::default() });
    let mut mistake = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(expression) = stands_alone(path) {
            mistake = mistake.take().or_else(|| evaluate(ast, &scope, expression, &message));
        }
        mistake.is_none()
    });
    let mistake = mistake.or_else(|| answer(ast, &scope, &message));
    mistake.map_or(Ok(()), |fault| {
        let at = rhai::Position::new(
            u16::try_from(fault.line.max(1)).unwrap_or(u16::MAX),
            u16::try_from(fault.column.max(1)).unwrap_or(u16::MAX),
        );
        let hint = "scripts/README.md lists every getter and function with what it takes";
        Err(ScriptError::at(name, at, fault.text, Some(hint.to_owned())))
    })
}

/// Returns the expression that a path ends in, if it can be evaluated alone: a call, a chain of getters, an operator.
fn stands_alone<'a>(path: &[ASTNode<'a>]) -> Option<&'a Expr> {
    let (ASTNode::Expr(expression), above) = path.split_last()? else { return None };
    if !matches!(expression, Expr::FnCall(..) | Expr::Dot(..) | Expr::And(..) | Expr::Or(..)) {
        return None;
    }
    // The right side of a dot depends on its left side.
    let is_behind_a_dot = matches!(above.last(), Some(ASTNode::Expr(Expr::Dot(pair, ..) | Expr::Index(pair, ..)))
        if !std::ptr::eq(&raw const pair.lhs, *expression));
    (!is_behind_a_dot).then_some(expression)
}

fn evaluate(ast: &AST, scope: &Scope<'static>, expression: &Expr, message: &Message) -> Option<ScriptFault> {
    run(ast, scope, &[Stmt::Expr(Box::new(expression.clone()))], message).err().and_then(|error| of_type(&error))
}

/// Checks the result of `keep`, if it can be determined.
fn answer(ast: &AST, scope: &Scope<'static>, message: &Message) -> Option<ScriptFault> {
    let mut scope = scope.clone();
    let current = Current { now: Timestamp::default() };
    let answer = judging(message, || {
        engine::begin();
        engine::loose().call_fn::<Dynamic>(&mut scope, ast, "keep", (current,))
    });
    match answer {
        Ok(answer) => verdict(answer).err(),
        Err(error) => of_type(&error),
    }
}

fn run(
    ast: &AST,
    scope: &Scope<'static>,
    statements: &[Stmt],
    message: &Message,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let engine = engine::loose();
    let mut global = engine.new_global_runtime_state();
    global.lib.push(ast.shared_lib().clone());
    // An expression outside its scope finds its variables by name, not by index.
    global.always_search_scope = true;
    judging(message, || {
        engine::begin();
        #[expect(deprecated, reason = "the only way to evaluate a part of a script; rhai is pinned because of it")]
        engine.eval_statements_raw(&mut global, &mut Caches::new(), &mut scope.clone(), statements)
    })
}

/// Returns the fault, if it is a type mistake that holds for every message.
fn of_type(error: &EvalAltResult) -> Option<ScriptFault> {
    let is_mistake = match error.unwrap_inner() {
        inner @ EvalAltResult::ErrorPropertyNotFound(..) => inner.to_string().contains("Message"),
        inner => is_type_mistake(inner),
    };
    is_mistake.then(|| ScriptFault::of(error))
}

/// Returns whether a fault on a sample is a mistake in the types, whatever the values are. Unknown properties are not
/// judged here.
pub(crate) fn is_type_mistake(inner: &EvalAltResult) -> bool {
    match inner {
        // With a missing value there is no matching function: that depends on the values.
        EvalAltResult::ErrorFunctionNotFound(signature, _) => !signature.contains("()"),
        EvalAltResult::ErrorMismatchDataType(..) | EvalAltResult::ErrorDotExpr(..) => true,
        EvalAltResult::ErrorRuntime(..) => inner.to_string().contains("cannot compare"),
        _ => false,
    }
}

/// Returns a message with a value in every field.
pub(crate) fn sample() -> Message {
    Message {
        store: "corp".into(),
        mailbox: "ann@corp.example".into(),
        reference: MessageRef {
            locator: "1".into(),
            message_id: "<1@evil.example>".into(),
            fingerprint: "0".repeat(32),
        },
        location: Location::new(LocationKind::Inbox, "INBOX"),
        original_location: None,
        subject: "Your invoice".into(),
        from_address: "billing@evil.example".into(),
        from_name: "Billing".into(),
        also_from: Vec::new(),
        to: vec!["ann@corp.example".into()],
        received_at: Timestamp::default(),
        size: 1_000,
        flags: vec!["\\Seen".into()],
        attachments: vec!["invoice.html".into()],
        headers: Vec::new(),
        cut: Vec::new(),
        features: Some(Box::new(features())),
    }
}

/// Returns features with a result of authentication, so that every getter has a value.
fn features() -> Features {
    Features { authentication: Some(Authentication::default()), ..Features::default() }
}

#[cfg(test)]
mod tests {
    use crate::{FilterScript, Lists};

    fn mistake(body: &str) -> Option<String> {
        let source = format!("fn keep(message) {{ {body} }}");
        FilterScript::compile("s", &source, &Lists::default()).err().map(|error| error.to_string())
    }

    #[test]
    fn mistakes_of_type_are_found_in_every_branch() {
        for body in [
            "message.form == \"a@b.example\"",
            "message.body.contains(\"x\")",
            "if message.size < 0 { message.body == \"\" } else { true }",
            "message.subject",
            "1",
            "#{ reason: \"x\" }",
            "message.has_attachment(3)",
            "message.header_has(\"x-spam\")",
            "message.size > \"3\"",
            "message.received_at > 5",
            "message.size > 1_000_000 && message.size > \"3\"",
            "let n = 1; if n > 2 { return message.is_in(1, 2); } true",
            "switch message.folder { \"x\" => message.mailbox_in(7), _ => true }",
            "domain_of(message.size) == \"x\"",
        ] {
            assert!(mistake(body).is_some(), "{body}");
        }
    }

    #[test]
    fn what_depends_on_values_is_no_mistake() {
        for body in [
            "message.subject_has(\"x\") && 10 / message.to.len() > 1",
            "message.headers[\"list-id\"] != () && message.headers[\"list-id\"].contains(\"x\")",
            "message.attachments[3] == \"x\"",
            "inputs.since < now",
            "message.received_at > now - inputs.since",
            "let parts = message.subject.split(\" \"); parts.len() > 1 && parts[1] == \"x\"",
            "if message.size > 10 { throw \"too large\" } true",
            "for to in message.to { if domain_of(to) == \"x.example\" { return false; } } true",
            "#{ keep: true, reason: `from ${message.from}` }",
        ] {
            assert_eq!(mistake(body), None, "{body}");
        }
    }
}
