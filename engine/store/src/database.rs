//! The two databases: connections, schema, and the small interface that the rest of the crate uses.

pub(crate) mod access;
pub(crate) mod bulk;
pub(crate) mod dialect;
mod escape;
pub(crate) mod postgres;
pub(crate) mod schema;
pub(crate) mod sqlite;
pub(crate) mod task;
