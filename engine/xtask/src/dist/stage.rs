//! A folder that becomes a package: its files have the modes that are asked for, whatever the umask, and one time.

use std::error::Error;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The mode of a file that is read.
pub(super) const READ: u32 = 0o644;
/// The mode of a file that is run, and of a folder.
pub(super) const RUN: u32 = 0o755;

/// The folder.
#[derive(Debug)]
pub(super) struct Stage {
    folder: PathBuf,
}

impl Stage {
    pub(super) fn new(folder: &Path) -> Result<Self, Box<dyn Error>> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file.
    pub(super) fn put(&self, place: &str, bytes: &[u8], mode: u32) -> Result<(), Box<dyn Error>> {
        let path = self.folder.join(place);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        fs::write(&path, bytes)?;
        Ok(fs::set_permissions(&path, Permissions::from_mode(mode))?)
    }

    /// Its files, sorted, by their paths from the folder.
    pub(super) fn files(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let all = below(&self.folder)?;
        let files = all.iter().filter(|path| path.is_file());
        files.map(|path| Ok(path.strip_prefix(&self.folder)?.to_string_lossy().into_owned())).collect()
    }

    /// Gives every file this time, in seconds since 1970, and every folder its mode.
    pub(super) fn finish(&self, epoch: u64) -> Result<(), Box<dyn Error>> {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(epoch);
        for path in below(&self.folder)?.iter().chain([&self.folder]) {
            if path.is_dir() {
                fs::set_permissions(path, Permissions::from_mode(RUN))?;
            }
            File::open(path)?.set_modified(time)?;
        }
        Ok(())
    }
}

/// Everything below a folder, sorted.
fn below(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(below(&path)?);
        }
        found.push(path);
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_modes_and_the_time_that_they_are_given() {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage::new(&folder.path().join("stage")).unwrap();
        stage.put("b/run", b"x", RUN).unwrap();
        stage.put("a", b"x", READ).unwrap();
        stage.finish(86_400).unwrap();
        assert_eq!(stage.files().unwrap(), ["a", "b/run"]);
        for (place, mode) in [("a", READ), ("b/run", RUN), ("b", RUN)] {
            let meta = fs::metadata(stage.folder().join(place)).unwrap();
            assert_eq!(meta.permissions().mode() & 0o777, mode, "{place}");
            assert_eq!(meta.modified().unwrap(), SystemTime::UNIX_EPOCH + Duration::from_hours(24), "{place}");
        }
    }
}
