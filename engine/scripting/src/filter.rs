//! Filters: `fn keep(message)`, compiled once and called for every message.

use std::collections::BTreeMap;
use std::fmt;

use clawback_model::{Digest, Message, Timestamp};
use rhai::{AST, Map, Position, Scope};

use crate::body::{Body, Runner};
use crate::current::{Current, judging};
use crate::engine;
use crate::error::{ScriptError, ScriptFault};
use crate::lists::Lists;
use crate::registry::EntryKind;
use crate::rehearsal::rehearse;
use crate::scan::{self, Uses};
use crate::table::{SYNTAX, function_table};
use crate::value::Value;
use crate::verdict::{Verdict, verdict};

/// The context of a run, in addition to the message.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The inputs of the playbook, used as `inputs.name`.
    pub inputs: BTreeMap<String, Value>,
    /// The time of the run.
    pub now: Timestamp,
}

/// A compiled filter. Cheap to share: it has no state between messages.
pub struct FilterScript {
    name: String,
    body: Body,
    constants: Scope<'static>,
    uses: Uses,
    source: String,
    digest: Digest,
}

impl fmt::Debug for FilterScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterScript").field("name", &self.name).field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl FilterScript {
    /// Compiles the source and runs its top level once, under all limits. It must define `keep` with one argument.
    pub fn compile(name: &str, source: &str, lists: &Lists) -> Result<Self, ScriptError> {
        engine::check_size(name, source)?;
        let (constants, uses) = top_level(name, source, lists)?;
        let mut known = constants.clone();
        known.push("inputs", Map::new()).push("now", Timestamp::default());
        let ast =
            engine::strict().compile_with_scope(&known, source).map_err(|error| ScriptError::of_parse(name, &error))?;
        check_keep(name, &ast)?;
        check_uses(name, &uses)?;
        rehearse(name, &ast, &constants)?;
        let body = Body::of_keep(&ast);
        let digest = Digest::of(source.as_bytes());
        Ok(Self { name: name.to_owned(), body, constants, uses, source: source.to_owned(), digest })
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its source text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the sha256 of its source text.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the header fields that it reads, in lower case: the search must request them.
    pub fn headers(&self) -> &[String] {
        &self.uses.headers
    }

    /// Returns whether it reads attachment names: the search must request them.
    pub fn reads_attachments(&self) -> bool {
        self.uses.attachments
    }

    /// Returns the features that it reads, by their names in [`clawback_model::Features::cut`]: messages must be
    /// examined before it judges them.
    pub fn features(&self) -> &[&'static str] {
        &self.uses.features
    }

    /// Returns the inputs that it reads, with line and column.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        self.uses.inputs()
    }

    /// Begins a run: inputs and time are set once, then each message is judged.
    pub fn session(&self, context: &Context) -> Session<'_> {
        let mut scope = self.constants.clone();
        let inputs: Map = context.inputs.iter().map(|(name, value)| (name.into(), value.to_dynamic())).collect();
        scope.push_constant("inputs", inputs).push_constant("now", context.now);
        Session { script: self, runner: self.body.runner(scope, Current { now: context.now }) }
    }

    /// Judges one message. For many, [`FilterScript::session`] is cheaper.
    pub fn keep(&self, message: &Message, context: &Context) -> Result<Verdict, ScriptFault> {
        self.session(context).keep(message)
    }
}

/// One run of a filter over many messages, on one thread.
pub struct Session<'script> {
    script: &'script FilterScript,
    runner: Runner<'script>,
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("script", &self.script.name).finish_non_exhaustive()
    }
}

impl Session<'_> {
    /// Judges one message.
    pub fn keep(&mut self, message: &Message) -> Result<Verdict, ScriptFault> {
        let answer = judging(message, || self.runner.run());
        verdict(answer.map_err(|error| ScriptFault::of(&error))?)
    }

    #[cfg(test)]
    pub(crate) fn resolved(&mut self) -> usize {
        self.runner.resolved()
    }

    /// Returns what the script printed since the last call: at most 20 lines.
    pub fn take_printed(&mut self) -> Vec<String> {
        engine::printed()
    }
}

