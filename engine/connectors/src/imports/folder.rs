//! The import `folder`. File systems block, so each operation runs on a blocking thread.

use crate::granted::folder::GrantedFolder;
use crate::granted::listing::{Entry, EntryKind, FolderError};
use crate::imports::bindings::clawback::mail_store::folder;
use crate::imports::guest::Guest;

type Answer<R> = wasmtime::Result<Result<R, folder::FolderError>>;

impl folder::Host for Guest {
    async fn list(&mut self, path: String) -> Answer<Vec<folder::Entry>> {
        Ok(self.blocking(move |folder| folder.list(&path).map(entries_to_wit)).await)
    }

    async fn list_after(&mut self, path: String, after: String, most: u32) -> Answer<Vec<folder::Entry>> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(self.blocking(move |folder| folder.list_after(&path, &after, most).map(entries_to_wit)).await)
    }

    async fn list_named(&mut self, path: String, starts: Vec<String>) -> Answer<Vec<folder::Entry>> {
        Ok(self.blocking(move |folder| folder.list_named(&path, &starts).map(entries_to_wit)).await)
    }

    async fn read_heads(&mut self, paths: Vec<String>, most: u32) -> Answer<Vec<Result<Vec<u8>, folder::FolderError>>> {
        let limits = self.grants.limits;
        let most = u64::from(most.min(limits.read_bytes));
        let heads = self.blocking(move |folder| folder.read_heads(&paths, most, limits.bulk_bytes)).await;
        Ok(heads.map(|heads| heads.into_iter().map(|head| head.map_err(Into::into)).collect()))
    }

    async fn read(&mut self, path: String, offset: u64, most: u32) -> Answer<Vec<u8>> {
        let most = u64::from(most.min(self.grants.limits.read_bytes));
        Ok(self.blocking(move |folder| folder.read(&path, offset, most)).await)
    }

    async fn stat(&mut self, path: String) -> Answer<folder::Entry> {
        Ok(self.blocking(move |folder| folder.stat(&path)).await.map(Into::into))
    }

    async fn rename(&mut self, from: String, to: String) -> Answer<()> {
        let renamed = self.blocking(move |folder| folder.rename(&from, &to)).await;
        Ok(renamed.map(|changed| self.unsynced.extend(changed)))
    }

    async fn create_dir(&mut self, path: String) -> Answer<()> {
        let made = self.blocking(move |folder| folder.create_dir(&path)).await;
        Ok(made.map(|changed| self.unsynced.extend(changed)))
    }

    async fn remove_file(&mut self, path: String) -> Answer<()> {
        let removed = self.blocking(move |folder| folder.remove_file(&path)).await;
        Ok(removed.map(|changed| self.unsynced.extend(changed)))
    }

    async fn is_writable(&mut self, path: String) -> Answer<bool> {
        Ok(self.blocking(move |folder| folder.is_writable(&path)).await)
    }
}

impl Guest {
    async fn blocking<R: Send + 'static>(
        &mut self,
        operation: impl FnOnce(&GrantedFolder) -> Result<R, FolderError> + Send + 'static,
    ) -> Result<R, folder::FolderError> {
        let Some(folder) = self.grants.folder.clone() else {
            return Err(folder::FolderError::Denied("this store was granted no directory".into()));
        };
        match tokio::task::spawn_blocking(move || operation(&folder)).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(folder::FolderError::Other("the operation was cancelled".into())),
        }
    }
}

fn entries_to_wit(entries: Vec<Entry>) -> Vec<folder::Entry> {
    entries.into_iter().map(folder::Entry::from).collect()
}

impl From<Entry> for folder::Entry {
    fn from(entry: Entry) -> Self {
        let kind = match entry.kind {
            EntryKind::File => folder::EntryKind::File,
            EntryKind::Dir => folder::EntryKind::Dir,
            EntryKind::Other => folder::EntryKind::Other,
        };
        Self { name: entry.name, kind, size: entry.size, modified: entry.modified }
    }
}

impl From<FolderError> for folder::FolderError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::NotFound => Self::NotFound,
            FolderError::Denied(why) => Self::Denied(why),
            FolderError::Exists => Self::Exists,
            FolderError::Other(why) => Self::Other(why),
        }
    }
}
