//! The credentials of requests: where they come from, how long they are kept, and how they are renewed.
//!
//! **Invariant:** a credential leaves this folder only as a [`Secret`](crate::granted::secret::Secret), for the one
//! place that sends it; no error names one.

mod answer;
mod cache;
pub(crate) mod challenge;
pub(crate) mod failure;
pub(crate) mod grant;
pub(crate) mod jwt;
mod server;
pub(crate) mod source;
mod template;

#[cfg(test)]
mod tests;
