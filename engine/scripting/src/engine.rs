//! The engine: the functions that scripts can call, and the limits on scripts.

use std::cell::Cell;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use clawback_model::{LocationKind, Pattern, Timestamp, parse_duration, registrable_domain, show_duration};
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Position};

use crate::domain::{cidr_contains, domain_of, url_domain};
use crate::error::ScriptError;
use crate::feature_getters;
use crate::getters;
use crate::homoglyph::skeleton;
use crate::lists::TextSet;
use crate::registry::Registry;
use crate::scan;
use crate::subject::{levenshtein, normalise_subject};

/// The most operations per message. A script takes some fifty; a loop may take a thousand times that.
pub(crate) const OPERATIONS: u64 = 50_000;
/// The largest text, in bytes. Getters return at most a quarter of it.
const STRING: usize = 64 * 1024;
/// The most items of an array or map.
const ITEMS: usize = 10_000;
/// The deepest nesting of calls.
const CALLS: usize = 16;
/// The deepest nesting of expressions, outside and inside functions.
const DEPTH: usize = 48;
/// The most time for one message. Operations have their own limit: this one is for work inside one operation.
const WALL_CLOCK: Duration = Duration::from_millis(100);
/// The clock is read once per this many operations, so never by a script of ordinary length.
const CLOCK_EVERY: u64 = 1_024;
/// The largest source of a script, in bytes.
const SOURCE: usize = 256 * 1024;
/// The most lines that one run may print, and the most bytes of each.
const PRINTED_LINES: usize = 20;
const PRINTED_LINE: usize = 200;

thread_local! {
    static STARTED: Cell<Option<Instant>> = const { Cell::new(None) };
    static PRINTED: Cell<Vec<String>> = const { Cell::new(Vec::new()) };
}

/// Returns the engine that requires variables to be known at compile time; otherwise equal to [`loose`].
pub(crate) fn strict() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| build(true).engine);
    &ENGINE
}

/// Returns the engine for the top level of a script, whose constants `keep` sees only afterwards.
pub(crate) fn loose() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| build(false).engine);
    &ENGINE
}

/// Refuses a source that is too long.
pub(crate) fn check_size(name: &str, source: &str) -> Result<(), ScriptError> {
    if source.len() <= SOURCE {
        return Ok(());
    }
    let message = format!("the script has {} bytes, and {SOURCE} are allowed", source.len());
    Err(ScriptError::at(name, Position::new(1, 1), message, None))
}

/// Begins a run on this thread and restarts its clock.
pub(crate) fn begin() {
    STARTED.set(None);
}

/// Returns what the runs on this thread printed since the last call.
pub(crate) fn printed() -> Vec<String> {
    PRINTED.take()
}

fn print(text: &str) {
    let mut lines = PRINTED.take();
    if lines.len() < PRINTED_LINES {
        lines.push(clawback_model::visible_line(text, PRINTED_LINE));
    }
    PRINTED.set(lines);
}

pub(crate) fn build(strict: bool) -> Registry {
    let mut engine = Engine::new();
    engine
        .set_max_operations(OPERATIONS)
        .set_max_string_size(STRING)
        .set_max_array_size(ITEMS)
        .set_max_map_size(ITEMS)
        .set_max_call_levels(CALLS)
        .set_max_expr_depths(DEPTH, DEPTH)
        .set_max_variables(64)
        .set_max_functions(32)
        .set_strict_variables(strict)
        // Off, so that our refusals to compare a number with a text precede rhai's own silent `false`.
        .set_fast_operators(false)
        .set_fail_on_invalid_map_property(true)
        .disable_symbol("eval")
        .on_print(print)
        .on_debug(|text, _, _| print(text))
        .on_progress(|operations| {
            let is_over = operations % CLOCK_EVERY == 0 && is_time_over();
            is_over.then(|| too_slow().into())
        });
    #[expect(deprecated, reason = "the only way to see tokens; rhai is pinned because of it")]
    engine.on_parse_token(|token, at, _| scan::token(token, at));
    let mut registry = Registry { engine, entries: Vec::new() };
    getters::register(&mut registry);
    feature_getters::register(&mut registry);
    sets(&mut registry);
    patterns(&mut registry);
    helpers(&mut registry);
    times(&mut registry);
    registry
}

/// Returns whether the script that runs on this thread has taken longer than it may.
fn is_time_over() -> bool {
    let started = STARTED.get().unwrap_or_else(|| {
        let now = Instant::now();
        STARTED.set(Some(now));
        now
    });
    started.elapsed() > WALL_CLOCK
}

fn too_slow() -> String {
    format!("the script took more than {} ms", WALL_CLOCK.as_millis())
}

