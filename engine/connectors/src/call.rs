//! One call of a connector: a fresh instance, a bounded run, and a name for whatever went wrong.
//!
//! An instance is never used twice, so nothing leaks from one mailbox into the next, and a trap costs one call.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clawback_model::visible_line;
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::bindings::clawback::mail_store::types as wit;
use crate::bindings::{MailStore, MailStorePre};
use crate::contract::Breach;
use crate::convert;
use crate::guest::{Grants, Guest, Label, Trouble};
use crate::mail_store::CallError;

/// A fresh instance, for one call.
pub(crate) struct Instance {
    pub(crate) store: Store<Guest>,
    pub(crate) exports: MailStore,
}

/// Makes an instance that may answer with at most `answer_bytes`.
pub(crate) async fn instantiate(
    component: &MailStorePre<Guest>,
    grants: &Arc<Grants>,
    mailbox: Option<Arc<str>>,
    answer_bytes: usize,
    fresh_only: bool,
) -> Result<Instance, CallError> {
    let mut store = Store::new(component.engine(), Guest::new(Arc::clone(grants), mailbox, fresh_only));
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(answer_bytes);
    store.set_epoch_deadline(1);
    // Yielding at every tick lets the calls that share this thread go on beside a busy guest.
    store.epoch_deadline_callback(|mut store| {
        Ok(if store.data_mut().cpu.tick() { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
    });
    match component.instantiate_async(&mut store).await {
        Ok(exports) => Ok(Instance { store, exports }),
        Err(error) => Err(fault(&grants.label, describe(&error, store.data()))),
    }
}

/// How a bounded run ended.
pub(crate) enum Ran<R> {
    /// With an answer or a trap.
    Ended(wasmtime::Result<R>),
    /// It was given up.
    TimedOut(Duration),
}

/// Runs a guest until the wall-clock limit.
pub(crate) async fn run<R>(timeout: Duration, answer: impl Future<Output = wasmtime::Result<R>>) -> Ran<R> {
    match tokio::time::timeout(timeout, answer).await {
        Ok(answer) => Ran::Ended(answer),
        Err(_) => Ran::TimedOut(timeout),
    }
}

/// The answer, or a fault or time-out. What the guest renamed is on disk before its answer counts.
pub(crate) async fn settle<R>(mut instance: Instance, ran: Ran<R>) -> Result<(R, Trouble), CallError> {
    let grants = Arc::clone(&instance.store.data().grants);
    let label = &grants.label;
    let unsynced = std::mem::take(&mut instance.store.data_mut().unsynced);
    let began = Instant::now();
    let synced = unsynced.sync().await;
    tracing::trace!(duration_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX), "directories synced");
    let guest = instance.store.data();
    guest.log.close(label);
    match ran {
        Ran::TimedOut(after) => {
            let detail = format!("the call did not finish within {after:?}");
            Err(CallError::Transient { store: Arc::clone(&label.store), detail })
        }
        Ran::Ended(Err(error)) => Err(fault(label, describe(&error, guest))),
        Ran::Ended(Ok(_)) if synced.is_err() => {
            let detail = "a directory could not be synced to disk".to_owned();
            Err(CallError::Transient { store: Arc::clone(&label.store), detail })
        }
        Ran::Ended(Ok(answer)) => Ok((answer, guest.trouble)),
    }
}

/// What a connector's own error means.
pub(crate) fn refused(label: &Label, mailbox: &str, error: wit::Error, trouble: Trouble, most: usize) -> CallError {
    let store = Arc::clone(&label.store);
    let detail = |text: String| visible_line(&text, most);
    match error {
        wit::Error::Throttled(after) => CallError::Throttled { store, after: after.map(convert::pause) },
        // The contract cannot say that the server refused a connection for being one too many; the host saw it.
        wit::Error::Transient(_) if trouble.throttled => CallError::Throttled { store, after: None },
        wit::Error::Transient(text) => CallError::Transient { store, detail: detail(text) },
        wit::Error::Permanent(text) => CallError::Permanent { store, detail: detail(text) },
        wit::Error::Denied(text) => CallError::Denied { store, detail: detail(text) },
        wit::Error::NotFound(_) => CallError::NotFound { store, mailbox: mailbox.to_owned() },
    }
}

pub(crate) fn breach(label: &Label, breach: &Breach) -> CallError {
    fault(label, breach.to_string())
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

/// What the guest did, in words. Several limits end in the same trap, so the meters are asked first.
fn describe(error: &wasmtime::Error, guest: &Guest) -> String {
    let limits = &guest.grants.limits;
    if guest.cpu.exhausted() {
        return format!("ran past its deadline of {:?} of processor time", limits.cpu);
    }
    if guest.memory.refused() {
        return format!("asked for more than its {} MiB of memory", limits.memory_bytes >> 20);
    }
    let said = guest.log.last_error().map_or(String::new(), |text| format!("; its last error line: {text}"));
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow | Trap::MemoryOutOfBounds) => format!("overflowed its stack or memory{said}"),
        Some(Trap::UnreachableCodeReached) => format!("crashed (a panic, as a rule){said}"),
        Some(trap) => format!("trapped: {trap}{said}"),
        None => {
            let text = format!("{error:#}");
            if text.contains("fuel allocated for hostcalls") {
                format!("handed over more than {} MiB at once", limits.answer_bytes >> 20)
            } else {
                format!("failed: {}{said}", visible_line(&text, limits.text_chars))
            }
        }
    }
}
