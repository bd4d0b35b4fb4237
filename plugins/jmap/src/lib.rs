//! The JMAP connector (RFC 8620, RFC 8621).
//!
//! The host sends the requests and adds the authorization; the connector names endpoints and paths only. The cost is
//! counted in requests: one for a page of a search without hits, one more for its hits, three for an action.
//!
//! Trusted: an Email id names one message as long as it exists, wherever it lies, and nothing after that; what `Email/get` returns after an act
//! was answered. Not trusted: `updated`, which a server also answers to a move that was made before, and anything a
//! sender wrote. Conditions of `Email/query` on texts are not used: they search an index, or compare with what the
//! server makes of a field (Cyrus 3.6 sees the last of several From fields only). The connector reads these fields and
//! compares them itself.

mod act;
mod api;
mod attached;
mod connector;
mod cursor;
mod email;
mod folder;
mod label;
mod locate;
mod order;
mod protocol;
mod raw;
mod readiness;
mod search;
mod session;

pub use connector::Jmap;

clawback_connector_sdk::export!(Jmap::new(clawback_connector_sdk::host::Granted));
