//! Checks principals, tokens, pauses of schedules, ends of sweeps, shared searches and the halt: the fold of the site's events against
//! the tables.

use std::collections::{BTreeMap, BTreeSet};

use clawback_model::{Digest, Halt, Link, PendingRoles, Principal, Role, Sweep, SweepEnd, Timestamp, Timetable};

use super::found::{Found, VerifyError};
use super::schedules::{self, Scheduled};
use super::shared_searches::SharedSearches;
use crate::database::dialect::Tx;
use crate::history::halts;
use crate::people::principals::{COLUMNS, read};
use crate::people::tokens::scope;
use crate::rows::json;
use crate::site_events::SiteEvent;

/// Digest, created, expires, revoked, scope, issuer.
type Token = (String, i64, Option<i64>, Option<i64>, Option<Vec<Role>>, String);

/// A session in the table: principal, begun, expires, whether at a provider.
type Session = (String, i64, i64, bool);

/// The facts about remediations in the events of the site.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Remediations whose messages were removed, with the number of the event.
    pub(super) removed: BTreeMap<String, i64>,
    /// The sweep settings, by the first remediation.
    pub(super) begun: BTreeMap<String, Sweep>,
    /// The last event before the site's events recorded sweeps and schedules; 0 if they always did.
    pub(super) older: i64,
}

/// A principal, as the fold of the events.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    principal: Principal,
    since: Timestamp,
    /// Whether they have had a credential of their own.
    own: bool,
}

/// The fold of the site's events.
#[derive(Debug, Default)]
pub(super) struct Site {
    principals: BTreeMap<String, Known>,
    /// The tokens, by principal and label.
    tokens: BTreeMap<(String, String), Token>,
    /// The digests of password hashes with their time and issuer, by principal.
    passwords: BTreeMap<String, (Digest, Timestamp, String)>,
    /// The issuer and subject, by principal.
    identities: BTreeMap<String, (String, String)>,
    /// Schedules that are paused.
    paused: BTreeSet<String>,
    /// Sweeps that have ended, by the first remediation.
    swept: BTreeMap<String, SweepEnd>,
    halt: Option<Halt>,
    schedules: BTreeMap<String, Scheduled>,
    /// The searches that are shared.
    searches: SharedSearches,
    /// Sessions in the table whose event was not read yet, by their digest. Sessions that have ended are removed from
    /// the table.
    sessions: BTreeMap<String, Session>,
    pub(super) facts: Facts,
}

impl Site {
    /// Begins before the first event.
    pub(super) async fn begin(tx: &mut Tx) -> Result<Self, VerifyError> {
        let mut site = Self::default();
        let sql = "SELECT digest, principal, created_at, expires_at, at_provider FROM sessions";
        for row in tx.rows(sql, &[]).await? {
            let session = (row.string(1)?, row.int(2)?, row.int(3)?, row.int(4)? == 1);
            site.sessions.insert(row.string(0)?, session);
        }
        Ok(site)
    }

    /// Adds an event; ignores those of remediations.
    pub(super) fn add(&mut self, link: &Link) -> Result<(), VerifyError> {
        if link.remediation.is_some() {
            return Ok(());
        }
        let event = serde_json::from_str(&link.body)
            .map_err(|error| Found::EventUnreadable { seq: link.seq, detail: error.to_string() })?;
        match event {
            SiteEvent::PrincipalAdded { name, kind, roles, owner } => {
                let principal = Principal { owner, ..Principal::new(&name, kind, roles) };
                self.principals.insert(name, Known { principal, since: link.at, own: false });
            }
            SiteEvent::RolesChanged { name, roles } => {
                if let Some(Known { principal, .. }) = self.principals.get_mut(&name) {
                    (principal.roles, principal.pending) = (roles, None);
                }
            }
            SiteEvent::RolesAsked { name, roles, meanwhile, asked_by } => {
                if let Some(Known { principal, .. }) = self.principals.get_mut(&name) {
                    (principal.roles, principal.pending) = (meanwhile, Some(PendingRoles { roles, asked_by }));
                }
            }
            SiteEvent::TokenAdded { principal, label, digest, expires_at, scope, issued_by } => {
                let expires = expires_at.map(|at| at.0);
                let issued_by = issued_by.unwrap_or_else(|| link.actor.clone());
                self.issued(&principal, &issued_by);
                let token = (digest.to_string(), link.at.0, expires, None, scope, issued_by);
                self.tokens.insert((principal, label), token);
            }
            SiteEvent::PasswordSet { principal, digest, password_by } => {
                let by = password_by.unwrap_or_else(|| link.actor.clone());
                self.issued(&principal, &by);
                self.passwords.insert(principal, (digest, link.at, by));
            }
            SiteEvent::IdentityLinked { principal, issuer, subject } => {
                self.issued(&principal, &principal);
                self.identities.insert(principal, (issuer, subject));
            }
            SiteEvent::EvidenceRead { .. } | SiteEvent::MessageRead { .. } => {}
            SiteEvent::MessagesRemoved { remediation, .. } => {
                self.facts.removed.insert(remediation, link.seq);
            }
            SiteEvent::TokenRevoked { principal, label } => {
                if let Some(known) = self.tokens.get_mut(&(principal, label)) {
                    known.3 = Some(link.at.0);
                }
            }
            SiteEvent::SchedulePaused { name } => _ = self.paused.insert(name),
            SiteEvent::ScheduleResumed { name } => {
                if let Some(known) = self.schedules.get_mut(&name) {
                    known.paused_to = Some(link.at);
                }
                self.paused.remove(&name);
            }
            SiteEvent::ScheduleSet { name, timetable } => self.set(name, timetable, link.at),
            SiteEvent::ScheduleRemoved { name } => {
                if let Some(known) = self.schedules.get_mut(&name) {
                    known.removed = true;
                }
            }
            SiteEvent::SweepBegun { remediation, sweep } => _ = self.facts.begun.insert(remediation, sweep),
            SiteEvent::SignedIn { principal, session, expires_at, at_provider } => {
                let begun = (principal, link.at.0, expires_at.0, at_provider);
                if self.sessions.get(&session.to_string()) == Some(&begun) {
                    self.sessions.remove(&session.to_string());
                }
            }
            SiteEvent::Upgraded { .. } => self.facts.older = link.seq,
            SiteEvent::SweepEnded { remediation, why } => _ = self.swept.insert(remediation.to_string(), why),
            SiteEvent::Halted { reason } => {
                self.halt = Some(Halt { by: link.actor.clone(), reason, since: link.at });
            }
            SiteEvent::Unhalted => self.halt = None,
            SiteEvent::SearchShared { search, owner, name, conditions } => {
                self.searches.set(search, (owner, name, conditions));
            }
            SiteEvent::SearchUnshared { search, .. } => self.searches.remove(&search),
        }
        Ok(())
    }

