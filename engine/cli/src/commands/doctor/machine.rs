//! Checks of the machine: files that others cannot read, and free space on the disk.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clawback_model::{Clock as _, SignedVotes};

use crate::config::Config;
use crate::failure::{Failure, chain};

/// Free bytes below which work is in danger: a remediation of 200,000 messages takes about 200 MB of history.
const ROOM: u64 = 1 << 30;

/// An example of the file of approvers' keys.
const KEYS: &str =
    "it has a line for each approver: their name and the public key of their SSH key, or the line of their passkey";

type Found = (String, Result<String, Failure>);

/// Files and folders with secrets or mail. Credentials of stores are checked when these are tested.
pub(super) fn permissions(config: &Config) -> Vec<Found> {
    let mut private: Vec<(&str, PathBuf)> = vec![("token file", config.resolve(&config.token_file))];
    private.extend(database_file(config).map(|path| ("database file", path)));
    private.extend(config.evidence_folder().map(|path| ("evidence folder", path)));
    let buckets = [config.bucket(), config.head_bucket()].into_iter().flatten();
    private.extend(buckets.filter_map(|bucket| bucket.credentials_file).map(|path| ("credentials file", path)));
    let there = private.into_iter().filter(|(_, path)| path.exists());
    let policy = [("playbooks folder", &config.workflows), ("scripts folder", &config.scripts)];
    let policy = policy.map(|(name, path)| (name, config.resolve(path)));
    let decide = policy.iter().filter(|(_, path)| path.exists());
    there
        .map(|(name, path)| (name.to_owned(), owners_alone(&path)))
        .chain(decide.map(|(name, path)| ((*name).to_owned(), nobody_else_writes(path))))
        .chain(
            config.holds_a_password.then(|| ("configuration with a password".to_owned(), owners_alone(&config.file))),
        )
        .collect()
}

/// Which votes must be signed, and whose keys count; `None` where the configuration names no file of keys.
pub(super) fn signed_votes(config: &Config) -> Option<Result<String, Failure>> {
    let rules = config.vote_rules();
    rules.keys.as_ref()?;
    let asked = match rules.required {
        SignedVotes::Optional => "optional",
        SignedVotes::HardDeletes => "hard deletes",
        SignedVotes::Always => "always",
    };
    let said = rules.approvers().map_err(|error| Failure::failed(chain(&error)).hint(KEYS)).and_then(|approvers| {
        let people = approvers.people(crate::open::SystemClock.now()).into_iter().collect::<Vec<_>>().join(", ");
        if people.is_empty() && rules.required != SignedVotes::Optional {
            return Err(Failure::failed(format!("{asked}, and no key holds now: nothing can be approved")).hint(KEYS));
        }
        Ok(format!("{asked}, keys of {}", clawback_model::visible(&people)))
    });
    Some(said)
}

/// A folder of playbooks or scripts, and everything in it.
fn nobody_else_writes(folder: &Path) -> Result<String, Failure> {
    clawback_files::check_policy(folder)?;
    for entry in std::fs::read_dir(folder)? {
        clawback_files::check_policy(&entry?.path())?;
    }
    Ok(format!("{}, nobody else can change it", folder.display()))
}

fn owners_alone(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let found = std::fs::metadata(path).map_err(|error| Failure::failed(format!("{shown}: {error}")))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let right = if found.is_dir() { "700" } else { "600" };
        return Err(Failure::failed(format!("{shown} can be used by other users of this machine (mode {mode:o})"))
            .hint(format!("chmod {right} {shown}")));
    }
    Ok(format!("{shown}, its owner's alone"))
}

/// Free space for the history, for evidence and for compiled connectors; each disk once.
pub(super) fn room(config: &Config) -> Vec<Found> {
    let mut folders = vec![config.resolve(&config.cache)];
    folders.extend(database_file(config));
    folders.extend(config.evidence_folder());
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for folder in folders.iter().filter_map(|path| path.ancestors().find(|path| path.is_dir())) {
        match rustix::fs::statvfs(folder) {
            Ok(disk) if seen.contains(&disk.f_fsid) => {}
            Ok(disk) => {
                seen.push(disk.f_fsid);
                found.push(("disk".to_owned(), enough(folder, disk.f_bavail.saturating_mul(disk.f_frsize))));
            }
            Err(error) => {
                let failure = Failure::failed(format!("{}: {error}", folder.display()));
                found.push(("disk".to_owned(), Err(failure)));
            }
        }
    }
    found
}

/// Whether a phishing simulation can be recognised. A header alone proves nothing.
pub(super) fn simulations(config: &Config) -> Result<String, Failure> {
    let simulations = &config.investigations.simulations;
    if simulations.is_without_proof() {
        return Err(Failure::failed("[investigations.simulations] recognises no message, as anybody can write a header")
            .hint("name the vendor's addresses in `networks`, or the domains that it signs your simulations with in `domains`"));
    }
    if simulations.networks.is_empty() && config.examination.authentication_servers.is_empty() {
        return Err(Failure::failed(
            "[investigations.simulations] recognises no message, as no server is trusted to verify a signature",
        )
        .hint(
            "name the server in `authentication-servers` under [examination], or the vendor's addresses in `networks`",
        ));
    }
    let vendors = match simulations.vendors.as_slice() {
        [] => "every vendor of the shipped list".to_owned(),
        named => named.join(", "),
    };
    Ok(format!("recognised: {vendors}"))
}

fn enough(folder: &Path, free: u64) -> Result<String, Failure> {
    let said = format!("{} MB free beneath {}", free >> 20, folder.display());
    if free < ROOM {
        return Err(
            Failure::failed(said).hint("make room: a full disk stops work (nothing is lost), 1 GB is the least")
        );
    }
    Ok(said)
}

fn database_file(config: &Config) -> Option<PathBuf> {
    config.database_url().strip_prefix("sqlite:").map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_wrong() {
        assert!(enough(Path::new("/"), ROOM).is_ok());
        assert!(enough(Path::new("/"), ROOM - 1).is_err());
    }
}