fn patterns(to: &mut Registry) {
    to.engine.register_type_with_name::<Arc<Pattern>>("RegularExpression");
    to.function(
        "regex",
        "const NUMBER = regex(\"invoice [0-9]+\")",
        "makes a regular expression; put it at the top of the script",
        |text: &str| -> Result<Arc<Pattern>, Box<EvalAltResult>> {
            // An operation that takes longer than others.
            if is_time_over() {
                return Err(too_slow().into());
            }
            text.parse::<Pattern>().map(Arc::new).map_err(|error| error.to_string().into())
        },
    );
    to.function(
        "matches",
        "NUMBER.matches(text)",
        "whether the regular expression matches a part of the text, without case",
        |pattern: &mut Arc<Pattern>, text: &str| -> Result<bool, Box<EvalAltResult>> {
            if is_time_over() { Err(too_slow().into()) } else { Ok(pattern.matches(text)) }
        },
    );
}

fn sets(to: &mut Registry) {
    to.engine.register_type_with_name::<Arc<TextSet>>("List");
    to.overload("contains", |set: &mut Arc<TextSet>, text: &str| set.contains(text));
    // Rhai's own function compares every item through dynamic calls.
    to.overload("contains", |items: &mut Array, text: ImmutableString| {
        items.iter().any(|item| item.as_immutable_string_ref().is_ok_and(|item| *item == text))
    });
    to.function(
        "contains",
        "vips.contains(text)",
        "whether a list, an array or a text contains it; also written `text in vips`",
        |text: &str, part: &str| text.contains(part),
    );
    to.function(
        "covers",
        "simulation_senders.covers(address)",
        "whether the list holds the address, its domain or a domain above it",
        |set: &mut Arc<TextSet>, address: &str| set.covers(address),
    );
    to.overload("+", |one: Arc<TextSet>, other: Arc<TextSet>| Arc::new(one.and(&other)));
    to.overload("len", |set: &mut Arc<TextSet>| i64::try_from(set.len()).unwrap_or(i64::MAX));
    to.overload("is_empty", |set: &mut Arc<TextSet>| set.is_empty());
    to.function(
        "list",
        "const BRANDS = list([\"a.example\"])",
        "makes a list of an array of texts; put it at the top of the script",
        |items: Array| -> Result<Arc<TextSet>, Box<EvalAltResult>> {
            let texts: Result<Vec<_>, _> = items.into_iter().map(Dynamic::into_string).collect();
            let texts = texts.map_err(|found| format!("a list is made of texts, and this array holds {found}"))?;
            Ok(Arc::new(TextSet::new(texts)))
        },
    );
}

fn helpers(to: &mut Registry) {
    to.function("domain_of", "domain_of(address)", "what follows the last @", |address: &str| -> ImmutableString {
        domain_of(address).into()
    });
    to.function(
        "registrable_domain",
        "registrable_domain(domain)",
        "the part that somebody registered: `corp.example` of `mail.corp.example`, by the public suffix list",
        |domain: &str| -> ImmutableString { registrable_domain(domain).into() },
    );
    to.function("url_domain", "url_domain(url)", "host of a link, lower case", |url: &str| -> ImmutableString {
        url_domain(url).into()
    });
    to.function(
        "cidr_contains",
        "cidr_contains(\"10.0.0.0/8\", address)",
        "whether the network contains the address",
        |network: &str, address: &str| cidr_contains(network, address).map_err(Box::<EvalAltResult>::from),
    );
    to.function(
        "is_remediable",
        "is_remediable(location)",
        "whether a message in such a location can be reached",
        |location: &str| location.parse::<LocationKind>().is_ok_and(LocationKind::is_remediable),
    );
    to.function(
        "levenshtein",
        "levenshtein(a, b)",
        "letters to change to turn one into the other; looks at 256 letters",
        |a: &str, b: &str| levenshtein(a, b),
    );
    to.function(
        "normalise_subject",
        "normalise_subject(subject)",
        "lower case, without `Re:`, `Fwd:` and `[tags]`, single spaces",
        |subject: &str| -> ImmutableString { normalise_subject(subject).into() },
    );
    to.function(
        "skeleton",
        "skeleton(text)",
        "the text as a hurried reader sees it; two texts with the same skeleton look alike",
        |text: &str| -> ImmutableString { skeleton(text).into() },
    );
    to.function(
        "looks_like",
        "looks_like(domain, list)",
        "whether the domain would be taken for one of the list without being it",
        |domain: &str, list: Arc<TextSet>| list.has_look_alike_of(domain),
    );
    to.overload("looks_like", |domain: &str, other: &str| TextSet::new([other.to_owned()]).has_look_alike_of(domain));
    to.function(
        "starts_with",
        "text.starts_with(part)",
        "whether it begins so; the case counts",
        |text: &str, part: &str| text.starts_with(part),
    );
    to.function(
        "ends_with",
        "text.ends_with(part)",
        "whether it ends so; the case counts",
        |text: &str, part: &str| text.ends_with(part),
    );
    to.function(
        "has_text",
        "has_text(text, part)",
        "whether it contains the part, without case",
        |text: &str, part: &str| getters::has(text, part),
    );
    to.function("same_text", "same_text(a, b)", "whether both are the same but for case", |a: &str, b: &str| {
        a.to_lowercase() == b.to_lowercase()
    });
}

