//! What a message shows to the person who reads it: header, text, links of every part, attachments by digest. Pure: it
//! reads bytes and keeps nothing.
//!
//! HTML is read, and links that a gateway rewrote are decoded, by the files of the SDK by which connectors examine
//! messages: a page shows the links that an examination finds. They have no unsafe code, and time and memory are linear
//! in the size of the message.

#[expect(dead_code, unreachable_pub, reason = "connectors use the rest of it")]
#[path = "../../../plugins/sdk/src/bound.rs"]
mod bound;
mod content;
#[path = "../../../plugins/sdk/src/features/elements.rs"]
mod elements;
#[path = "../../../plugins/sdk/src/features/html.rs"]
mod html;
mod link;
#[path = "../../../plugins/sdk/src/features/rewritten.rs"]
mod rewritten;
#[path = "../../../plugins/sdk/src/features/style.rs"]
mod style;

#[cfg(test)]
use clawback_model::normal;

pub use content::{Content, File, Page, Person, read};
pub use link::Link;
