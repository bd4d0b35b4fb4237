//! The place where messages are kept: a folder, or a bucket of an S3 server.

use crate::boxed::boxed;
use std::path::Path;
use std::sync::Arc;

use clawback_model::Digest;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Place;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::bucket::{self, BucketConfig, LARGEST_EVIDENCE as LARGEST};
use crate::error::Error;

/// Where messages are kept.
#[derive(Debug, Clone)]
pub struct Evidence {
    objects: Arc<dyn ObjectStore>,
    /// Before every hard delete, unless the playbook says otherwise.
    pub(super) always: bool,
}

impl Evidence {
    /// Keeps messages in a folder, which is created for its owner alone if it is missing. Every message is synced to
    /// disk before it is deleted.
    pub fn folder(path: &Path, always: bool) -> Result<Self, Error> {
        let fail = |detail: String| Error::File { path: path.display().to_string(), detail };
        clawback_files::create_folder(path).map_err(|error| fail(error.to_string()))?;
        let folder = LocalFileSystem::new_with_prefix(path).map_err(|error| fail(error.to_string()))?.with_fsync(true);
        Ok(Self { objects: Arc::new(folder), always })
    }

    /// Keeps messages in a bucket of an S3 server, which confirms each before that message is deleted.
    pub fn bucket(config: &BucketConfig, always: bool) -> Result<Self, Error> {
        Ok(Self { objects: bucket::open(config)?, always })
    }

    /// Requests an object that does not exist, so that a place that does not answer is known before it is needed.
    #[boxed]
    pub async fn check(&self) -> Result<(), String> {
        match self.objects.get(&place(&Digest::default())).await {
            Err(object_store::Error::NotFound { source, .. }) if has_no_bucket(&source.to_string()) => {
                Err("there is no such bucket".to_owned())
            }
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Stores these bytes. Storing them again is no error, and repairs a damaged copy.
    pub(super) async fn put(&self, raw: Vec<u8>) -> Result<Digest, object_store::Error> {
        let digest = Digest::of(&raw);
        self.objects.put(&place(&digest), raw.into()).await?;
        Ok(digest)
    }

    /// Returns the bytes, checked against the digest.
    #[boxed]
    pub async fn get(&self, digest: &Digest) -> Result<Vec<u8>, Error> {
        let lost = |detail: String| Error::EvidenceLost { digest: *digest, detail };
        let place = place(digest);
        // A stored message that is larger than the limit is not read.
        let size = self.objects.head(&place).await.map_err(|error| not_given(digest, &error))?.size;
        if size > LARGEST {
            return Err(lost(format!("its bytes were changed: there are {size} of them now")));
        }
        let found = self.objects.get(&place).await.map_err(|error| not_given(digest, &error))?;
        let raw = found.bytes().await.map_err(|error| not_given(digest, &error))?;
        let now = Digest::of(&raw);
        if now == *digest {
            Ok(raw.into())
        } else {
            Err(lost(format!("its bytes were changed: their digest is {now}")))
        }
    }
}

/// Only the answer that there is no such message means that it is lost. No answer, no permission or no such bucket says
/// nothing about the message.
fn not_given(digest: &Digest, error: &object_store::Error) -> Error {
    let (digest, detail) = (*digest, error.to_string());
    match error {
        object_store::Error::NotFound { .. } if !has_no_bucket(&detail) => Error::EvidenceLost { digest, detail },
        _ => Error::EvidenceUnavailable { digest, detail },
    }
}

fn has_no_bucket(detail: &str) -> bool {
    detail.contains("NoSuchBucket")
}

/// `sha256/ab/ab12…`, so that no folder gets too many files.
fn place(digest: &Digest) -> Place {
    let digits = digest.to_string();
    Place::from(format!("sha256/{}/{digits}", &digits[..2]))
}
