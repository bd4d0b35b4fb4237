//! The trait of connectors, and the glue that makes one a component.

use crate::examiner::{Examined, Request};
use crate::features;
use crate::types::{
    Action, Capabilities, Effect, Error, Located, MailboxPage, MessagePage, MessageRef, Outcome, Query, Readiness,
    Target,
};

/// A kind of mail store. The methods are those of the interface `connector` in `plugins/wit/mail-store.wit`, which
/// specifies each.
///
/// A connector keeps no state between calls: the host creates a new instance for each.
pub trait Connector {
    /// Returns what this connector supports.
    fn describe(&self) -> Capabilities;
    /// Returns all mailboxes of the store, a page at a time.
    fn mailboxes(&self, cursor: Option<&str>, most: u32) -> Result<MailboxPage, Error>;
    /// Returns messages of one mailbox that match: more than match is allowed, fewer never.
    fn search(&self, mailbox: &str, query: &Query, cursor: Option<&str>, most: u32) -> Result<MessagePage, Error>;
    /// Returns where these messages are now, one answer per ref, in order.
    fn locate(&self, mailbox: &str, refs: &[MessageRef]) -> Result<Vec<Located>, Error>;
    /// Checks, acts and confirms; returns one outcome per target, in order.
    fn apply(&self, mailbox: &str, action: Action, targets: &[Target]) -> Result<Vec<Outcome>, Error>;
    /// Returns the message as stored, up to `most` bytes.
    fn fetch_raw(&self, mailbox: &str, message: &MessageRef, most: u64) -> Result<Vec<u8>, Error>;
    /// Returns the known obstacles for each action. Changes nothing.
    fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, Error>;
    /// Returns the features of these messages, one answer per ref, in order. Fetches them one by one; a connector whose
    /// store can return several at once does better.
    fn examine(&self, mailbox: &str, refs: &[MessageRef], request: &Request) -> Result<Vec<Examined>, Error> {
        let fetched = refs.iter().map(|message| self.fetch_raw(mailbox, message, request.most));
        fetched.map(|raw| features::examined(raw, request)).collect()
    }
}

/// Returns one outcome per target, in order. A target without an effect was not acted on.
pub fn outcomes(targets: &[Target], effects: Vec<Option<Effect>>) -> Vec<Outcome> {
    let unanswered = || Effect::Failed("the message was not acted on".into());
    let effects = effects.into_iter().map(|effect| effect.unwrap_or_else(unanswered));
    let outcomes = targets.iter().zip(effects);
    outcomes.map(|(target, effect)| Outcome { locator: target.ref_.locator.clone(), effect }).collect()
}

/// Returns the text of an error, for an outcome or the log.
pub fn why(error: &Error) -> &str {
    match error {
        Error::Transient(why) | Error::Denied(why) | Error::NotFound(why) | Error::Permanent(why) => why,
        Error::Throttled(_) => "the server asks to wait",
    }
}

/// Makes a component of a connector: `export!(Imap::new(Granted))` at the top of the crate.
///
/// The expression is evaluated once per call, because every call has its own instance. A call without a ref or target is
/// answered without the connector. Outside WebAssembly the macro expands to nothing.
#[macro_export]
macro_rules! export {
    ($connector:expr) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::{examiner, types};
            struct Component;

            impl $crate::exports::clawback::mail_store::examiner::Guest for Component {
                fn examine(
                    mailbox: String,
                    refs: Vec<types::MessageRef>,
                    request: examiner::Request,
                ) -> Result<Vec<examiner::Examined>, types::Error> {
                    $crate::host::report_panics();
                    if refs.is_empty() {
                        return Ok(Vec::new());
                    }
                    $crate::Connector::examine(&$connector, &mailbox, &refs, &request)
                }
                fn examine_raw(raw: Vec<u8>, request: examiner::Request) -> Vec<examiner::Features> {
                    $crate::host::report_panics();
                    $crate::features::of_all(&raw, &request)
                }
            }

            impl $crate::exports::clawback::mail_store::connector::Guest for Component {
                fn describe() -> types::Capabilities {
                    $crate::host::report_panics();
                    $crate::Connector::describe(&$connector)
                }
                fn mailboxes(cursor: Option<String>, most: u32) -> Result<types::MailboxPage, types::Error> {
                    $crate::host::report_panics();
                    $crate::Connector::mailboxes(&$connector, cursor.as_deref(), most)
                }
                fn search(
                    mailbox: String,
                    query: types::Query,
                    cursor: Option<String>,
                    most: u32,
                ) -> Result<types::MessagePage, types::Error> {
                    $crate::host::report_panics();
                    $crate::Connector::search(&$connector, &mailbox, &query, cursor.as_deref(), most)
                }
                fn locate(mailbox: String, refs: Vec<types::MessageRef>) -> Result<Vec<types::Located>, types::Error> {
                    $crate::host::report_panics();
                    if refs.is_empty() {
                        return Ok(Vec::new());
                    }
                    $crate::Connector::locate(&$connector, &mailbox, &refs)
                }
                fn apply(
                    mailbox: String,
                    action: types::Action,
                    targets: Vec<types::Target>,
                ) -> Result<Vec<types::Outcome>, types::Error> {
                    $crate::host::report_panics();
                    if targets.is_empty() {
                        return Ok(Vec::new());
                    }
                    $crate::Connector::apply(&$connector, &mailbox, action, &targets)
                }
                fn fetch_raw(mailbox: String, message: types::MessageRef, most: u64) -> Result<Vec<u8>, types::Error> {
                    $crate::host::report_panics();
                    $crate::Connector::fetch_raw(&$connector, &mailbox, &message, most)
                }
                fn check(mailbox: String) -> Result<Vec<types::Readiness>, types::Error> {
                    $crate::host::report_panics();
                    $crate::Connector::check(&$connector, &mailbox)
                }
            }

    $crate::__export_examining_mail_store_impl!(Component with_types_in $crate);
        };
    };
}
