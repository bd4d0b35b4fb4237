//! The Action Center: the JSON API (`/api/v1`, with its OpenAPI description) and the server-rendered pages.
//!
//! A request passes `access` first: without a valid token or session only the sign-in page, its style sheet, the health
//! check and the description of the API are served. What the caller may do is decided by [`clawback_app::Api`], as for
//! the command line.
//!
//! Each file imports from those below it. From the lowest up: `json` and `export` (formats), `problem` (errors),
//! `center` (the state that every request shares), `session` and `access` (authentication), `lookup`, then `api` and
//! `pages` on one level, and `router` at the top.
//!
//! **Invariant:** no SQL, no loops over work, no rule of its own. Pages are HTML that works without a script; all text
//! from mail goes through `maud`, which escapes it, and through `model::visible`.

mod access;
mod api;
mod attempts;
mod body;
mod boxed;
mod center;
mod check;
mod connections;
mod cookies;
mod design;
mod device;
mod error_chain;
mod export_format;
mod forms;
mod headers;
mod host;
mod idempotency;
pub mod json;
mod limiter;
mod lookup;
mod message_file;
mod oidc;
mod pages;
mod password;
mod pending_sign_in;
mod problem;
mod refusal_log;
mod refusals;
mod remediation_export;
mod router;
mod searches;
mod server;
mod session;
mod slow;
mod source;
mod status_cache;
mod unsent;
mod uses;

pub use api::openapi;
pub use center::{Center, Settings};
pub use export_format::ExportFormat;
pub use message_file::LARGEST_MESSAGE;
pub use oidc::{Oidc, OidcConfig, OidcError};
pub use password::hash_password;
pub use problem::error_behind;
pub use remediation_export::export_plan;
pub use server::{Bounds, serve};
