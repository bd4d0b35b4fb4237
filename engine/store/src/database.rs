//! The two databases: how they are reached, their schema, and the one small face that everything else sees of them.

pub(crate) mod access;
pub(crate) mod bulk;
pub(crate) mod dialect;
mod escape;
pub(crate) mod postgres;
pub(crate) mod schema;
pub(crate) mod sqlite;
pub(crate) mod task;
