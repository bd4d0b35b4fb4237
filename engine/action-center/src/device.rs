//! Browsers in which an account has signed in. Their cookie proves only that: with it a password may be tried without
//! waiting for the tries of strangers. It is valid as long as the password that it was issued for, is in no database,
//! and any node can check it.

use axum::http::{HeaderMap, HeaderValue};
use clawback_model::Digest;
use clawback_runtime::NewToken;

use crate::center::Center;
use crate::cookies::{cookie, set_cookie};

/// Seconds that the cookie is kept: the most that browsers accept (RFC 6265bis, section 5.5).
const KEPT: u64 = 400 * 24 * 60 * 60;
/// Longest cookie that is read.
const LONGEST: usize = 200;

/// A browser that the owner of an account has signed in with.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    id: String,
    proof: Digest,
}

fn name(center: &Center) -> &'static str {
    if center.settings().secure { "__Host-clawback-device" } else { "clawback-device" }
}

/// The proof in the cookie. It takes the hash of the password, which no browser knows, to make it.
fn proof(id: &str, principal: &str, password: &str) -> Digest {
    Digest::of(format!("device {id} of {principal} with {password}").as_bytes())
}

impl Device {
    /// The device cookie of these headers, if it is well-formed. It may prove nothing.
    pub(crate) fn shown(center: &Center, headers: &HeaderMap) -> Option<Self> {
        let text = cookie(headers, name(center)).filter(|text| text.len() <= LONGEST)?;
        let (id, proof) = text.split_once('.')?;
        Some(Self { id: id.to_owned(), proof: proof.parse().ok()? })
    }

    /// Whether it was issued for this account, with the hash of its password.
    pub(crate) fn is_of(&self, principal: &str, password: &str) -> bool {
        self.proof == proof(&self.id, principal, password)
    }

    /// A device for a browser without one.
    pub(crate) fn new(center: &Center, principal: &str, password: &str) -> Self {
        let id = NewToken::generate(center.site().random).reveal().to_owned();
        let proof = proof(&id, principal, password);
        Self { id, proof }
    }

    /// Identifies the device.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The cookie to set.
    pub(crate) fn keep(&self, center: &Center) -> HeaderValue {
        set_cookie(center, name(center), &format!("{}.{}", self.id, self.proof), KEPT)
    }
}
