//! Wake-ups for loops that wait for work: PostgreSQL notifies, SQLite counts the commits of others. A wake-up carries
//! no data: what there is to do is always read from the tables, and a loop that gets no wake-up polls them after a
//! while.

use crate::boxed::boxed;
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
/// The poll interval of SQLite's counter. It is in shared memory: reading it takes some microseconds.
const LOOK: Duration = Duration::from_millis(50);

/// Detects commits of others.
#[derive(Debug)]
pub struct Watch(Kind);

#[derive(Debug)]
enum Kind {
    Sqlite { connection: PoolConnection<Sqlite>, version: i64 },
    Postgres(PgListener),
}

impl Store {
    /// Begins to watch for work from others.
    #[tracing::instrument(name = "store.watch", skip_all)]
    #[boxed]
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
    /// Returns once there may be work, and after `most` at the latest; also if the database cannot be reached, so that
    /// callers poll.
    #[boxed]
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
                    tracing::debug!(%error, "Not listening for notifications; polling instead.");
                    sleep(most).await;
                }
            },
        }
    }
}

/// Returns a number that changes when another connection commits
/// (<https://www.sqlite.org/pragma.html#pragma_data_version>).
async fn version(connection: &mut PoolConnection<Sqlite>) -> Result<i64, sqlx::Error> {
    sqlx::query("PRAGMA data_version").fetch_one(&mut **connection).await?.try_get(0)
}

/// Wakes all watchers when this commits. Each such commit waits for the others, so it is used for runs and batches, not
/// for messages.
pub(crate) async fn wake(tx: &mut Tx) -> Result<(), StoreError> {
    if matches!(tx, Tx::Postgres(_)) {
        tx.execute(format!("NOTIFY {CHANNEL}"), &[]).await?;
    }
    Ok(())
}
