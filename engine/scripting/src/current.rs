//! The message that is being judged on this thread, and the handle that a script gets.

use clawback_model::{Message, Timestamp};
use rhai::EvalAltResult;
use scoped_tls::scoped_thread_local;

scoped_thread_local!(static MESSAGE: Message);

/// A handle of the message, with the time of the run for `age_hours`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Current {
    pub(crate) now: Timestamp,
}

/// Runs `judge` with `message` as the message that getters read.
pub(crate) fn judging<R>(message: &Message, judge: impl FnOnce() -> R) -> R {
    MESSAGE.set(message, judge)
}

pub(crate) type Answer<T> = Result<T, Box<EvalAltResult>>;

/// Reads the message that is being judged.
pub(crate) fn with<R>(read: impl FnOnce(&Message) -> R) -> Answer<R> {
    if MESSAGE.is_set() { Ok(MESSAGE.with(read)) } else { Err("the message is only there inside `keep`".into()) }
}
