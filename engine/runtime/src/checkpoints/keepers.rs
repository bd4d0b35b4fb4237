//! The recipients of checkpoints, and a bucket that keeps them.

use std::sync::Arc;
use std::time::Duration;

use object_store::{ObjectStore, ObjectStoreExt as _};

use super::site_key::SiteKey;
use super::witness::Witnesses;
use crate::bucket::{self, BucketConfig};
use crate::error::Error;

/// The time limit of a write to the bucket: a hard delete waits meanwhile.
const KEPT_WITHIN: Duration = Duration::from_secs(10);
/// The key and the recipients of checkpoints.
#[derive(Debug)]
pub struct Checkpoints {
    /// Signs them.
    pub key: SiteKey,
    /// Names of notifiers.
    pub notify: Vec<String>,
    /// A bucket that keeps each under its size.
    pub bucket: Option<HeadBucket>,
    /// The witnesses that are asked for cosignatures.
    pub witnesses: Witnesses,
}

/// A bucket of an S3 server that keeps checkpoints as `checkpoints/SIZE`, with the size in twenty digits, so that the
/// last name is that of the newest.
#[derive(Debug)]
pub struct HeadBucket(Arc<dyn ObjectStore>);

impl HeadBucket {
    /// Opens the bucket. Makes no request yet.
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
