//! Opens a history: connects, brings the schema up to date, and builds missing parts of the index.

use crate::boxed::boxed;
use std::path::Path;

use clawback_model::Timestamp;

use crate::database::access::{Access, without_password};
use crate::database::dialect::Pool;
use crate::database::{postgres, schema, sqlite};
use crate::error::StoreError;
use crate::site_events::{SiteEvent, append};
use crate::store::Store;

/// The step of the schema since which events of the site record sweeps and schedules.
const SITE_EVENTS_SINCE: i64 = 17;

impl Store {
    /// Opens `sqlite:PATH`, a plain path, or `postgres://...`, creates what is missing and brings the schema up to
    /// date.
    #[boxed]
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, Access::default()).await
    }

    /// Like [`Store::open`], with settings for a PostgreSQL database.
    #[tracing::instrument(name = "store.open", skip_all)]
    #[boxed]
    pub async fn open_with(url: &str, access: Access) -> Result<Self, StoreError> {
        let store = Self::new(connect(url, access).await?);
        store.upgrade().await?;
        store.build_words().await?;
        Ok(store)
    }

    /// Brings the schema up to date. In a history that is older than the events of sweeps and schedules, records where
    /// these begin, so that `verify` expects none before.
    async fn upgrade(&self) -> Result<(), StoreError> {
        if schema::reached(self.pool()).await?.is_some_and(|reached| reached < SITE_EVENTS_SINCE) {
            let mut tx = self.write().await?;
            let last = tx.row("SELECT MAX(recorded_at) FROM events", &[]).await?;
            if let Some(at) = last.map_or(Ok(None), |row| row.opt_int(0))? {
                let event = SiteEvent::Upgraded { schema: SITE_EVENTS_SINCE };
                append(&mut tx, &event, "automation".into(), Timestamp(at)).await?;
            }
            tx.commit().await?;
        }
        schema::migrate(self.pool()).await
    }
}

/// Connects to the database.
async fn connect(url: &str, access: Access) -> Result<Pool, StoreError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Pool::Postgres(postgres::connect(url, access).await?));
    }
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
    if path.is_empty() || path.contains("://") || path.starts_with(':') {
        return Err(StoreError::BadUrl { url: without_password(url) });
    }
    sqlite::connect(Path::new(path)).await
}
