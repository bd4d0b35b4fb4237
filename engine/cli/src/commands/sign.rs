//! Signs votes with the voter's SSH key. `ssh-keygen` signs: it supports passphrases, agents and security keys.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use clawback_model::{Signed, Timestamp, VOTE_NAMESPACE, VoteSignature, VoteStatement};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::failure::Failure;

/// The time of a statement that is signed now.
pub(crate) fn now() -> Timestamp {
    use clawback_model::Clock as _;
    crate::open::SystemClock.now().in_whole(Duration::from_secs(1))
}

/// The signature of a statement by this key.
pub(crate) async fn sign(key: &Path, statement: &VoteStatement<'_>) -> Result<VoteSignature, Failure> {
    let failed = |error: std::io::Error| {
        Failure::failed(format!("`ssh-keygen` cannot be run: {error}"))
            .hint("install the client of OpenSSH (openssh-client), or vote on the page with a passkey")
    };
    let mut child = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", VOTE_NAMESPACE, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    // `ssh-keygen` exits before it reads if it cannot use the key.
    if let Some(mut stdin) = child.stdin.take() {
        _ = stdin.write_all(statement.to_string().as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    let signature = String::from_utf8(output.stdout).unwrap_or_default();
    if !output.status.success() || signature.is_empty() {
        return Err(Failure::failed(format!("the vote was not signed with {}, and not cast", key.display()))
            .hint("`ssh-keygen` says above why; `--key` names the file of an SSH key"));
    }
    Ok(VoteSignature { at: statement.at, made: Signed::Ssh { signature } })
}
