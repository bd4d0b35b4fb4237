//! Votes and their signatures.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::sha256::PlanDigest;

/// Approve or reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Decision {
    Approve,
    Reject,
}

/// One principal's vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Vote {
    /// The voter.
    pub by: String,
    /// The decision.
    pub decision: Decision,
    /// The digest of the plan that the voter saw.
    pub digest: PlanDigest,
    /// The reason, in the voter's words.
    pub comment: Option<String>,
    /// The time of the vote.
    pub at: Timestamp,
    /// The signature of the voter's key, if it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<VoteSignature>,
}

/// A signature of a [`VoteStatement`](crate::VoteStatement).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VoteSignature {
    /// The time in the statement, in whole seconds.
    pub at: Timestamp,
    /// The signature, by the kind of key.
    pub made: Signed,
}

/// A signature by the kind of key that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Signed {
    /// By an SSH key.
    Ssh {
        /// In the armoured form of OpenSSH (`PROTOCOL.sshsig`, section 1).
        signature: String,
    },
    /// By a passkey: the answer of `navigator.credentials.get` (`WebAuthn` level 2, section 5.2.2), all parts in
    /// base64url without padding. The challenge is the SHA-256 of the statement.
    Passkey {
        /// The ID of the credential.
        credential: String,
        /// The authenticator data (section 6.1).
        authenticator_data: String,
        /// The client data in JSON (section 5.8.1).
        client_data: String,
        /// The signature (section 6.5.6).
        signature: String,
    },
}

impl fmt::Display for Signed {
    /// Formats the kind of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ssh { .. } => "an SSH key",
            Self::Passkey { .. } => "a passkey",
        })
    }
}
