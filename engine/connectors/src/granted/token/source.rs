//! The source of the credential of an endpoint, or of logins by token.

use std::fmt;
use std::sync::Arc;

use clawback_model::Clock;
use data_encoding::BASE64;

use crate::config::ConfigError;
use crate::config::token::TokenConfig;
use crate::granted::context::GrantContext;
use crate::granted::secret::{Secret, SecretError, SecretSource};
use crate::granted::token::cache::Cache;
use crate::granted::token::challenge::Claims;
use crate::granted::token::failure::TokenError;
use crate::granted::token::grant::Grant;
use crate::granted::token::template::{FileTemplate, Template};
use crate::mail_store::CredentialTrial;

/// A source of credentials.
pub(crate) struct Tokens {
    /// What the credential is for, as texts name it.
    what: String,
    kind: Kind,
}

enum Kind {
    Bearer(SecretSource),
    Basic { user: Template, password: SecretSource },
    PerMailbox(FileTemplate),
    Issued(Box<Issuing>),
}

/// Tokens that are obtained, kept and renewed.
struct Issuing {
    subject: Template,
    grant: Grant,
    cache: Cache,
    clock: Arc<dyn Clock>,
}

/// A credential for one request or login.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) scheme: Scheme,
    /// The token, or `user:password` in base64.
    pub(crate) secret: Secret,
    /// The part of the secret that must not come back.
    pub(crate) hidden: Secret,
}

/// The scheme of an `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    Basic,
}

impl Scheme {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Basic => "Basic",
        }
    }
}

impl Credential {
    /// Returns whether a text repeats it.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        text.contains(self.secret.expose()) || text.contains(self.hidden.expose())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("what", &self.what).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Returns the source of one token for all.
    pub(crate) fn fixed(what: &str, token: SecretSource) -> Self {
        Self { what: what.to_owned(), kind: Kind::Bearer(token) }
    }

    /// Returns the source in the table `table`, such as `endpoints.api.auth`.
    pub(crate) fn of(
        context: &GrantContext<'_>,
        table: &str,
        what: &str,
        config: &TokenConfig,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let issued = |grant: Grant, subject: &str| {
            let (subject, cache) = (Template::new(subject), Cache::new(Arc::clone(clock)));
            Kind::Issued(Box::new(Issuing { subject, grant, cache, clock: Arc::clone(clock) }))
        };
        let named = |key: &str, text: &str| {
            if text.is_empty() || text.chars().any(char::is_control) {
                let help = "write the account, or `{mailbox}`";
                return Err(context.wrong(&format!("{table}.{key}"), "empty, or with control characters", help));
            }
            Ok(())
        };
        let kind = match config {
            TokenConfig::Bearer { token_file, token_env } => {
                let key = format!("{table}.token");
                Kind::Bearer(context.secret(&key, token_file.as_deref(), token_env.as_deref())?)
            }
            TokenConfig::Basic { user, password_file, password_env } => {
                named("user", user)?;
                if user.contains(':') {
                    let help = "write a user name without one";
                    return Err(context.wrong(&format!("{table}.user"), "holds a colon", help));
                }
                let key = format!("{table}.password");
                let password = context.secret(&key, password_file.as_deref(), password_env.as_deref())?;
                Kind::Basic { user: Template::new(user), password }
            }
            TokenConfig::PerMailbox { file } => {
                let template = FileTemplate::new(&context.path(file)).ok_or_else(|| {
                    let help = "write a path like `tokens/{mailbox}`, with `{mailbox}` in the name of the file only";
                    context.wrong(&format!("{table}.file"), "it does not name a file of each mailbox", help)
                })?;
                if !template.folder().is_dir() {
                    let problem = format!("`{}` is not a folder", template.folder().display());
                    return Err(context.wrong(&format!("{table}.file"), problem, "name the folder of the token files"));
                }
                Kind::PerMailbox(template)
            }
            TokenConfig::ClientCredentials(config) => issued(Grant::client_credentials(context, table, config)?, ""),
            TokenConfig::ServiceAccount(config) => {
                named("subject", &config.subject)?;
                issued(Grant::service_account(context, table, config)?, &config.subject)
            }
            TokenConfig::Jwt { key_file, subject, issuer, audience } => {
                named("subject", subject)?;
                issued(Grant::own(context, table, key_file, issuer.as_ref(), audience.as_ref())?, subject)
            }
        };
        Ok(Self { what: what.to_owned(), kind })
    }

