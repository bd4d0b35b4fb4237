//! The refusals at this node that are not written yet. A flood of refusals is counted, and repeated refusals of
//! strangers share one row for each address and reason.

use std::collections::HashMap;
use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Method, Uri};
use clawback_model::{Rate, Timestamp, visible_line};
use clawback_store::Refusal;

use crate::limiter::Limiter;
use crate::problem::Problem;
use crate::source::Source;

/// Longest text that is kept of a request or a reason.
const LONGEST: usize = 200;
/// How often refusals are written immediately; the rest is written later.
const WRITES: Rate = Rate { burst: 20, every: Duration::from_millis(500) };
/// How long a row counts refusals; then a new one begins.
const COUNTED: Duration = Duration::from_hours(1);
/// Limit of rows that are counted on, and of refusals that wait to be written.
const MOST: usize = 1_024;
/// Names of one address that are counted separately; all further names of it are counted as one.
const NAMES: Rate = Rate { burst: 16, every: Duration::from_mins(10) };

/// A refusal that is about to be recorded.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    /// The principal, if authenticated.
    pub(crate) known: Option<&'a str>,
    /// The name that a stranger gave.
    pub(crate) named: Option<&'a str>,
    pub(crate) source: Source,
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) problem: &'a Problem,
}

/// Refusals with the same key are counted together: of a principal by everything that is kept, of a stranger by the
/// address, the reason and the name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    known: Option<String>,
    named: Option<String>,
    source: Source,
    code: &'static str,
    /// Only of a principal: a stranger may make up any number of texts.
    text: Option<(String, String)>,
}

/// The refusals at this node.
#[derive(Debug)]
pub(crate) struct Refusals {
    inner: Mutex<Inner>,
    /// Held while they are written.
    pub(crate) turn: tokio::sync::Mutex<()>,
    names: Limiter<Source>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: HashMap<Key, Refusal>,
    /// Rows that are counted on, and since when.
    rows: HashMap<Key, (i64, Timestamp)>,
    writes: Timestamp,
    is_due_later: bool,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { inner: Mutex::default(), turn: tokio::sync::Mutex::default(), names: Limiter::new(NAMES) }
    }
}

impl Refusals {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a refusal. Returns whether it is to be written at once.
    pub(crate) fn count(&self, refused: &Refused<'_>, now: Timestamp) -> bool {
        let refusal = described(refused, now);
        let mut key = Key {
            known: refusal.known.clone(),
            named: refusal.principal.clone().filter(|_| refused.known.is_none()),
            source: refused.source,
            code: refused.problem.code,
            text: refused.known.map(|_| (refusal.request.clone(), refusal.reason.clone())),
        };
        let has = |inner: &Inner, key: &Key| inner.waiting.contains_key(key) || inner.rows.contains_key(key);
        if key.named.is_some() && !has(&self.inner(), &key) && self.names.take(refused.source, now).is_err() {
            key.named = None;
        }
        let mut inner = self.inner();
        if !has(&inner, &key) {
            let Refusal { principal, source, request, reason, .. } = &refusal;
            tracing::warn!(principal, source, request, reason, "Refused.");
        }
        if inner.waiting.len() >= MOST && !inner.waiting.contains_key(&key) {
            // Too many different ones at once to be counted separately.
            key = Key { known: None, named: None, source: Source::default(), code: key.code, text: None };
        }
        let unnamed = key.known.is_none() && key.named.is_none();
        let refusal =
            if unnamed { Refusal { principal: None, source: key.source.to_string(), ..refusal } } else { refusal };
        let waiting = inner.waiting.entry(key).or_insert(Refusal { times: 0, ..refusal });
        waiting.times += 1;
        waiting.last_at = now;
        match WRITES.take(inner.writes, now) {
            Ok(writes) => {
                inner.writes = writes;
                true
            }
            Err(_) => false,
        }
    }

    /// Whether the caller is to write later; true for one caller at a time.
    pub(crate) fn begins_later(&self) -> bool {
        !std::mem::replace(&mut self.inner().is_due_later, true)
    }

    /// Marks that the caller that was to write later does so now.
    pub(crate) fn ends_later(&self) {
        self.inner().is_due_later = false;
    }

    /// Takes what is not written yet, each with its row if it has one.
    pub(crate) fn take(&self, now: Timestamp) -> (Vec<Key>, Vec<(Option<i64>, Refusal)>) {
        let mut inner = self.inner();
        let waiting = take(&mut inner.waiting);
        inner.rows.retain(|_, (_, since)| now.since(*since) < COUNTED);
        let row = |key: &Key| inner.rows.get(key).map(|(row, _)| *row);
        waiting.into_iter().map(|(key, refusal)| (key.clone(), (row(&key), refusal))).unzip()
    }

    pub(crate) fn keep(&self, keys: Vec<Key>, rows: Vec<i64>, noted: &[(Option<i64>, Refusal)]) {
        let mut inner = self.inner();
        for ((key, row), (_, refusal)) in keys.into_iter().zip(rows).zip(noted) {
            if inner.rows.len() >= MOST && !inner.rows.contains_key(&key) {
                inner.rows.clear();
            }
            inner.rows.entry(key).and_modify(|known| known.0 = row).or_insert((row, refusal.at));
        }
    }
}

fn described(refused: &Refused<'_>, now: Timestamp) -> Refusal {
    // Without the query, which may hold what should not be kept.
    let request = visible_line(&format!("{} {}", refused.method, refused.uri.path()), LONGEST);
    let name = refused.known.or(refused.named).filter(|name| !name.is_empty());
    Refusal {
        at: now,
        last_at: now,
        times: 1,
        known: refused.known.map(str::to_owned),
        principal: name.map(|name| visible_line(name, LONGEST)),
        source: refused.source.to_string(),
        request,
        reason: visible_line(&refused.problem.detail, LONGEST),
    }
}
