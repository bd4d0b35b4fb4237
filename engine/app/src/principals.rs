//! Principals, their roles, passwords and tokens, as administrators see and change them.

use crate::boxed::boxed;
use std::time::Duration;

use clawback_model::{PendingRoles, Permission, Principal, PrincipalKind, Role, Timestamp, is_deceptive};
use clawback_runtime::{Error, NewToken};
use clawback_store::{Token, TokenTerms};

use crate::api::Api;
use crate::authorization::allow;

/// Characters of the longest label.
const LONGEST: usize = 200;
/// Longest time that a token that expires lasts, in days.
const LONGEST_DAYS: u32 = 3_650;

/// What a new token is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenOrder {
    /// Unique among its owner's tokens; empty: the time at which it is made.
    pub label: String,
    /// Days until it expires; `None`: never.
    pub days: Option<u32>,
    /// The subset of its owner's roles that it has; empty: all of them.
    pub roles: Vec<Role>,
}

/// A token that was just made.
pub struct MadeToken {
    /// The secret; it cannot be recovered from what is kept.
    pub secret: NewToken,
    /// Its label.
    pub label: String,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// Its owner's roles that wait for a second administrator, since they took over what another issued.
    pub pending: Option<PendingRoles>,
}

impl Api {
    /// All principals, by name. Every reader may see them, as requesters need to know who can approve.
    #[boxed]
    pub async fn principals(&self, who: &Principal) -> Result<Vec<Principal>, Error> {
        allow(who, Permission::Read)?;
        Ok(self.site().history.principals().await?)
    }

    /// Adds a person, or a service that a person owns.
    #[boxed]
    pub async fn add_principal(&self, who: &Principal, mut new: Principal) -> Result<Principal, Error> {
        allow(who, Permission::Administer)?;
        new.roles = unique(new.roles);
        may_give(who, &new.roles, &[Role::Approver], "give the role approver")?;
        self.check_owner(&new).await?;
        self.site().history.add_principal(&new, who, self.site().now()).await?;
        Ok(new)
    }

    async fn check_owner(&self, new: &Principal) -> Result<(), Error> {
        match (new.kind, &new.owner) {
            (PrincipalKind::Person, None) => Ok(()),
            (PrincipalKind::Service, None) => Err(Error::NoOwner { name: new.name.clone() }),
            (kind, Some(owner)) => {
                let fits = kind == PrincipalKind::Service
                    && self.site().history.principal(owner).await?.kind == PrincipalKind::Person;
                if fits { Ok(()) } else { Err(Error::Owner { name: new.name.clone(), owner: owner.clone() }) }
            }
        }
    }

    /// Replaces the roles of a principal. Returns those that wait for a second administrator.
    #[boxed]
    pub async fn change_roles(
        &self,
        who: &Principal,
        name: &str,
        roles: Vec<Role>,
    ) -> Result<Option<PendingRoles>, Error> {
        allow(who, Permission::Administer)?;
        may_give(who, &roles, &[Role::Approver], "give the role approver")?;
        self.keeps_an_administrator(name, &roles).await?;
        let (history, now) = (&self.site().history, self.site().now());
        if self.site().second_administrator {
            return Ok(history.ask_roles(name, &unique(roles), who, now).await?);
        }
        history.change_roles(name, &unique(roles), who, now).await?;
        Ok(None)
    }

    /// Confirms roles that another administrator asked for.
    #[boxed]
    pub async fn confirm_roles(&self, who: &Principal, name: &str) -> Result<(), Error> {
        allow(who, Permission::Administer)?;
        let pending = self.site().history.principal(name).await?.pending;
        if let Some(pending) = &pending {
            self.keeps_an_administrator(name, &pending.roles).await?;
        }
        Ok(self.site().history.confirm_roles(name, who, self.site().now()).await?)
    }

    async fn keeps_an_administrator(&self, name: &str, roles: &[Role]) -> Result<(), Error> {
        if roles.contains(&Role::Admin) {
            return Ok(());
        }
        let others = self.site().history.principals().await?;
        if others.iter().any(|other| other.name != name && other.roles.contains(&Role::Admin)) {
            return Ok(());
        }
        Err(Error::LastAdministrator { name: name.to_owned() })
    }

    /// Refuses a caller who may not manage principals, before costly work is done for them.
    pub fn may_administer(&self, who: &Principal) -> Result<(), Error> {
        allow(who, Permission::Administer)
    }

    /// Sets the password of a principal, by its hash, and ends their sessions. For administrators. A password outlives
    /// every token and has every role, so a token with fewer roles cannot set its owner's.
    #[boxed]
    pub async fn set_password(&self, who: &Principal, name: &str, hash: &str) -> Result<(), Error> {
        allow(who, Permission::Administer)?;
        if name == who.name {
            self.brings_all(who).await?;
        }
        Ok(self.site().history.set_password(name, hash, who, self.site().now()).await?)
    }

    /// The same for a caller who has just shown their own password: the new one is then issued by its owner.
    #[boxed]
    pub async fn set_own_password(&self, who: &Principal, hash: &str) -> Result<(), Error> {
        let second = self.site().second_administrator;
        self.site().history.take_over(who, hash, None, second, self.site().now()).await?;
        Ok(())
    }

