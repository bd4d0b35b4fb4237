//! One call of a connector: a fresh instance, a run under limits, and a typed error for every failure.
//!
//! An instance is never reused, so no data leaks from one mailbox into the next, and a trap affects only one call.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clawback_model::visible_line;
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

use crate::contract::Breach;
use crate::convert;
use crate::granted::grants::Grants;
use crate::imports::bindings::clawback::mail_store::types as wit;
use crate::imports::guest::{Guest, Trouble};
use crate::label::Label;
use crate::mail_store::CallError;
use crate::meter::Turns;
use crate::throttle::Throttle;

/// Creates the state of one call, which may answer with at most `answer_bytes`. [`run`] instantiates the component in
/// it, because instantiation may run the component's code.
pub(crate) fn store(
    engine: &Engine,
    grants: &Arc<Grants>,
    mailbox: Option<Arc<str>>,
    answer_bytes: usize,
    fresh_only: bool,
) -> Store<Guest> {
    let mut store = Store::new(engine, Guest::new(Arc::clone(grants), mailbox, fresh_only));
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(answer_bytes);
    store.set_epoch_deadline(1);
    // Yields at every tick, so that a busy guest does not block other calls on this thread.
    store.epoch_deadline_callback(|mut store| {
        Ok(if store.data_mut().cpu.may_go_on() { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
    });
    store
}

/// Whether the input or the output of a call was too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Fits,
    TooLarge,
}

/// A call that ended without an answer of the connector.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) error: CallError,
    /// Whether the same request in smaller parts could be answered.
    pub(crate) size: Size,
}

impl From<CallError> for Ended {
    fn from(error: CallError) -> Self {
        Self { error, size: Size::Fits }
    }
}

impl From<Ended> for CallError {
    fn from(ended: Ended) -> Self {
        ended.error
    }
}

/// The result of a run under limits.
pub(crate) enum Ran<R> {
    /// It ended with an answer or a trap.
    Ended(wasmtime::Result<R>),
    /// It exceeded its time-out and was cancelled.
    TimedOut(Duration),
}

/// Instantiates and calls a guest by polling `answer`, up to the wall-clock limit. Counts the processor time that its
/// thread spends on it.
pub(crate) async fn run<R>(
    timeout: Duration,
    turns: Turns,
    answer: impl Future<Output = wasmtime::Result<R>>,
) -> Ran<R> {
    match tokio::time::timeout(timeout, turns.count(answer)).await {
        Ok(answer) => Ran::Ended(answer),
        Err(_) => Ran::TimedOut(timeout),
    }
}

/// Returns the answer, or a fault or time-out. Renames of the guest are synced to disk before its answer is returned.
pub(crate) async fn finish<R>(mut store: Store<Guest>, ran: Ran<R>) -> Result<(R, Trouble), Ended> {
    let grants = Arc::clone(&store.data().grants);
    let label = &grants.label;
    let unsynced = std::mem::take(&mut store.data_mut().unsynced);
    let began = Instant::now();
    let synced = unsynced.sync().await;
    tracing::trace!(duration_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX), "directories synced");
    let guest = store.data();
    guest.log.close(label);
    match ran {
        Ran::TimedOut(after) => {
            let detail = format!("the call did not finish within {after:?}");
            Err(CallError::Transient { store: Arc::clone(&label.store), detail }.into())
        }
        Ran::Ended(Err(error)) => Err(ended(label, &error, guest)),
        Ran::Ended(Ok(_)) if synced.is_err() => {
            let detail = "a directory could not be synced to disk".to_owned();
            Err(CallError::Transient { store: Arc::clone(&label.store), detail }.into())
        }
        Ran::Ended(Ok(answer)) => Ok((answer, guest.trouble.clone())),
    }
}

/// Maps a connector's own error.
pub(crate) fn refused(label: &Label, mailbox: &str, error: wit::Error, trouble: Trouble, most: usize) -> CallError {
    let store = Arc::clone(&label.store);
    let detail = |text: String| visible_line(&text, most);
    // The contract cannot express that the server refused a connection because there were too many, that its
    // certificate is not the expected one, or that a token server knows no such account; the host saw it.
    if let Some(why) = trouble.untrusted {
        return CallError::Untrusted { store, detail: detail(why) };
    }
    if let (wit::Error::Denied(_) | wit::Error::NotFound(_), Some(why)) = (&error, &trouble.no_account) {
        return CallError::NotFound { store, mailbox: mailbox.to_owned(), detail: Some(visible_line(why, most)) };
    }
    match (error, trouble.throttle) {
        (wit::Error::Throttled(after), throttle) => {
            let detail = throttle.map(|throttle| detail(throttle.why));
            CallError::Throttled { store, after: after.map(convert::pause), detail }
        }
        (wit::Error::Transient(_), Some(Throttle { why, after })) => {
            CallError::Throttled { store, after, detail: Some(detail(why)) }
        }
        (wit::Error::Transient(text), _) => CallError::Transient { store, detail: detail(text) },
        (wit::Error::Permanent(text), _) => CallError::Permanent { store, detail: detail(text) },
        (wit::Error::Denied(text), _) => CallError::Denied { store, detail: detail(text) },
        (wit::Error::NotFound(text), _) => {
            let detail = (!text.trim().is_empty()).then(|| detail(text));
            CallError::NotFound { store, mailbox: mailbox.to_owned(), detail }
        }
    }
}

pub(crate) fn breach(label: &Label, breach: &Breach) -> CallError {
    fault(label, breach.to_string())
}

fn ended(label: &Label, error: &wasmtime::Error, guest: &Guest) -> Ended {
    let (words, size) = describe(error, guest);
    Ended { error: fault(label, words), size }
}

fn fault(label: &Label, detail: String) -> CallError {
    let error = CallError::Fault {
        store: Arc::clone(&label.store),
        connector: label.connector.clone(),
        version: label.version().to_owned(),
        detail,
    };
    tracing::debug!(%error, "connector fault");
    error
}

/// Describes the end of the guest, and whether a smaller request could be answered. Several limits end in the same
/// trap, so the meters are checked first.
fn describe(error: &wasmtime::Error, guest: &Guest) -> (String, Size) {
    let limits = &guest.grants.limits;
    if guest.cpu.exhausted() {
        return (format!("ran past its deadline of {:?} of processor time", limits.cpu), Size::Fits);
    }
    if guest.memory.refused() {
        let most = limits.memory_bytes >> 20;
        let said =
            format!("asked for more than its {most} MiB of memory; `limits.memory-mib` of the store allows more");
        return (said, Size::TooLarge);
    }
    // The type of this error is private to wasmtime.
    if error.downcast_ref::<Trap>().is_none() && format!("{error:#}").contains("fuel allocated for hostcalls") {
        return (format!("handed over more than {} MiB at once", limits.answer_bytes >> 20), Size::TooLarge);
    }
    let said = guest.log.last_error().map_or(String::new(), |text| format!("; its last error line: {text}"));
    let words = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow | Trap::MemoryOutOfBounds) => format!("overflowed its stack or memory{said}"),
        Some(Trap::UnreachableCodeReached) => format!("crashed (a panic, as a rule){said}"),
        Some(trap) => format!("trapped: {trap}{said}"),
        None => format!("failed: {}{said}", visible_line(&format!("{error:#}"), limits.text_chars)),
    };
    (words, Size::Fits)
}
