//! A proof of a remediation's events that can be checked without this program, the database or a network: the events as
//! they are hashed, the path of each to the root of the tree, and the root as a signed checkpoint.
//!
//! It proves that each event in it is part of the signed history. Only the whole history shows that no event between
//! them is left out.

use clawback_model::{Digest, Note};
use clawback_store::{Entry, Proven};
use data_encoding::BASE64;
use serde::Serialize;

use super::site_key::SiteKey;

/// The file that `clawback proof` writes. Its fields are stable; `tests/verify_proof.py` checks it.
#[derive(Debug, Clone, Serialize)]
pub struct Proof {
    format: &'static str,
    remediation: String,
    events: Vec<ProvenEvent>,
    #[serde(serialize_with = "as_text")]
    checkpoint: Note,
    /// For convenience only: a check must use a key from another source.
    key: String,
}

/// What is hashed of an event, see [`clawback_model::link_hash`], and the hashes of its path to the root in base64.
#[derive(Debug, Clone, Serialize)]
struct ProvenEvent {
    seq: i64,
    at: i64,
    remediation: String,
    actor: String,
    kind: String,
    body: String,
    previous: Digest,
    proof: Vec<String>,
}

impl Proof {
    /// Joins the events with the checkpoint of their tree and all its signatures.
    pub fn new(remediation: String, proven: Proven, checkpoint: Note, key: &SiteKey) -> Self {
        let events = proven.events.into_iter().map(|(entry, proof)| ProvenEvent::new(entry, &proof)).collect();
        Self { format: "clawback-proof/1", remediation, events, checkpoint, key: key.public().to_string() }
    }
}

fn as_text<S: serde::Serializer>(note: &Note, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(note)
}

impl ProvenEvent {
    fn new(Entry { link, .. }: Entry, proof: &[Digest]) -> Self {
        Self {
            seq: link.seq,
            at: link.at.0,
            remediation: link.remediation.unwrap_or_default(),
            actor: link.actor,
            kind: link.kind,
            body: link.body,
            previous: link.previous,
            proof: proof.iter().map(|hash| BASE64.encode(&hash.0)).collect(),
        }
    }
}
