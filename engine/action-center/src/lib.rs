//! The Action Center: the JSON API (`/api/v1`, with its OpenAPI description) and the server-rendered pages.
//!
//! A request passes `access` first: without a good token or session nothing but the sign-in page, its style sheet and the
//! description of the API answers. What the caller may do is decided by [`clawback_app::Api`], as for the command line.
//!
//! **Invariant:** no SQL, no loops over work, no rule of its own. Pages are HTML that works without a script; whatever text comes
//! from mail goes through `maud`, which escapes it, and through `model::visible`.

mod access;
mod api;
mod attempts;
mod body;
mod center;
mod connections;
mod device;
mod export;
mod headers;
mod host;
mod idempotency;
pub mod json;
mod limiter;
mod oidc;
mod pages;
mod password;
mod problem;
mod refusal;
mod server;
mod session;
mod slow;
mod source;
mod words;

pub use api::openapi;
pub use center::{Center, Settings};
pub use export::{ExportFormat, export, export_plan};
pub use oidc::{Oidc, OidcConfig, OidcError};
pub use password::{hash_password, password_is};
pub use server::{Bounds, serve};
