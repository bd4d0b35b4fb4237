//! Connections to a PostgreSQL server: verification of the server, and the migration of the schema.

use std::io;
use std::str::FromStr as _;
use std::time::Duration;

use clawback_model::is_loopback;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::access::{ACQUIRE, Access, FEWEST_CONNECTIONS, without_password};
use crate::error::StoreError;

/// How long a connection is trusted after its last use.
const TRUSTED: Duration = Duration::from_secs(1);

/// `insufficient_privilege` (PostgreSQL, appendix A).
const NO_PRIVILEGE: &str = "42501";

/// Connects to the server.
pub(crate) async fn connect(url: &str, access: Access) -> Result<PgPool, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| StoreError::BadUrl { url: without_password(url) })?
        .application_name("clawback")
        .options([
            ("statement_timeout", "60s"),
            ("lock_timeout", "20s"),
            ("idle_in_transaction_session_timeout", "120s"),
            // Every wide table is read by its key, page by page. On a table that grew since it was last analyzed, the
            // planner assumes that it is tiny and joins or sorts all of it for each page: measured 16 times slower.
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            // With the costs of disabled plans, JIT would compile every statement.
            ("jit", "off"),
        ]);
    let options = secured(options, access.allow_cleartext)?;
    // The pool would retry until its time-out; a wrong address should be reported at once.
    let host = || options.get_host().to_owned();
    let first = options.connect().await.map_err(|error| match error {
        sqlx::Error::Tls(source) => StoreError::Tls { host: host(), source },
        // A handshake fails with this error if the certificate is not accepted.
        sqlx::Error::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
            StoreError::Tls { host: host(), source: source.into() }
        }
        other => other.into(),
    })?;
    first.close().await?;
    let connections = access.connections.max(FEWEST_CONNECTIONS);
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE);
    // The pool would ask the server before each use whether the connection still stands: a round trip for every query.
    let pool = pool.test_before_acquire(false).before_acquire(|connection, idle| {
        Box::pin(async move {
            if idle.idle_for >= TRUSTED {
                connection.ping().await?;
            }
            Ok(true)
        })
    });
    Ok(pool.connect_with(options).await?)
}

/// Returns the options with verification of a server on another machine. A URL that explicitly weakens it is refused,
/// unless cleartext is allowed.
fn secured(options: PgConnectOptions, allow_cleartext: bool) -> Result<PgConnectOptions, StoreError> {
    if is_here(&options) || allow_cleartext {
        return Ok(options);
    }
    let mode = match options.get_ssl_mode() {
        PgSslMode::VerifyFull | PgSslMode::VerifyCa => return Ok(options),
        // The default of every client, which accepts any server.
        PgSslMode::Prefer => return Ok(options.ssl_mode(PgSslMode::VerifyFull)),
        PgSslMode::Require => "require",
        PgSslMode::Allow => "allow",
        PgSslMode::Disable => "disable",
    };
    Err(StoreError::Cleartext { host: options.get_host().to_owned(), mode })
}

/// Returns whether the server is on this machine, independent of name resolution.
fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some() || host.starts_with('/') || is_loopback(host)
}

/// Brings the schema up to date. An up-to-date schema is only read, so that a role that may not change the schema can
/// use it.
pub(crate) async fn migrate(pool: &PgPool, migrator: &Migrator) -> Result<(), StoreError> {
    if is_current(pool, migrator).await? {
        return Ok(());
    }
    migrator.run(pool).await.map_err(|error| match StoreError::from(error) {
        StoreError::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_PRIVILEGE) => {
            StoreError::NotTheOwner
        }
        other => other,
    })
}

async fn is_current(pool: &PgPool, migrator: &Migrator) -> Result<bool, StoreError> {
    let made = sqlx::query("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(pool).await?;
    if !made.try_get::<bool, _>(0)? {
        return Ok(false);
    }
    let sql = "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
    let applied = sqlx::query(sql).fetch_all(pool).await?;
    let applied = applied.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let applied: Vec<(i64, Vec<u8>)> = applied.collect::<Result<_, sqlx::Error>>()?;
    let wanted = migrator.iter().map(|step| (step.version, step.checksum.to_vec()));
    Ok(wanted.eq(applied))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str, allow_cleartext: bool) -> Result<&'static str, String> {
        let options = PgConnectOptions::from_str(url).unwrap();
        secured(options, allow_cleartext).map_err(|error| error.to_string()).map(|options| {
            match options.get_ssl_mode() {
                PgSslMode::Disable => "disable",
                PgSslMode::Allow => "allow",
                PgSslMode::Prefer => "prefer",
                PgSslMode::Require => "require",
                PgSslMode::VerifyCa => "verify-ca",
                PgSslMode::VerifyFull => "verify-full",
            }
        })
    }

    #[test]
    fn a_server_elsewhere_proves_who_it_is() {
        for elsewhere in ["db.corp.example", "10.0.0.1", "127.0.0.1.corp.example", "localhost.corp.example"] {
            let url = |mode: &str| format!("postgres://u:p@{elsewhere}/clawback{mode}");
            assert_eq!(mode(&url(""), false), Ok("verify-full"));
            assert_eq!(mode(&url("?sslmode=prefer"), false), Ok("verify-full"));
            assert_eq!(mode(&url("?sslmode=verify-full"), false), Ok("verify-full"));
            assert_eq!(mode(&url("?sslmode=verify-ca"), false), Ok("verify-ca"));
            for weak in ["require", "allow", "disable"] {
                let refused = mode(&url(&format!("?sslmode={weak}")), false).unwrap_err();
                assert!(refused.contains(weak) && refused.contains("database-allow-cleartext"), "{refused}");
                assert!(refused.contains(elsewhere) && !refused.contains("u:p"), "{refused}");
                assert_eq!(mode(&url(&format!("?sslmode={weak}")), true), Ok(weak));
            }
            assert_eq!(mode(&url(""), true), Ok("prefer"));
        }
    }

    #[test]
    fn a_server_on_this_machine_needs_no_proof() {
        for here in ["localhost", "127.0.0.1", "[::1]", "%2Fvar%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgres://u@{here}/clawback"), false), Ok("prefer"), "{here}");
            assert_eq!(mode(&format!("postgres://u@{here}/clawback?sslmode=disable"), false), Ok("disable"), "{here}");
        }
        assert_eq!(mode("postgres:///clawback?host=/var/run/postgresql", false), Ok("prefer"));
    }
}