    /// The same, with a first token of their own, which may vote.
    #[boxed]
    pub async fn take_over(&self, who: &Principal, hash: &str, order: TokenOrder) -> Result<MadeToken, Error> {
        let now = self.site().now();
        // The token that they were given may have been made in the same second.
        let label = if order.label.is_empty() { format!("taken over {now}") } else { order.label };
        let Made { mut token, scope, at } = self.check_order(TokenOrder { label, ..order })?;
        let terms = TokenTerms { label: &token.label, expires: token.expires, scope: scope.as_deref() };
        let first = Some((&token.secret.digest(), terms));
        token.pending = self.site().history.take_over(who, hash, first, self.site().second_administrator, at).await?;
        Ok(token)
    }

    /// Refuses a token with fewer than all the roles of its owner.
    async fn brings_all(&self, who: &Principal) -> Result<(), Error> {
        if self.site().history.principal(&who.name).await?.roles == who.roles {
            return Ok(());
        }
        let brings = who.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
        Err(Error::TokenRolesExceeded { name: who.name.clone(), brings })
    }

    /// Tokens without their secrets: all of them for administrators, their own for everybody else.
    #[boxed]
    pub async fn tokens(&self, who: &Principal) -> Result<Vec<Token>, Error> {
        allow(who, Permission::Read)?;
        let mut tokens = self.site().history.tokens().await?;
        if !who.may(Permission::Administer) {
            tokens.retain(|token| token.principal == who.name);
        }
        Ok(tokens)
    }

    /// Makes a token: anybody for themselves, administrators for anybody. A token for the caller has no more roles than
    /// the token that makes it.
    #[boxed]
    pub async fn make_token(&self, who: &Principal, name: &str, order: TokenOrder) -> Result<MadeToken, Error> {
        if name != who.name {
            allow(who, Permission::Administer)?;
        }
        let made = self.check_order(order)?;
        let within = made.scope.as_ref().is_some_and(|scope| scope.iter().all(|role| who.roles.contains(role)));
        if name == who.name && !within {
            self.brings_all(who).await?;
        }
        let brings = match &made.scope {
            Some(scope) => scope.clone(),
            None => self.site().history.principal(name).await?.roles,
        };
        let deciding = [Role::Approver, Role::Purger];
        may_give(who, &brings, &deciding, "make a token that has the role approver or purger")?;
        let Made { token, scope, at } = made;
        let terms = TokenTerms { label: &token.label, expires: token.expires, scope: scope.as_deref() };
        self.site().history.add_token(name, &token.secret.digest(), terms, who, at).await?;
        Ok(token)
    }

    fn check_order(&self, order: TokenOrder) -> Result<Made, Error> {
        let now = self.site().now();
        let label = if order.label.is_empty() { format!("made {now}") } else { order.label };
        if !is_a_label(&label) {
            return Err(Error::Label { label });
        }
        if let Some(days) = order.days.filter(|days| !(1..=LONGEST_DAYS).contains(days)) {
            return Err(Error::TokenDays { days, most: LONGEST_DAYS });
        }
        let secret = NewToken::generate(self.site().random);
        let expires = order.days.map(|days| now.plus(Duration::from_hours(u64::from(days) * 24)));
        let scope = Some(unique(order.roles)).filter(|scope| !scope.is_empty());
        Ok(Made { token: MadeToken { secret, label, expires, pending: None }, scope, at: now })
    }

    /// Revokes a token, at once and for good. Anybody may revoke their own, but only with all the roles that they have:
    /// a token with fewer ends no other.
    #[boxed]
    pub async fn revoke_token(&self, who: &Principal, name: &str, label: &str) -> Result<(), Error> {
        if who.name != name || self.site().history.principal(name).await?.roles != who.roles {
            allow(who, Permission::Administer)?;
        }
        Ok(self.site().history.revoke_token(name, label, who, self.site().now()).await?)
    }
}

/// A token that was ordered, and is not kept yet.
struct Made {
    token: MadeToken,
    scope: Option<Vec<Role>>,
    at: Timestamp,
}

/// Refuses to give roles that decide with a credential that somebody else issued.
fn may_give(who: &Principal, roles: &[Role], deciding: &[Role], what: &'static str) -> Result<(), Error> {
    if roles.iter().any(|role| deciding.contains(role)) {
        who.own_credential(what)?;
    }
    Ok(())
}

/// Whether it is one line without hidden characters that can be part of a path.
fn is_a_label(text: &str) -> bool {
    let deceives = |character: char| character == '/' || character.is_control() || is_deceptive(character);
    let fits = (1..=LONGEST).contains(&text.chars().count()) && text.trim() == text;
    fits && !matches!(text, "." | "..") && !text.chars().any(deceives)
}

fn unique(mut roles: Vec<Role>) -> Vec<Role> {
    roles.sort_unstable();
    roles.dedup();
    roles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_they_are() {
        for good in ["ann", "Ann Boleyn", "siem@corp.example", "Zoë", "made 2026-11-25T08:00:00Z", &"a".repeat(200)] {
            assert!(is_a_label(good), "{good}");
        }
        for bad in ["", " ", "ann ", ".", "..", "a/b", "ann\n", "ann\u{202e}", "\u{1b}[31m", &"a".repeat(201)] {
            assert!(!is_a_label(bad), "{bad:?}");
        }
    }
}
