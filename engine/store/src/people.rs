//! People and services: who they are, what shows it, and what they asked for.

pub(crate) mod accounts;
pub(crate) mod answers;
pub(crate) mod attempts;
pub(crate) mod principals;
pub(crate) mod refusals;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod tokens;