    fn issued(&mut self, principal: &str, by: &str) {
        if let Some(known) = self.principals.get_mut(principal).filter(|_| principal == by) {
            known.own = true;
        }
    }

    /// Applies a timetable: a new or changed one begins now; a schedule that was removed comes back as after a pause.
    fn set(&mut self, name: String, timetable: Timetable, at: Timestamp) {
        let (mut since, mut paused_to, mut whole) = (at, None, self.facts.older == 0);
        if let Some(known) = self.schedules.get(&name) {
            let same = known.timetable == timetable;
            since = if same { known.since } else { at };
            paused_to = if known.removed || !same { Some(at) } else { known.paused_to };
            whole = known.whole || !same;
        }
        self.schedules.insert(name, Scheduled { timetable, since, paused_to, removed: false, whole });
    }

    /// Compares the fold with the tables. Returns the facts about remediations.
    pub(super) async fn compare(mut self, tx: &mut Tx) -> Result<Facts, VerifyError> {
        self.compare_schedules(tx).await?;
        schedules::compare(tx, &self.schedules, self.facts.older).await?;
        if let Some((_, (principal, ..))) = self.sessions.pop_first() {
            return Err(Found::Session { principal }.into());
        }
        self.compare_sweeps(tx).await?;
        self.searches.compare(tx).await?;
        self.compare_sign_in(tx).await?;
        if halts::standing(tx).await? != self.halt {
            return Err(Found::Halt.into());
        }
        let sql = format!("SELECT {COLUMNS}, p.created_at, p.own FROM principals p ORDER BY p.name");
        for row in tx.rows(sql, &[]).await? {
            let name = row.string(0)?;
            let own = row.int(7).is_ok_and(|own| own == 1);
            let stored = read(&row).and_then(|principal| Ok(Known { principal, since: row.time(6)?, own }));
            if stored.ok() != self.principals.remove(&name) {
                return Err(Found::Principal { name }.into());
            }
        }
        if let Some((name, _)) = self.principals.pop_first() {
            return Err(Found::Principal { name }.into());
        }
        let sql = "SELECT principal, label, digest, created_at, expires_at, revoked_at, scope, issued_by FROM tokens \
                   ORDER BY principal, label";
        for row in tx.rows(sql, &[]).await? {
            let key = (row.string(0)?, row.string(1)?);
            let (expires, revoked, scope) = (row.opt_int(4)?, row.opt_int(5)?, scope(&row, 6)?);
            let stored = (row.string(2)?, row.int(3)?, expires, revoked, scope, row.string(7)?);
            if self.tokens.remove(&key) != Some(stored) {
                return Err(Found::Token { principal: key.0, label: key.1 }.into());
            }
        }
        if let Some(((principal, label), _)) = self.tokens.pop_first() {
            return Err(Found::Token { principal, label }.into());
        }
        let sql =
            "SELECT r.id, x.event FROM removals x JOIN remediations r ON r.number = x.remediation ORDER BY r.number";
        let mut unknown = self.facts.removed.clone();
        for row in tx.rows(sql, &[]).await? {
            let remediation = row.string(0)?;
            if unknown.remove(&remediation) != Some(row.int(1)?) {
                return Err(Found::Removal { remediation }.into());
            }
        }
        match unknown.pop_first() {
            Some((remediation, _)) => Err(Found::Removal { remediation }.into()),
            None => Ok(self.facts),
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
        // Runs of a schedule, or rows without a remediation: the request in the chain distinguishes them.
        let sql = "SELECT s.schedule, s.fire_at, s.remediation_id FROM slots s \
                   JOIN remediations r ON r.id = s.remediation_id WHERE r.action_source <> 'schedule' LIMIT 1";
        if let Some(row) = tx.row(sql, &[]).await? {
            let (name, at, remediation) = (row.string(0)?, row.time(1)?, row.string(2)?);
            return Err(Found::Slot { name, at, remediation }.into());
        }
        Ok(())
    }

    async fn compare_sign_in(&mut self, tx: &mut Tx) -> Result<(), VerifyError> {
        let sql = "SELECT principal, password, changed_at, password_by FROM accounts ORDER BY principal";
        for row in tx.rows(sql, &[]).await? {
            let principal = row.string(0)?;
            let stored = (Digest::of(row.text(1)?.as_bytes()), row.time(2)?, row.string(3)?);
            if self.passwords.remove(&principal) != Some(stored) {
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
