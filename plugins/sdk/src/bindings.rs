//! Generated from `plugins/wit`, which contains the documentation of all items here.
#![allow(clippy::allow_attributes, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]

wit_bindgen::generate!({
    path: "../wit",
    world: "examining-mail-store",
    pub_export_macro: true,
    default_bindings_module: "clawback_connector_sdk",
    export_macro_name: "__export_bindings",
    additional_derives: [PartialEq, Eq],
});
