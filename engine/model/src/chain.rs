//! The hash chain that makes the action history tamper-evident.

use sha2::{Digest as _, Sha256};

use crate::clock::Timestamp;
use crate::outcome::Outcome;
use crate::sha256::Digest;

/// One entry of the history as it is hashed. `body` is the event's JSON exactly as stored; verification does not
/// re-encode it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The position in the chain, from 1, without gaps.
    pub seq: i64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The remediation it belongs to; `None` for site events.
    pub remediation: Option<String>,
    /// The actor: a principal's name, or `automation`.
    pub actor: String,
    /// The event's kind.
    pub kind: String,
    /// The event as JSON.
    pub body: String,
    /// The hash of the previous link; zero for the first.
    pub previous: Digest,
}

/// Returns the hash of a link: sha256 over every field, each preceded by its length.
pub fn link_hash(link: &Link) -> Digest {
    let mut hash = Sha256::new();
    hash.update(b"clawback event 1");
    hash.update(link.previous.0);
    hash.update(link.seq.to_be_bytes());
    hash.update(link.at.0.to_be_bytes());
    for text in [link.remediation.as_deref().unwrap_or(""), &link.actor, &link.kind, &link.body] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    Digest(hash.finalize().into())
}

/// Returns the digest of a batch's outcome rows in order of `seq`, as the batch's event carries it. A change of any row
/// changes it.
pub fn fold_outcomes<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Digest {
    let mut hasher = OutcomeHasher::new();
    for outcome in outcomes {
        let receipt = outcome.receipt.as_ref().map(|receipt| serde_json::to_string(receipt).expect("texts serialize"));
        let texts = [
            outcome.kind.as_str(),
            outcome.reason.as_str(),
            outcome.detail.as_deref().unwrap_or(""),
            receipt.as_deref().unwrap_or(""),
        ];
        hasher.add_row(outcome.seq, outcome.batch, outcome.recorded_at, texts);
    }
    hasher.finish()
}

/// Computes the digest of outcome rows as a stream.
#[derive(Debug)]
pub struct OutcomeHasher {
    hash: Sha256,
    line: Vec<u8>,
}

impl OutcomeHasher {
    /// Starts the digest with no rows.
    pub fn new() -> Self {
        let mut hash = Sha256::new();
        hash.update(b"clawback outcomes 1");
        Self { hash, line: Vec::with_capacity(512) }
    }

    /// Adds a row as it is stored: `texts` are kind, reason, detail and receipt; the last two are empty if there is
    /// none.
    pub fn add_row(&mut self, seq: u32, batch: Option<u32>, at: Timestamp, texts: [&str; 4]) {
        self.line.clear();
        self.line.extend_from_slice(&seq.to_be_bytes());
        self.line.extend_from_slice(&batch.unwrap_or(u32::MAX).to_be_bytes());
        self.line.extend_from_slice(&at.0.to_be_bytes());
        for text in texts {
            self.line.extend_from_slice(&(text.len() as u64).to_be_bytes());
            self.line.extend_from_slice(text.as_bytes());
        }
        self.hash.update(&self.line);
    }

    /// Returns the digest.
    pub fn finish(self) -> Digest {
        Digest(self.hash.finalize().into())
    }
}

impl Default for OutcomeHasher {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::{Location, LocationKind};
    use crate::outcome::{OutcomeKind, Reason, Receipt, RestorePoint};

    fn link() -> Link {
        Link {
            seq: 7,
            at: Timestamp(1),
            remediation: Some("R-0".into()),
            actor: "ann".into(),
            kind: "voted".into(),
            body: "{}".into(),
            previous: Digest([9; 32]),
        }
    }

    #[test]
    fn every_field_counts() {
        let base = link_hash(&link());
        let changes: [fn(&mut Link); 7] = [
            |link| link.seq += 1,
            |link| link.at.0 += 1,
            |link| link.remediation = None,
            |link| link.actor.push('x'),
            |link| link.kind.push('x'),
            |link| link.body.push(' '),
            |link| link.previous.0[0] ^= 1,
        ];
        for change in changes {
            let mut other = link();
            change(&mut other);
            assert_ne!(link_hash(&other), base);
        }
    }

    #[test]
    fn digests_are_read_as_written() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("xyz".parse::<Digest>().is_err());
    }

    #[test]
    fn people_see_the_first_twelve_digits() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.short(), "ba7816bf8f01");
        assert_eq!(format!("{digest:?}"), "Digest(ba7816bf8f01)");
        assert_eq!(String::from(digest), digest.to_string());
        assert_eq!(Digest::try_from(digest.to_string().to_uppercase()), Ok(digest));
    }

    fn outcome() -> Outcome {
        let location = Location::new(LocationKind::Inbox, "INBOX");
        let former = RestorePoint { location, flags: vec!["\\Seen".into()] };
        Outcome {
            seq: 3,
            kind: OutcomeKind::Succeeded,
            reason: Reason::Confirmed,
            detail: Some("done".into()),
            receipt: Some(Receipt { former, now: None, location: None, evidence: None, calendar_entry: None }),
            batch: Some(1),
            recorded_at: Timestamp(5),
        }
    }

    #[test]
    fn every_field_of_an_outcome_and_their_order_count() {
        let base = fold_outcomes([&outcome()]);
        let changes: [fn(&mut Outcome); 9] = [
            |outcome| outcome.seq += 1,
            |outcome| outcome.kind = OutcomeKind::Failed,
            |outcome| outcome.reason = Reason::ConfirmedAfterRestart,
            |outcome| outcome.detail = None,
            |outcome| outcome.receipt = None,
            |outcome| outcome.receipt.as_mut().unwrap().former.flags.clear(),
            |outcome| outcome.batch = Some(2),
            |outcome| outcome.batch = None,
            |outcome| outcome.recorded_at.0 += 1,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut other = outcome();
            change(&mut other);
            assert_ne!(fold_outcomes([&other]), base, "change {number}");
        }
        let other = Outcome { seq: 4, ..outcome() };
        assert_ne!(fold_outcomes([&outcome(), &other]), fold_outcomes([&other, &outcome()]));
        assert_ne!(fold_outcomes([&outcome(), &other]), base, "none may be left out");
        assert_eq!(fold_outcomes([]), OutcomeHasher::default().finish());
    }
}
