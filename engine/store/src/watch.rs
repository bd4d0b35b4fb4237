//! Wakes who waits for work: PostgreSQL notifies, SQLite counts the commits of others. Only a wake-up: what there is to do is
//! always asked of the tables, and whoever is not woken looks by himself after a while.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgListener;
use sqlx::{Row as _, Sqlite};
use tokio::time::{Instant, sleep, timeout};

use crate::database::dialect::{Pool, Tx};
use crate::error::StoreError;
use crate::store::Store;

/// The channel of PostgreSQL.
const CHANNEL: &str = "clawback";
/// How often SQLite's counter is looked at. It lies in shared memory: a look takes some microseconds.
const LOOK: Duration = Duration::from_millis(50);

/// Sees when others have written.
#[derive(Debug)]
pub struct Watch(Kind);

#[derive(Debug)]
enum Kind {
    Sqlite { connection: PoolConnection<Sqlite>, version: i64 },
    Postgres(PgListener),
}

impl Store {
    /// Begins to watch for work that others make.
    #[tracing::instrument(name = "store.watch", skip_all)]
    pub async fn watch(&self) -> Result<Watch, StoreError> {
        Ok(Watch(match self.pool() {
            Pool::Sqlite { readers, .. } => {
                let mut connection = readers.acquire().await?;
                let version = version(&mut connection).await?;
                Kind::Sqlite { connection, version }
            }
            Pool::Postgres(pool) => {
                let mut listener = PgListener::connect_with(pool).await?;
                listener.listen(CHANNEL).await?;
                Kind::Postgres(listener)
            }
        }))
    }
}

impl Watch {
    /// Returns once there may be work, and after `most` at the latest; also where nobody can be asked, so that callers look.
    pub async fn changed(&mut self, most: Duration) {
        match &mut self.0 {
            Kind::Sqlite { connection, version: known } => {
                let until = Instant::now() + most;
                while Instant::now() < until {
                    sleep(LOOK.min(most)).await;
                    match version(connection).await {
                        Ok(found) if found == *known => {}
                        Ok(found) => {
                            *known = found;
                            return;
                        }
                        Err(_) => sleep(most).await,
                    }
                }
            }
            Kind::Postgres(listener) => match timeout(most, listener.recv()).await {
                Ok(Ok(_)) | Err(_) => {}
                Ok(Err(error)) => {
                    tracing::debug!(%error, "Not listening; looking now and then.");
                    sleep(most).await;
                }
            },
        }
    }
}

/// Changes when another connection commits (<https://www.sqlite.org/pragma.html#pragma_data_version>).
async fn version(connection: &mut PoolConnection<Sqlite>) -> Result<i64, sqlx::Error> {
    sqlx::query("PRAGMA data_version").fetch_one(&mut **connection).await?.try_get(0)
}

/// Wakes whoever watches, once this commits. Each such commit waits for the others: for runs and batches, not for messages.
pub(crate) async fn wake(tx: &mut Tx) -> Result<(), StoreError> {
    if matches!(tx, Tx::Postgres(_)) {
        tx.execute(format!("NOTIFY {CHANNEL}"), &[]).await?;
    }
    Ok(())
}
