//! Compiled components on disk, so that they need not be compiled again at each start.
//!
//! **Invariant:** compiled code is machine code that cannot be verified, so only what this node wrote is run: each file
//! begins with a MAC of its name and contents, by a key that is stored outside the folder. The code is loaded from
//! memory, after the MAC was checked there.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clawback_files::{self as files, FileError};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The bytes of the MAC (HMAC-SHA256) at the start of a file, and of its key.
const MAC_BYTES: usize = 32;

/// A folder of compiled components, and the key of this node next to it: `cache` and `cache.key`.
pub(crate) struct Cache {
    folder: PathBuf,
    key_file: PathBuf,
}

/// Why a compiled component is not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("`{path}` does not hold a key of {MAC_BYTES} bytes; remove it, and the next start makes another")]
    Key { path: PathBuf },
    #[error("the operating system gives no random numbers")]
    Random,
    #[error("it cannot be serialized: {0}")]
    Serialize(wasmtime::Error),
}

impl Cache {
    pub(crate) fn new(folder: PathBuf) -> Self {
        let mut key_file = folder.clone().into_os_string();
        key_file.push(".key");
        Self { folder, key_file: key_file.into() }
    }

    /// Returns the component of this name; `None` if it does not exist or is not as this node wrote it.
    pub(crate) fn load(&self, engine: &Engine, name: &str) -> Option<Component> {
        let file = self.folder.join(name);
        let kept = fs::read(&file).ok()?;
        let loaded = self.key().map_err(|error| error.to_string()).and_then(|key| {
            let (mac, code) = kept.split_at_checked(MAC_BYTES).ok_or("it is too short")?;
            hmac::verify(&key, &signed(name, code), mac).map_err(|_| "this node did not write it")?;
            deserialize(engine, code).map_err(|error| format!("{error:#}"))
        });
        match loaded {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(file = %file.display(), error, "compiled connector not used; compiling again");
                None
            }
        }
    }

    /// Stores a component under this name.
    pub(crate) fn keep(&self, component: &Component, name: &str) -> Result<(), CacheError> {
        files::create_folder(&self.folder)?;
        let key = match self.key() {
            Err(CacheError::File(error)) if error.is_missing() => self.make_key()?,
            known => known?,
        };
        let code = component.serialize().map_err(CacheError::Serialize)?;
        let mac = hmac::sign(&key, &signed(name, &code));
        let path = self.folder.join(name);
        let mut file = files::replace(&path)?;
        file.write_all(mac.as_ref()).and_then(|()| file.write_all(&code)).map_err(|error| wrong(&path, error))?;
        Ok(file.commit()?)
    }

    fn key(&self) -> Result<hmac::Key, CacheError> {
        let bytes = files::read_secret_bytes(&self.key_file)?;
        if bytes.len() != MAC_BYTES {
            return Err(CacheError::Key { path: self.key_file.clone() });
        }
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    }

    fn make_key(&self) -> Result<hmac::Key, CacheError> {
        let mut bytes = [0; MAC_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| CacheError::Random)?;
        let mut file = files::replace(&self.key_file)?;
        file.write_all(&bytes).map_err(|error| wrong(&self.key_file, error))?;
        file.commit()?;
        // Of two processes that start together, both use the key that was written last.
        self.key()
    }
}

fn wrong(path: &Path, source: std::io::Error) -> FileError {
    FileError::Unwritable { path: path.to_owned(), source }
}

/// Returns the bytes that the MAC covers. A name has a fixed length, so no part of the code can be taken for a part of
/// it.
fn signed(name: &str, code: &[u8]) -> Vec<u8> {
    [name.as_bytes(), code].concat()
}

#[expect(unsafe_code, reason = "compiled code cannot be checked; see the comment")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: this node wrote these bytes under this name: the caller has checked their MAC.
    unsafe { Component::deserialize(engine, code) }
}
