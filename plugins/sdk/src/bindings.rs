//! Generated from `plugins/wit`, which is where the documentation of everything in here stands.
#![allow(clippy::allow_attributes, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]

wit_bindgen::generate!({
    path: "../wit",
    world: "mail-store",
    pub_export_macro: true,
    default_bindings_module: "clawback_connector_sdk",
    export_macro_name: "__export_bindings",
    additional_derives: [PartialEq, Eq],
});
