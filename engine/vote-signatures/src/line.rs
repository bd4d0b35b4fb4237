//! One line of the approvers' file: the form of OpenSSH's `allowed_signers` (ssh-keygen(1), ALLOWED SIGNERS), or a line
//! for a passkey.

use clawback_model::{Timestamp, VOTE_NAMESPACE};
use ssh_key::PublicKey;

use crate::passkey::Passkey;

/// One key of one person.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// Votes signed before it do not count.
    pub(crate) valid_after: Option<Timestamp>,
    /// Votes signed at or after it do not count.
    pub(crate) valid_before: Option<Timestamp>,
    pub(crate) key: Key,
}

/// A public key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    Ssh(PublicKey),
    Passkey(Passkey),
}

impl Line {
    /// Returns whether a signature of this time counts.
    pub(crate) fn holds_at(&self, at: Timestamp) -> bool {
        self.valid_after.is_none_or(|after| at >= after) && self.valid_before.is_none_or(|before| at < before)
    }

    /// Parses a line that is neither empty nor a comment.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let (name, rest) = match text.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"'),
            None => text.split_once([' ', '\t']),
        }
        .ok_or("a line is `NAME KIND KEY`")?;
        if name.contains(['*', '?', '!', ',']) {
            return Err("a line is for one person: patterns and lists of names are not taken");
        }
        let (valid_after, valid_before, rest) = options(rest.trim_start())?;
        let key = match rest.strip_prefix("passkey ") {
            Some(passkey) => Key::Passkey(Passkey::read(passkey)?),
            None => Key::Ssh(ssh(rest)?),
        };
        Ok(Self { name: name.to_owned(), valid_after, valid_before, key })
    }
}

/// Parses the validity times in the options before a key; returns them and the key.
fn options(rest: &str) -> Result<(Option<Timestamp>, Option<Timestamp>, &str), &'static str> {
    let (mut valid_after, mut valid_before) = (None, None);
    let (first, behind) = rest.split_once(' ').ok_or("the key is missing")?;
    let is_key =
        first == "passkey" || first.starts_with("ssh-") || first.starts_with("ecdsa-") || first.starts_with("sk-");
    if is_key {
        return Ok((valid_after, valid_before, rest));
    }
    for option in first.split(',') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.trim_matches('"');
        match name {
            "namespaces" if value == VOTE_NAMESPACE => {}
            "namespaces" => return Err("the key is for another namespace than `clawback-vote`"),
            "valid-after" => valid_after = Some(time(value)?),
            "valid-before" => valid_before = Some(time(value)?),
            "cert-authority" => return Err("keys of authorities are not taken: give the key of the person"),
            _ => return Err("the options are `namespaces`, `valid-after` and `valid-before`"),
        }
    }
    Ok((valid_after, valid_before, behind.trim_start()))
}

fn ssh(text: &str) -> Result<PublicKey, &'static str> {
    let key: PublicKey = text.trim().parse().map_err(|_| "the key is no SSH public key")?;
    let data = key.key_data();
    let is_p256 = data.ecdsa().is_some_and(|key| key.curve() == ssh_key::EcdsaCurve::NistP256);
    if data.is_ed25519() || data.is_sk_ed25519() || data.is_sk_ecdsa_p256() || is_p256 {
        Ok(key)
    } else {
        Err(
            "keys of this kind are not taken: make one with `ssh-keygen -t ed25519`, or `-t ed25519-sk` on a security key",
        )
    }
}

/// Parses `YYYYMMDDZ` or `YYYYMMDDHHMM[SS]Z`. OpenSSH reads times without `Z` as local ones, which differ between
/// nodes.
fn time(text: &str) -> Result<Timestamp, &'static str> {
    const WRONG: &str = "times are in UTC: `YYYYMMDDZ` or `YYYYMMDDHHMM[SS]Z`";
    let digits =
        text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())).ok_or(WRONG)?;
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or("00");
    if !matches!(digits.len(), 8 | 12 | 14) {
        return Err(WRONG);
    }
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    let (hour, minute, second) = (part(8, 10), part(10, 12), part(12, 14));
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok_or(WRONG)
}
