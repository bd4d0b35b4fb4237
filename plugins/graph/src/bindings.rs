//! Generated from `plugins/wit`: the interface `calendar`, which this connector adds to those of the SDK.
#![allow(clippy::allow_attributes, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]

wit_bindgen::generate!({
    path: "../wit",
    world: "calendar-keeper",
    with: { "clawback:mail-store/types@0.2.0": clawback_connector_sdk::types },
    export_macro_name: "export_calendar",
    additional_derives: [PartialEq, Eq],
});