fn times(to: &mut Registry) {
    to.engine.register_type_with_name::<Timestamp>("timestamp").register_type_with_name::<Duration>("duration");
    to.function(
        "duration",
        "duration(\"7d\")",
        "reads a length of time; weeks, days, hours, minutes, seconds",
        |text: &str| {
            parse_duration(text)
                .ok_or_else(|| Box::<EvalAltResult>::from("a duration is written 15m, 48h, 7d or 1d12h"))
        },
    );
    to.function("timestamp", "timestamp(\"2026-11-23\")", "reads a date or RFC 3339 time", |text: &str| {
        Timestamp::parse(text)
            .ok_or_else(|| Box::<EvalAltResult>::from("a time is written 2026-11-23 or 2026-11-23T12:00:00Z"))
    });
    to.function("days", "days(7)", "a length of time", |number: i64| span(number, 86_400));
    to.function("hours", "hours(48)", "a length of time", |number: i64| span(number, 3_600));
    to.function("minutes", "minutes(15)", "a length of time", |number: i64| span(number, 60));
    to.overload("to_string", |time: &mut Timestamp| time.to_string());
    to.overload("to_string", |duration: &mut Duration| show_duration(*duration));
    to.overload("-", |time: Timestamp, by: Duration| time.minus(by));
    to.overload("+", |time: Timestamp, by: Duration| time.plus(by));
    to.overload("-", |later: Timestamp, earlier: Timestamp| later.since(earlier));
    to.overload("+", |one: Duration, other: Duration| one.saturating_add(other));
    to.overload("-", |one: Duration, other: Duration| one.saturating_sub(other));
    to.overload("*", |one: Duration, times: i64| one.saturating_mul(u32::try_from(times).unwrap_or(0)));
    compare::<Timestamp>(to);
    compare::<Duration>(to);
    never::<i64, ImmutableString>(to, "a number with a text");
    never::<Timestamp, i64>(to, "a time with a number");
    never::<Timestamp, ImmutableString>(to, "a time with a text");
    never::<Duration, i64>(to, "a duration with a number");
    never::<Duration, ImmutableString>(to, "a duration with a text");
    never::<Timestamp, Duration>(to, "a time with a duration");
    never::<bool, ImmutableString>(to, "yes or no with a text");
    never::<bool, i64>(to, "yes or no with a number");
}

/// Refuses a comparison of two types. Rhai silently calls them unequal, a mistake that would keep or drop everything.
fn never<A: rhai::Variant + Clone, B: rhai::Variant + Clone>(to: &mut Registry, what: &'static str) {
    for operator in ["<", "<=", ">", ">=", "==", "!="] {
        to.overload(operator, move |_: A, _: B| refuse(what));
        to.overload(operator, move |_: B, _: A| refuse(what));
    }
}

fn refuse(what: &str) -> Result<bool, Box<EvalAltResult>> {
    Err(format!("cannot compare {what}").into())
}

fn span(number: i64, seconds: u64) -> Result<Duration, Box<EvalAltResult>> {
    let number = u64::try_from(number).map_err(|_| "a length of time cannot be negative")?;
    Ok(Duration::from_secs(number.saturating_mul(seconds).min(u64::from(u32::MAX))))
}

fn compare<T: rhai::Variant + Clone + Ord>(to: &mut Registry) {
    to.overload("<", |one: T, other: T| one < other);
    to.overload("<=", |one: T, other: T| one <= other);
    to.overload(">", |one: T, other: T| one > other);
    to.overload(">=", |one: T, other: T| one >= other);
    to.overload("==", |one: T, other: T| one == other);
    to.overload("!=", |one: T, other: T| one != other);
}

/// Returns the first letter as the position if rhai gives none.
pub(crate) fn somewhere(at: Position) -> Position {
    if at.is_none() { Position::new(1, 1) } else { at }
}
