//! Principals, tokens, pauses of schedules, ends of sweeps and the halt as the events of the site tell of them, beside the tables.

use std::collections::{BTreeMap, BTreeSet};

use clawback_model::{Digest, Halt, Link, PrincipalKind, Role, SweepEnd};

use super::found::{Found, VerifyError};
use crate::dialect::Tx;
use crate::halts;
use crate::principals::{SiteEvent, scope};
use crate::remediations::{json, word};

/// Digest, created, expires, revoked, scope.
type Token = (String, i64, Option<i64>, Option<i64>, Option<Vec<Role>>);

/// The fold of the site's events.
#[derive(Debug, Default)]
pub(super) struct Site {
    /// Kind, roles.
    principals: BTreeMap<String, (PrincipalKind, Vec<Role>)>,
    /// By principal and label.
    tokens: BTreeMap<(String, String), Token>,
    /// Digests of password hashes, by principal.
    passwords: BTreeMap<String, Digest>,
    /// Issuer and subject, by principal.
    identities: BTreeMap<String, (String, String)>,
    /// Schedules that are paused.
    paused: BTreeSet<String>,
    /// Sweeps that ended, by the first remediation.
    swept: BTreeMap<String, SweepEnd>,
    halt: Option<Halt>,
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
            SiteEvent::TokenAdded { principal, label, digest, expires_at, scope } => {
                let expires = expires_at.map(|at| at.0);
                self.tokens.insert((principal, label), (digest.to_string(), link.at.0, expires, None, scope));
            }
            SiteEvent::PasswordSet { principal, digest } => _ = self.passwords.insert(principal, digest),
            SiteEvent::IdentityLinked { principal, issuer, subject } => {
                self.identities.insert(principal, (issuer, subject));
            }
            SiteEvent::EvidenceRead { .. } | SiteEvent::MessageRead { .. } => {}
            SiteEvent::MessagesRemoved { remediation, .. } => _ = self.removed.insert(remediation, link.seq),
            SiteEvent::TokenRevoked { principal, label } => {
                if let Some(known) = self.tokens.get_mut(&(principal, label)) {
                    known.3 = Some(link.at.0);
                }
            }
            SiteEvent::SchedulePaused { name } => _ = self.paused.insert(name),
            SiteEvent::ScheduleResumed { name } => _ = self.paused.remove(&name),
            SiteEvent::SweepEnded { remediation, why } => _ = self.swept.insert(remediation.to_string(), why),
            SiteEvent::Halted { reason } => {
                self.halt = Some(Halt { by: link.actor.clone(), reason, since: link.at });
            }
            SiteEvent::Unhalted => self.halt = None,
        }
        Ok(())
    }

    /// Compares it with the tables. Gives the remediations whose messages were removed.
    pub(super) async fn compare(mut self, tx: &mut Tx) -> Result<BTreeSet<String>, VerifyError> {
        self.compare_schedules(tx).await?;
        self.compare_sweeps(tx).await?;
        self.compare_sign_in(tx).await?;
        if halts::standing(tx).await? != self.halt {
            return Err(Found::Halt.into());
        }
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
        let sql = "SELECT principal, label, digest, created_at, expires_at, revoked_at, scope FROM tokens \
                   ORDER BY principal, label";
        for row in tx.rows(sql, &[]).await? {
            let key = (row.string(0)?, row.string(1)?);
            let stored = (row.string(2)?, row.int(3)?, row.opt_int(4)?, row.opt_int(5)?, scope(&row, 6)?);
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

    async fn compare_schedules(&mut self, tx: &mut Tx) -> Result<(), VerifyError> {
        for row in tx.rows("SELECT name FROM schedules WHERE paused = 1 ORDER BY name", &[]).await? {
            let name = row.string(0)?;
            if !self.paused.remove(&name) {
                return Err(Found::Schedule { name }.into());
            }
        }
        if let Some(name) = self.paused.pop_first() {
            return Err(Found::Schedule { name }.into());
        }
        // Run by a schedule, or nothing at all: the request in the chain says which.
        let sql = "SELECT s.schedule, s.fire_at, s.remediation_id FROM slots s \
                   JOIN remediations r ON r.id = s.remediation_id WHERE r.action_source <> 'schedule' LIMIT 1";
        if let Some(row) = tx.row(sql, &[]).await? {
            let (name, at, remediation) = (row.string(0)?, row.time(1)?, row.string(2)?);
            return Err(Found::Slot { name, at, remediation }.into());
        }
        Ok(())
    }

    async fn compare_sign_in(&mut self, tx: &mut Tx) -> Result<(), VerifyError> {
        for row in tx.rows("SELECT principal, password FROM accounts ORDER BY principal", &[]).await? {
            let principal = row.string(0)?;
            if self.passwords.remove(&principal) != Some(Digest::of(row.text(1)?.as_bytes())) {
                return Err(Found::SignIn { principal }.into());
            }
        }
        for row in tx.rows("SELECT principal, issuer, subject FROM identities ORDER BY principal", &[]).await? {
            let principal = row.string(0)?;
            if self.identities.remove(&principal) != Some((row.string(1)?, row.string(2)?)) {
                return Err(Found::SignIn { principal }.into());
            }
        }
        let left = self.passwords.pop_first().map(|(name, _)| name);
        match left.or_else(|| self.identities.pop_first().map(|(name, _)| name)) {
            Some(principal) => Err(Found::SignIn { principal }.into()),
            None => Ok(()),
        }
    }

    async fn compare_sweeps(&mut self, tx: &mut Tx) -> Result<(), VerifyError> {
        let sql = "SELECT first_id, ended FROM sweeps WHERE ended IS NOT NULL ORDER BY first_id";
        for row in tx.rows(sql, &[]).await? {
            let remediation = row.string(0)?;
            if self.swept.remove(&remediation).is_none_or(|why| json(&why) != row.text(1).unwrap_or_default()) {
                return Err(Found::Sweep { remediation }.into());
            }
        }
        match self.swept.pop_first() {
            Some((remediation, _)) => Err(Found::Sweep { remediation }.into()),
            None => Ok(()),
        }
    }
}
