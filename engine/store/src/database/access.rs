//! The settings of a node's connection to its database.

use std::time::Duration;

/// The number of connections to PostgreSQL per node, unless configured.
pub const CONNECTIONS: u32 = 16;

/// With fewer connections, work would wait for the connections of the loops that look for work.
pub const FEWEST_CONNECTIONS: u32 = 4;

/// The time-out for a connection from the pool.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(30);

/// The settings of a node's connection to its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The most connections to PostgreSQL. SQLite needs no such limit.
    pub connections: u32,
    /// Whether a server on another machine may be used without TLS, or without verification of its certificate.
    pub allow_cleartext: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self { connections: CONNECTIONS, allow_cleartext: false }
    }
}

/// Returns the URL for an error message.
pub(crate) fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_show_no_password() {
        assert_eq!(without_password("mysql://ann:secret@db/x"), "mysql://...@db/x");
        assert_eq!(without_password("nowhere"), "nowhere");
    }
}