    /// Returns the credential for a mailbox, or for the whole store.
    pub(crate) async fn credential(&self, mailbox: Option<&str>) -> Result<Credential, TokenError> {
        let unreadable = |error: SecretError| TokenError::Denied(format!("{}: {error}", self.what));
        let bearer = |secret: Secret| Credential { scheme: Scheme::Bearer, hidden: secret.clone(), secret };
        match &self.kind {
            Kind::Bearer(source) => source.read().map(bearer).map_err(unreadable),
            Kind::Basic { user, password } => {
                let user = user.of(mailbox).map_err(|error| self.named(error))?;
                if user.contains(':') {
                    let why = format!("{}: a mailbox whose name holds a colon is no user name", self.what);
                    return Err(TokenError::Denied(why));
                }
                let password = password.read().map_err(unreadable)?;
                let secret = Secret::new(BASE64.encode(format!("{user}:{}", password.expose()).as_bytes()));
                Ok(Credential { scheme: Scheme::Basic, secret, hidden: password })
            }
            Kind::PerMailbox(file) => {
                let path = file.of(mailbox).map_err(|error| self.named(error))?;
                SecretSource::File(path).read().map(bearer).map_err(unreadable)
            }
            Kind::Issued(issuing) => {
                let Issuing { subject, grant, cache, clock } = &**issuing;
                let name = subject.of(mailbox).map_err(|error| self.named(error))?;
                let is_mailbox = subject.names_mailbox();
                let issue = |claims: Option<Claims>| {
                    let (name, now) = (name.as_str(), clock.now());
                    async move { grant.issue(&self.what, (name, is_mailbox), now, claims.as_ref()).await }
                };
                cache.get(&name, issue).await.map(bearer)
            }
        }
    }

    /// Drops a credential that was refused; the next one is requested with the claims that the refusal demands. Returns
    /// whether another one can be obtained.
    pub(crate) async fn refuse(&self, mailbox: Option<&str>, refused: &Credential, claims: Option<Claims>) -> bool {
        let Kind::Issued(issuing) = &self.kind else { return false };
        match issuing.subject.of(mailbox) {
            Ok(name) => issuing.cache.refuse(&name, &refused.secret, claims).await,
            Err(_) => false,
        }
    }

    /// Drops a credential that was refused in parts of a batch, so that the next request has a new one.
    pub(crate) async fn refuse_in_part(&self, mailbox: Option<&str>, refused: &Credential, claims: Option<Claims>) {
        if let Kind::Issued(issuing) = &self.kind
            && let Ok(name) = issuing.subject.of(mailbox)
        {
            issuing.cache.refuse_in_part(&name, &refused.secret, claims).await;
        }
    }

    /// Records that a new credential was refused, too, with claims that the refusal demands; returns the error.
    pub(crate) async fn give_up(
        &self,
        mailbox: Option<&str>,
        refused: &Credential,
        claims: Option<&Claims>,
    ) -> TokenError {
        if let Kind::Issued(issuing) = &self.kind
            && let Ok(name) = issuing.subject.of(mailbox)
        {
            issuing.cache.give_up(&name, &refused.secret).await;
        }
        let why = match claims {
            Some(_) => {
                "demands claims that a new token lacks; check the Conditional Access policies of the application"
            }
            None => "refuses a new token; check the subject, the scope and what they may access",
        };
        TokenError::Denied(format!("{}: the server {why}", self.what))
    }

    /// Obtains the credential of a mailbox, or, without one, that of the whole store. `None` if there is no such
    /// credential, or if the operator wrote it down, so that only its use shows whether it is accepted.
    pub(crate) async fn attempt(&self, mailbox: Option<&str>) -> Option<CredentialTrial> {
        let is_of_mailbox = match &self.kind {
            Kind::Issued(issuing) => issuing.subject.names_mailbox(),
            Kind::PerMailbox(_) => true,
            Kind::Bearer(_) | Kind::Basic { .. } => return None,
        };
        if is_of_mailbox != mailbox.is_some() {
            return None;
        }
        let problem = self.credential(mailbox).await.err().map(|error| error.to_string());
        Some(CredentialTrial { what: self.what.clone(), problem })
    }

    /// Returns whether credentials are obtained, so that a refused one can be replaced.
    pub(crate) fn is_issued(&self) -> bool {
        matches!(self.kind, Kind::Issued(_))
    }

    fn named(&self, error: TokenError) -> TokenError {
        match error {
            TokenError::Denied(why) => TokenError::Denied(format!("{}: {why}", self.what)),
            other => other,
        }
    }
}