/// Compiles without checking variables and runs the top level, whose constants `keep` may use.
fn top_level(name: &str, source: &str, lists: &Lists) -> Result<(Scope<'static>, Uses), ScriptError> {
    let mut scope = Scope::new();
    for (list, set) in lists.iter() {
        scope.push_constant(list.to_owned(), set.clone());
    }
    let (compiled, uses) = scan::watch(false, || engine::loose().compile_with_scope(&scope, source));
    let ast = compiled.map_err(|error| ScriptError::of_parse(name, &error))?;
    engine::begin();
    engine::loose().run_ast_with_scope(&mut scope, &ast).map_err(|error| {
        let fault = ScriptFault::of(&error);
        let hint = "the top of a script may only set constants from literals and lists; `message`, `inputs` and `now` are there inside `keep`";
        let position = Position::new(u16::try_from(fault.line.max(1)).unwrap_or(u16::MAX), u16::try_from(fault.column).unwrap_or(1));
        ScriptError::at(name, position, fault.text, Some(hint.to_owned()))
    })?;
    Ok((scope, uses))
}

fn check_keep(name: &str, ast: &AST) -> Result<(), ScriptError> {
    let found: Vec<_> = ast.iter_functions().filter(|known| known.name == "keep").collect();
    let (found, hint) = match found.as_slice() {
        [one] if one.params.len() == 1 && one.this_type.is_none() => return Ok(()),
        [one] => (
            format!("`keep` takes {} arguments", one.params.len() + usize::from(one.this_type.is_some())),
            "write `fn keep(message)`: inputs, now and lists are there without being handed over",
        ),
        [] => (
            "there is no function `keep`".to_owned(),
            "a filter is `fn keep(message) { ... }` and returns true for messages that stay in the plan",
        ),
        _ => ("there is more than one `keep`".to_owned(), "leave the one that takes one message"),
    };
    Err(ScriptError::at(name, Position::new(1, 1), found, Some(hint.to_owned())))
}

