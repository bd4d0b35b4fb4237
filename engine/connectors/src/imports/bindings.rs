//! The contract in Rust, generated from `plugins/wit`, so that host and guests always agree.
//!
//! Imports are async (the guest waits on a fiber, the thread does not) and may trap.

#![allow(unsafe_code, missing_docs, unreachable_pub, reason = "generated")]
#![allow(clippy::all, clippy::pedantic, clippy::allow_attributes, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../plugins/wit",
    world: "mail-store",
    imports: { default: async | trappable },
    exports: { default: async },
    with: { "clawback:mail-store/mail-stream.connection": crate::granted::connection::Connection },
});

/// The additional interface of connectors that keep calendars clean.
pub mod calendars {
    wasmtime::component::bindgen!({
        path: "../../plugins/wit",
        world: "calendar-keeper",
        exports: { default: async },
        with: { "clawback:mail-store/types": crate::imports::bindings::clawback::mail_store::types },
    });
}

/// The additional interface of connectors that examine messages.
pub mod examining {
    wasmtime::component::bindgen!({
        path: "../../plugins/wit",
        world: "message-examiner",
        exports: { default: async },
        with: { "clawback:mail-store/types": crate::imports::bindings::clawback::mail_store::types },
    });
}
