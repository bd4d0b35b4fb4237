//! Who is told where the history stands, and a bucket that keeps what it is told.

use std::sync::Arc;
use std::time::Duration;

use object_store::{ObjectStore, ObjectStoreExt as _};

use super::site_key::SiteKey;
use super::witness::Witnesses;
use crate::bucket::{self, BucketConfig};
use crate::error::Error;

/// How long a bucket may take: a hard delete waits meanwhile.
const KEPT_WITHIN: Duration = Duration::from_secs(10);
/// Who is told where the history stands.
#[derive(Debug)]
pub struct Checkpoints {
    /// Signs them.
    pub key: SiteKey,
    /// Names of notifiers.
    pub notify: Vec<String>,
    /// A bucket that keeps each under its size.
    pub bucket: Option<HeadBucket>,
    /// Who is asked to sign them too.
    pub witnesses: Witnesses,
}

/// A bucket of an S3 server that keeps checkpoints: `checkpoints/SIZE`, with the size in twenty digits, so that the last of the
/// names is the newest.
#[derive(Debug)]
pub struct HeadBucket(Arc<dyn ObjectStore>);

impl HeadBucket {
    /// Nothing is asked of the server yet.
    pub fn open(config: &BucketConfig) -> Result<Self, Error> {
        Ok(Self(bucket::open(config)?))
    }

    pub(super) async fn keep(&self, size: u64, note: &str) -> Result<(), String> {
        let place = object_store::path::Path::from(format!("checkpoints/{size:020}"));
        let put = self.0.put(&place, note.to_owned().into());
        match tokio::time::timeout(KEPT_WITHIN, put).await {
            Ok(kept) => kept.map(drop).map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", KEPT_WITHIN.as_secs())),
        }
    }
}
