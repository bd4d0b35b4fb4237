//! How a node reaches its database.

use std::time::Duration;

/// Connections to PostgreSQL per node, unless its configuration says otherwise.
pub const CONNECTIONS: u32 = 16;

/// With fewer, whoever works would wait for whoever waits for work.
pub const FEWEST_CONNECTIONS: u32 = 4;

/// How long a caller waits for a connection.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(30);

/// How a node reaches its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Connections to PostgreSQL at most. SQLite needs no such bound.
    pub connections: u32,
    /// Whether a server on another machine may be spoken to without TLS, or without a proof of who it is.
    pub allow_cleartext: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self { connections: CONNECTIONS, allow_cleartext: false }
    }
}

/// The URL for an error message.
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