pub(crate) fn check_uses(name: &str, uses: &Uses) -> Result<(), ScriptError> {
    if let Some(at) = uses.computed_headers.first() {
        let hint = "write the name as a literal, such as message.header(\"list-id\"): the store is asked for it before the script runs";
        return Err(ScriptError::at(name, *at, "the name of a header field must be a literal", Some(hint.to_owned())));
    }
    let known = |called: &str| {
        SYNTAX.contains(&called)
            || uses.defined.iter().any(|name| name == called)
            || function_table().iter().any(|entry| entry.kind != EntryKind::Getter && entry.name == called)
    };
    for (called, at) in &uses.calls {
        if !known(called) {
            let names = function_table().iter().filter(|entry| entry.kind != EntryKind::Getter).map(|entry| entry.name);
            let nearest = names.map(|name| (strsim::levenshtein(name, called), name)).min();
            let hint = match nearest {
                Some((distance, near)) if distance <= 3 => format!("did you mean `{near}`?"),
                _ => "scripts/README.md lists every function".to_owned(),
            };
            return Err(ScriptError::at(
                name,
                engine::somewhere(*at),
                format!("unknown function `{called}`"),
                Some(hint),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clawback_model::{Location, LocationKind, MessageRef};

    use super::*;

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
            subject: "RE: Your Invoice".into(),
            from_address: "billing@evil.example".into(),
            from_name: "Billing".into(),
            also_from: Vec::new(),
            cut: Vec::new(),
            features: None,
            to: vec!["boss@corp.example".into()],
            received_at: Timestamp(0),
            size: 5_000,
            flags: vec!["\\Seen".into()],
            attachments: vec!["invoice.html".into()],
            headers: vec![("list-id".into(), "<news.evil.example>".into())],
        }
    }

    fn lists() -> Lists {
        Lists::new([("vips".to_owned(), vec!["boss@corp.example".to_owned()])]).unwrap()
    }

    fn judge(source: &str) -> Result<Verdict, ScriptFault> {
        let script = FilterScript::compile("test.rhai", source, &lists()).unwrap();
        let inputs = BTreeMap::from([("sender".to_owned(), Value::Text("billing@evil.example".into()))]);
        script.keep(&message(), &Context { inputs, now: Timestamp(7_200_000_000) })
    }

    fn refused(source: &str) -> ScriptError {
        FilterScript::compile("test.rhai", source, &lists()).unwrap_err()
    }

    #[test]
    fn every_condition_holds() {
        for condition in [
            "message.mailbox == \"boss@corp.example\"",
            "message.mailbox in vips && vips.contains(message.mailbox) && message.mailbox_in(vips)",
            "message.from == inputs.sender && message.from_is(inputs.sender)",
            "message.from_domain == \"evil.example\" && domain_of(message.from) == message.from_domain",
            "message.latest_delivery_location in [\"inbox\", \"junk\"] && message.is_in(\"inbox\")",
            "message.original_delivery_location == \"unknown\" && message.folder == \"INBOX\"",
            "message.age_hours == 2 && now - message.received_at == hours(2) && message.size > 1000",
            "message.has_flag(\"\\\\seen\") && message.has_attachment(\".HTML\") && message.to_has(vips)",
            "normalise_subject(message.subject) == \"your invoice\" && message.subject_has([\"x\", \"INVOICE\"])",
            "message.header(\"List-Id\").contains(\"news\") && message.header_has(\"list-id\", \"NEWS\")",
            "message.headers[\"list-id\"] != () && message.to.len() == 1 && message.is_remediable",
        ] {
            let verdict = judge(&format!("fn keep(message) {{ {condition} }}"));
            assert_eq!(verdict.map(|verdict| verdict.keep), Ok(true), "{condition}");
        }
    }

    #[test]
    fn constants_at_the_top_are_seen_by_keep() {
        let source = "const LIVE = list([\"inbox\"]);\nconst MOST = 3;\nfn keep(message) { message.latest_delivery_location in LIVE && MOST == 3 }";
        assert!(judge(source).unwrap().keep);
    }

    #[test]
    fn a_map_gives_reason_and_tag() {
        let verdict = judge("fn keep(message) { #{ keep: false, reason: \"no\", tag: \"t\" } }").unwrap();
        assert_eq!(verdict, Verdict { keep: false, reason: Some("no".into()), tag: Some("t".into()) });
    }

    #[test]
    fn mistakes_are_found_when_compiled() {
        let error = refused("fn keep(message) {\n  message.mailbox in vipz\n}");
        assert_eq!((error.line, error.column), (2, 22), "{error}");
        let error = refused("fn keep(message) {\n  levenstein(\"a\", \"b\") > 1\n}");
        assert_eq!((error.line, error.hint.as_deref()), (2, Some("did you mean `levenshtein`?")));
        assert!(refused("fn keep(a, b) { true }").hint.unwrap().contains("fn keep(message)"));
        assert!(refused("true").message.contains("no function `keep`"));
        assert_eq!(refused("fn keep(message) {\n let h = \"x\"; message.header(h) == \"\" }").line, 2);
    }

    #[test]
    fn faults_have_a_place() {
        let fault = judge("fn keep(message) {\n  1 / (message.to.len() - 1) > 5\n}").unwrap_err();
        assert_eq!(fault.line, 2, "{fault}");
        assert_eq!(refused("fn keep(message) {\n  message.subject > 5\n}").line, 2);
        assert!(refused("fn keep(message) { 5 }").message.contains("must return"));
    }

    #[test]
    fn what_is_read_is_known() {
        let source = "fn keep(message) { message.header(\"List-Id\") != \"\" || header(message, \"Precedence\") == inputs.kind || message.attachments.len() > 0 }";
        let script = FilterScript::compile("test.rhai", source, &lists()).unwrap();
        assert_eq!(script.headers(), ["list-id", "precedence"]);
        assert!(script.reads_attachments());
        assert_eq!(script.inputs().map(|(name, ..)| name).collect::<Vec<_>>(), ["kind"]);
    }

    #[test]
    fn scripts_are_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        fn moved<T: Send>() {}
        shared::<FilterScript>();
        moved::<Session<'_>>();
    }
}
