//! People and services: their names, their credentials, their requests, and the searches that they save.

pub(crate) mod accounts;
pub(crate) mod answers;
pub(crate) mod attempts;
pub(crate) mod principals;
pub(crate) mod refusals;
pub(crate) mod roles;
pub(crate) mod saved_searches;
pub(crate) mod sessions;
pub(crate) mod tokens;
