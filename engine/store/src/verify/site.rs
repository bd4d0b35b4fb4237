//! Principals and tokens as the events of the site tell of them, beside those in the tables.

use std::collections::{BTreeMap, BTreeSet};

use clawback_model::{Link, PrincipalKind, Role};

use super::found::{Found, VerifyError};
use crate::dialect::Tx;
use crate::principals::SiteEvent;
use crate::remediations::word;

/// Digest, created, expires, revoked.
type Token = (String, i64, Option<i64>, Option<i64>);

/// The fold of the site's events.
#[derive(Debug, Default)]
pub(super) struct Site {
    /// Kind, roles.
    principals: BTreeMap<String, (PrincipalKind, Vec<Role>)>,
    /// By principal and label.
    tokens: BTreeMap<(String, String), Token>,
    /// Remediations whose messages were removed, with the number of the event.
    removed: BTreeMap<String, i64>,
}

impl Site {
    /// Adds an event; those of remediations are not its business.
    pub(super) fn add(&mut self, link: &Link) -> Result<(), VerifyError> {
        if link.remediation.is_some() {
            return Ok(());
        }
        let event = serde_json::from_str(&link.body)
            .map_err(|error| Found::EventUnreadable { seq: link.seq, detail: error.to_string() })?;
        match event {
            SiteEvent::PrincipalAdded { name, kind, roles } => _ = self.principals.insert(name, (kind, roles)),
            SiteEvent::RolesChanged { name, roles } => {
                if let Some(known) = self.principals.get_mut(&name) {
                    known.1 = roles;
                }
            }
            SiteEvent::TokenAdded { principal, label, digest, expires_at } => {
                let expires = expires_at.map(|at| at.0);
                self.tokens.insert((principal, label), (digest.to_string(), link.at.0, expires, None));
            }
            SiteEvent::EvidenceRead { .. } => {}
            SiteEvent::MessagesRemoved { remediation, .. } => _ = self.removed.insert(remediation, link.seq),
            SiteEvent::TokenRevoked { principal, label } => {
                if let Some(known) = self.tokens.get_mut(&(principal, label)) {
                    known.3 = Some(link.at.0);
                }
            }
        }
        Ok(())
    }

    /// Compares it with the tables. Gives the remediations whose messages were removed.
    pub(super) async fn compare(mut self, tx: &mut Tx) -> Result<BTreeSet<String>, VerifyError> {
        for row in tx.rows("SELECT name, kind, roles FROM principals ORDER BY name", &[]).await? {
            let name = row.string(0)?;
            let roles: Result<Vec<Role>, _> = serde_json::from_str(&row.text(2)?);
            let same = self.principals.remove(&name).is_some_and(|known| {
                row.text(1).is_ok_and(|kind| kind == word(&known.0)) && roles.is_ok_and(|roles| roles == known.1)
            });
            if !same {
                return Err(Found::Principal { name }.into());
            }
        }
        if let Some((name, _)) = self.principals.pop_first() {
            return Err(Found::Principal { name }.into());
        }
        let sql =
            "SELECT principal, label, digest, created_at, expires_at, revoked_at FROM tokens ORDER BY principal, label";
        for row in tx.rows(sql, &[]).await? {
            let key = (row.string(0)?, row.string(1)?);
            let stored = (row.string(2)?, row.int(3)?, row.opt_int(4)?, row.opt_int(5)?);
            if self.tokens.remove(&key) != Some(stored) {
                return Err(Found::Token { principal: key.0, label: key.1 }.into());
            }
        }
        if let Some(((principal, label), _)) = self.tokens.pop_first() {
            return Err(Found::Token { principal, label }.into());
        }
        let sql =
            "SELECT r.id, x.event FROM removals x JOIN remediations r ON r.number = x.remediation ORDER BY r.number";
        let mut unknown = self.removed.clone();
        for row in tx.rows(sql, &[]).await? {
            let remediation = row.string(0)?;
            if unknown.remove(&remediation) != Some(row.int(1)?) {
                return Err(Found::Removal { remediation }.into());
            }
        }
        match unknown.pop_first() {
            Some((remediation, _)) => Err(Found::Removal { remediation }.into()),
            None => Ok(self.removed.into_keys().collect()),
        }
    }
}
